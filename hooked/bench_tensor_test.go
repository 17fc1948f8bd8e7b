package hooked_test

import (
	"testing"

	"gopherlens/hooked"
)

// BenchmarkTensors does what a notebook's cell does with activations, compiled before: a softmax, a
// sum, the largest entries, and an einsum of a whole cache's stack.
func BenchmarkTensors(b *testing.B) {
	m := newTiny(b, benchConfig, nil)
	_, cache, err := m.RunWithCache(benchTokens(), hooked.Names(hooked.ResidPost.At(2), hooked.AttnPattern.At(2)))
	if err != nil {
		b.Fatal(err)
	}
	x, pattern := cache.Get("resid_post", 2), cache.Get("pattern", 2)
	for name, f := range map[string]func(){
		"softmax": func() { x.Softmax("d_model") },
		"sum":     func() { x.Sum("pos") },
		"topk":    func() { x.TopK(5, "d_model") },
		"einsum":  func() { pattern.Einsum("b h q k, b k d -> b h q d", x) },
	} {
		b.Run(name, func(b *testing.B) {
			measure(b, func() error { f(); return nil })
		})
	}
}
