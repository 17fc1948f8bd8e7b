package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// noStop makes as many tokens as asked for.
func noStop(n int) hooked.Generation {
	return hooked.Generation{MaxNewTokens: n, StopTokens: []int{}}
}

// TestGenerateWithHooks compares generation under an edit, and what it records, with whole runs
// under the same edit.
func TestGenerateWithHooks(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "llama", hooked.DefaultProcessing, be)
		prompt := []int{0, 296, 308, 274}
		edit := hooked.Edit(hooked.AttnZ, hooked.ScaleBy(3, hooked.Head(0, 4)))
		ids := slices.Clone(prompt)
		for step, err := range m.GenerateStream(hooked.Tokens{prompt}, noStop(4), edit, hooked.Names("pattern")) {
			if err != nil {
				t.Fatal(err)
			}
			logits, cache := hooked.Must2(m.RunWithCache(hooked.Tokens{ids}, edit, hooked.LogitsAt(-1), hooked.Names("pattern")))
			if want := logits.ArgMax("d_vocab").Ints()[0]; step.Tokens[0] != want {
				t.Fatalf("after %v came %d, want %d", ids, step.Tokens[0], want)
			}
			got := step.Cache.Get("pattern", -1).At(0, hooked.All, -1).Float32s()
			golden.Close(t, "pattern of the last query", got, cache.Get("pattern", -1).At(0, hooked.All, -1).Float32s(), golden.Default)
			ids = append(ids, step.Tokens[0])
		}
		if plain := hooked.Must(m.Generate(hooked.Tokens{prompt}, noStop(4))); slices.Equal(plain[0], ids) {
			t.Error("the edit changed nothing")
		}
	})
}

// TestStepsOfSeveralLayers compares what the steps of a deep model record, whose programs are of
// four layers, with a whole run. Local and global layers by turns make two such programs one; a
// local layer out of turn makes them two.
func TestStepsOfSeveralLayers(t *testing.T) {
	const g, l = hooked.GlobalAttention, hooked.LocalAttention
	for _, kinds := range [][]hooked.AttentionKind{{g, l, g, l, g, l, g, l}, {g, l, g, l, g, l, l, l}} {
		golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
			cfg := tiny
			cfg.NLayers, cfg.AttnTypes, cfg.WindowSize = len(kinds), kinds, 2
			cfg.PositionalEmbedding, cfg.NCtx = hooked.RotaryPositions, 16
			m := newTiny(t, cfg, be)
			ids := []int{1, 2, 3}
			for step, err := range m.GenerateStream(hooked.Tokens{ids}, noStop(4), hooked.Names("*")) {
				if err != nil {
					t.Fatal(err)
				}
				_, whole := hooked.Must2(m.RunWithCache(hooked.Tokens{ids}, hooked.Names("*")))
				for _, s := range []hooked.Site{hooked.ResidPost, hooked.AttnRotQ, hooked.AttnZ, hooked.MLPOut} {
					for layer := range kinds {
						got, want := step.Cache.Get(s.At(layer)).At(0, -1), whole.Get(s.At(layer)).At(0, -1)
						golden.Close(t, s.At(layer).Name(), got.Float32s(), want.Float32s(), golden.Default)
					}
				}
				ids = append(ids, step.Tokens[0])
			}
		})
	}
}

// TestLayersTogether counts the programs that a step of generation compiles.
func TestLayersTogether(t *testing.T) {
	const g, l = hooked.GlobalAttention, hooked.LocalAttention
	for _, c := range []struct {
		kinds []hooked.AttentionKind
		want  int
	}{
		{[]hooked.AttentionKind{g, l, g, l, g, l, g, l}, 3}, // embedding, layers, end
		{[]hooked.AttentionKind{g, l, g, l, g, l, l, l}, 4},
		{[]hooked.AttentionKind{g, g, g, g, g}, 3}, // five cannot be shared out
	} {
		cfg := tiny
		cfg.NLayers, cfg.AttnTypes, cfg.WindowSize, cfg.NCtx = len(c.kinds), c.kinds, 2, 16
		m := newTiny(t, cfg, nil)
		steps, before := 0, 0
		for _, err := range m.GenerateStream(hooked.Tokens{{1, 2, 3}}, noStop(3)) {
			if err != nil {
				t.Fatal(err)
			}
			if steps++; steps == 1 {
				before = m.Programs()
			}
		}
		if got := m.Programs() - before; got != c.want {
			t.Errorf("%v: the steps compiled %d programs, want %d", c.kinds, got, c.want)
		}
	}
}

