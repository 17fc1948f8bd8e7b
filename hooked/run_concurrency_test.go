package hooked_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// manyRuns are runs of every kind, each giving some numbers.
func manyRuns(m *hooked.Model, tokens hooked.Tokens) map[string]func() ([]float32, error) {
	values := func(t *hooked.Tensor, err error) ([]float32, error) {
		if err != nil {
			return nil, err
		}
		return t.Float32s(), nil
	}
	return map[string]func() ([]float32, error){
		"logits": func() ([]float32, error) { return values(m.Run(tokens)) },
		"loss":   func() ([]float32, error) { return values(m.Loss(tokens)) },
		"cache": func() ([]float32, error) {
			cache, err := m.Cache(tokens, hooked.Names("resid_post"))
			if err != nil {
				return nil, err
			}
			return cache.Get("resid_post", -1).At(0, -1).Float32s(), nil
		},
		"edit": func() ([]float32, error) {
			return values(m.Run(tokens, hooked.Edit(hooked.AttnZ.At(0), hooked.ZeroHead(tokens[0][0]%2))))
		},
		"weight": func() ([]float32, error) { return values(m.WQ()) },
		"generation": func() ([]float32, error) {
			out, err := m.Generate(tokens, noStop(3))
			var ids []float32
			for _, id := range slices.Concat(out...) {
				ids = append(ids, float32(id))
			}
			return ids, err
		},
	}
}

// TestManyGoroutines runs two models on several inputs at once, each run twice, and compares with
// the same runs one after the other. It is meant for the race detector too.
func TestManyGoroutines(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		runs := make(map[string]func() ([]float32, error))
		for _, name := range []string{"gpt2", "llama"} {
			m := load(t, name, hooked.DefaultProcessing, be)
			for i := range 2 {
				for what, run := range manyRuns(m, hooked.Tokens{{i + 1, 20, 30, 40}}) {
					runs[fmt.Sprintf("%s %d %s", name, i, what)] = run
				}
			}
		}
		var mu sync.Mutex
		var wait sync.WaitGroup
		got := make(map[string][]float32)
		for name, run := range runs {
			for range 2 {
				wait.Go(func() {
					values, err := run()
					if err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					if before := got[name]; before != nil {
						golden.Close(t, name+", both times", values, before, exact)
					}
					got[name] = values
				})
			}
		}
		wait.Wait()
		for name, run := range runs {
			alone, err := run()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			golden.Close(t, name, got[name], alone, exact)
		}
	})
}
