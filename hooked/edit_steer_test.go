package hooked_test

import (
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/steer"
	"gopherlens/internal/golden"
)

// TestSteeringCompilesOnce holds that a vector's strength, direction and positions are run-time
// values, in runs and in generations.
func TestSteeringCompilesOnce(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.NoProcessing, be)
		tokens := hooked.Tokens{{1, 2, 3, 4}}
		g := hooked.Generation{MaxNewTokens: 3, StopTokens: []int{}}
		hooked.Must(m.Generate(tokens, g)) // steps that do not compute a picked position are without the edit
		v := hooked.Must(steer.Load("steer/testdata/control_vectors/gpt2_all.gguf"))
		other := hooked.Must(steer.Load("steer/testdata/control_vectors/trained_gpt2.gguf"))
		for what, edit := range map[string]func(v *steer.Vector, strength float64, pos int) hooked.Option{
			"AddTo": func(v *steer.Vector, s float64, pos int) hooked.Option { return steer.AddTo(v, s, hooked.Pos(pos)) },
			"AddKeepingNorm": func(v *steer.Vector, s float64, pos int) hooked.Option {
				return steer.AddKeepingNorm(v, s, hooked.Pos(pos))
			},
			"Clamp": func(v *steer.Vector, s float64, pos int) hooked.Option { return steer.Clamp(v, s, hooked.Pos(pos)) },
		} {
			if golden.LeftOut(be, what, "AddTo") {
				continue
			}
			run := func(v *steer.Vector, strength float64, pos int) []float32 {
				hooked.Must(m.Generate(tokens, g, edit(v, strength, pos)))
				return hooked.Must(m.Run(tokens, edit(v, strength, pos))).Float32s()
			}
			first := run(v, 1.5, -1)
			compiled := m.Programs()
			second := run(other, -7, 2)
			run(v, 0, 1)
			if n := m.Programs() - compiled; n != 0 {
				t.Errorf("%s: another strength, vector and position compiled %d programs", what, n)
			}
			if slices.Equal(first, second) {
				t.Errorf("%s: another strength, vector and position changed nothing", what)
			}
		}
	})
}