// TestGeneratePadded continues texts of unequal length: each as if it were alone.
func TestGeneratePadded(t *testing.T) {
	texts := []string{"When John and Mary", "The cat", "John gave the bag to"}
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range []string{"gpt2", "llama"} {
			m := load(t, name, hooked.DefaultProcessing, be)
			together := hooked.Must(m.Generate(texts, noStop(5)))
			for i, text := range texts {
				alone := hooked.Must(m.Generate(text, noStop(5)))[0]
				row := together[i]
				if got := row[len(row)-len(alone):]; !slices.Equal(got, alone) {
					t.Errorf("%s: %q continued beside others %v, alone %v", name, text, got, alone)
				}
			}
		}
	})
}

// TestGenerateCompilesOnce sees that the steps share one program, edits included.
func TestGenerateCompilesOnce(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.DefaultProcessing, be)
		edit := hooked.Edit(hooked.MLPOut, hooked.ScaleBy(0.5))
		compiled, n := 0, 0
		for _, err := range m.GenerateStream(hooked.Tokens{{0, 1, 2}}, noStop(8), edit) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 2 {
				compiled = m.Programs()
			}
		}
		if more := m.Programs() - compiled; n != 8 || more != 0 {
			t.Errorf("%d steps; those after the second compiled %d programs", n, more)
		}
	})
}

// TestGenerateOnCache continues what a key-value cache holds and leaves it as it is.
func TestGenerateOnCache(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.DefaultProcessing, be)
		prompt := []int{0, 296, 308, 274, 293}
		want := hooked.Must(m.Generate(hooked.Tokens{prompt}, noStop(4)))[0]
		kv := m.NewKVCache(1)
		hooked.Must(m.Run(hooked.Tokens{prompt[:3]}, hooked.WithKV(kv)))
		for range 2 { // the second time shows that the first changed nothing
			if got := hooked.Must(m.Generate(hooked.Tokens{prompt[3:]}, noStop(4), hooked.WithKV(kv)))[0]; !slices.Equal(got, want[3:]) {
				t.Errorf("on a cache %v, want %v", got, want[3:])
			}
		}
		if kv.Len() != 3 {
			t.Errorf("the cache grew to %d", kv.Len())
		}
	})
}

// TestTopKOfOneIsGreedy draws from one token only.
func TestTopKOfOneIsGreedy(t *testing.T) {
	m := load(t, "llama", hooked.DefaultProcessing, nil)
	drawn := noStop(6)
	drawn.Sampling = hooked.Sampling{Temperature: 1, TopK: 1}
	prompt := hooked.Tokens{{0, 296, 308}}
	if got, want := hooked.Must(m.Generate(prompt, drawn)), hooked.Must(m.Generate(prompt, noStop(6))); !slices.Equal(got[0], want[0]) {
		t.Errorf("top 1 gave %v, greedy %v", got, want)
	}
}

// TestStreamStops leaves a generation early, and counts what an observer sees.
func TestStreamStops(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, nil)
	var seen [][]int
	observe := hooked.Observe(hooked.ResidPost.At(0), func(x *hooked.Tensor, _ hooked.Site) { seen = append(seen, x.Shape()) })
	for range m.GenerateStream(hooked.Tokens{{0, 1, 2}}, noStop(9), observe) {
		if len(seen) == 2 {
			break
		}
	}
	if len(seen) != 2 || seen[0][1] != 3 || seen[1][1] != 1 {
		t.Errorf("the observer saw shapes %v, want the prompt's 3 positions, then 1", seen)
	}
}

// TestBadGenerations fails before the first token.
func TestBadGenerations(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, nil)
	one := hooked.Tokens{{0, 1}}
	for want, run := range map[string]func() error{
		"MaxNewTokens is -3":        func() error { _, err := m.Generate(one, noStop(-3)); return err },
		"the model's context is 40": func() error { _, err := m.Generate(one, noStop(40)); return err },
		"Temperature -1": func() error {
			_, err := m.Generate(one, hooked.Generation{Sampling: hooked.Sampling{Temperature: -1}})
			return err
		},
		"Generate does not take StopAtLayer":         func() error { _, err := m.Generate(one, noStop(3), hooked.StopAtLayer(1)); return err },
		"token 999 is outside the vocabulary of 336": func() error { _, err := m.Generate(hooked.Tokens{{999}}, noStop(3)); return err },
		`nearest: "blocks.0.hook_resid_pre"`: func() (err error) {
			for _, err = range m.GenerateStream(one, noStop(3), hooked.Names("blocks.0.hook_resid_pr")) {
			}
			return err
		},
		"the input has no tokens": func() error { _, err := m.Generate(hooked.Tokens{}, noStop(3)); return err },
	} {
		if err := run(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
