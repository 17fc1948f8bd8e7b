package steer_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/steer"
	"gopherlens/internal/golden"
)

// rows is x as rows of n numbers.
func rows(x []float32, n int) (out [][]float32) { return slices.Collect(slices.Chunk(x, n)) }

func dot(a, b []float32) (sum float64) {
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// TestEdits holds what edits make of the activations against their formulas, at the picked places
// and at the others, which stay. Strength 0 is a run without the edit.
func TestEdits(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := tiny(t, be, "gpt2")
		v := must(must(steer.Load(fixtures + "gpt2_all.gguf"))(t).Only(1))(t)
		site, d := hooked.ResidPost.At(1), v.Directions[1]
		u := must(v.Unit())(t).Directions[1]
		if n := must(v.Unit())(t).Norms(); math.Abs(n[0]-1) > 1e-6 {
			t.Errorf("a unit vector has length %v", n[0])
		}
		tokens := hooked.Tokens{{1, 5, 6, 7}, {1, 9, 8, 3}}
		at := func(options ...hooked.Option) [][]float32 {
			return rows(must(m.Cache(tokens, append(options, hooked.Names(site))...))(t).Get(site).Float32s(), len(d))
		}
		plain := at()
		for what, c := range map[string]struct {
			option func(at ...hooked.Entries) hooked.Option
			want   func(x []float32) (along, across float64) // what it adds along u, and its factor of all else
		}{
			"AddTo":      {func(at ...hooked.Entries) hooked.Option { return steer.AddTo(v, -2.5, at...) }, func(x []float32) (float64, float64) { return dot(x, u) - 2.5*dot(d, u), 1 }},
			"AddTo 0":    {func(at ...hooked.Entries) hooked.Option { return steer.AddTo(v, 0, at...) }, func(x []float32) (float64, float64) { return dot(x, u), 1 }},
			"ProjectOut": {func(at ...hooked.Entries) hooked.Option { return steer.ProjectOut(v, at...) }, func(x []float32) (float64, float64) { return 0, 1 }},
			"Clamp":      {func(at ...hooked.Entries) hooked.Option { return steer.Clamp(v, 3.5, at...) }, func(x []float32) (float64, float64) { return 3.5, 1 }},
			"KeepingNorm": {func(at ...hooked.Entries) hooked.Option { return steer.AddKeepingNorm(v, 2, at...) }, func(x []float32) (float64, float64) {
				across := dot(x, x) - dot(x, u)*dot(x, u)
				along := dot(x, u) + 2*dot(d, u)
				factor := math.Sqrt(dot(x, x) / (across + along*along))
				return along * factor, factor
			}},
		} {
			for _, entries := range [][]hooked.Entries{nil, {hooked.Pos(-1), hooked.Prompt(1)}} {
				for i, got := range at(c.option(entries...)) {
					x := plain[i]
					along, factor := c.want(x)
					if entries != nil && i != 7 {
						along, factor = dot(x, u), 1
					}
					want := make([]float32, len(x))
					for k := range x {
						want[k] = float32((float64(x[k])-dot(x, u)*float64(u[k]))*factor + along*float64(u[k]))
					}
					golden.Close(t, what, got, want, golden.Tolerance{Abs: 2e-5, Rel: 1e-5})
					if math.Abs(dot(got, u)-along) > 2e-5 {
						t.Errorf("%s: %v along the direction, want %v", what, dot(got, u), along)
					}
				}
			}
		}
		base := must(m.Run(tokens))(t).Float32s()
		for what, o := range map[string]hooked.Option{"AddTo": steer.AddTo(v, 0), "AddKeepingNorm": steer.AddKeepingNorm(v, 0)} {
			golden.Close(t, what+" of strength 0", must(m.Run(tokens, o))(t).Float32s(), base, golden.Tolerance{Abs: 1e-6})
		}
	})
}

// TestCancelled holds that an activation which the vector cancels out is zeros, not NaN.
func TestCancelled(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	site := hooked.ResidPost.At(1)
	x := must(m.Cache([]int{1}, hooked.Names(site)))(t).Get(site).Float32s()
	v := must(steer.FromTensor(site, must(m.NewTensor(x, "d_model"))(t)))(t)
	got := must(m.Cache([]int{1}, hooked.Names(site), steer.AddKeepingNorm(v, -1)))(t).Get(site).Float32s()
	if !slices.Equal(got, make([]float32, len(x))) {
		t.Errorf("%v is left", got)
	}
}

// TestSteps compares a generation under an edit of some steps with whole runs under the same edit
// of the positions that these steps compute.
func TestSteps(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "llama")
	v := must(steer.Load(fixtures + "llama_all.gguf"))(t)
	prompt := []int{0, 296, 308, 274}
	const n, strength = 5, 30
	g := hooked.Generation{MaxNewTokens: n, StopTokens: []int{}}
	plain := must(m.Generate(hooked.Tokens{prompt}, g))(t)[0]
	for _, c := range []struct{ first, last, from, to int }{{0, 1, 3, 4}, {1, 3, 4, 6}, {2, 0, 5, 100}, {0, 0, 3, 100}} {
		got := must(m.Generate(hooked.Tokens{prompt}, g, steer.AddTo(v, strength, steer.Steps(len(prompt), c.first, c.last))))(t)[0]
		ids := slices.Clone(prompt)
		for range n {
			var edit []hooked.Option
			if c.from < len(ids) {
				edit = append(edit, steer.AddTo(v, strength, hooked.Pos(hooked.Range{From: c.from, To: min(c.to, len(ids))})))
			}
			logits := must(m.Run(hooked.Tokens{ids}, append(edit, hooked.LogitsAt(-1))...))(t)
			ids = append(ids, logits.ArgMax("d_vocab").Ints()[0])
		}
		if !slices.Equal(got, ids) {
			t.Errorf("steps %d to %d: %v, want %v", c.first, c.last, got, ids)
		}
		if before := len(prompt) + c.first; !slices.Equal(got[:before], plain[:before]) || slices.Equal(got, plain) {
			t.Errorf("steps %d to %d: %v, without the edit %v", c.first, c.last, got, plain)
		}
	}
}

// TestStepsOfSeveral holds that steps are the same of a prompt that is padded on the left, beside a
// longer one, as of the prompt alone.
func TestStepsOfSeveral(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "llama")
	v := must(steer.Load(fixtures + "llama_all.gguf"))(t)
	texts := []string{"When John and Mary went to the shops", "A dog"}
	g := hooked.Generation{MaxNewTokens: 6, StopTokens: []int{}}
	generate := func(texts []string, options ...hooked.Option) (ids hooked.Tokens, longest int) {
		for _, row := range must(m.ToTokens(texts))(t) {
			longest = max(longest, len(row))
		}
		options = append(options, hooked.PaddingSide(hooked.Left))
		ids = must(m.Generate(texts, g, append(options, steer.AddTo(v, 30, steer.Steps(longest, 2, 4)))...))(t)
		return ids, longest
	}
	both, longest := generate(texts)
	for i, text := range texts {
		alone, n := generate([]string{text})
		if !slices.Equal(both[i][longest:], alone[0][n:]) {
			t.Errorf("%q: %v beside another, %v alone", text, both[i][longest:], alone[0][n:])
		}
	}
}
