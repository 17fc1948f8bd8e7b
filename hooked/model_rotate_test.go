package hooked_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// Rotate does to queries and keys what the model does, at all positions and at some, and to their
// parts what it does to the whole.
func TestRotate(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, family := range []string{"arch/llama", "arch/gptj", "arch/gpt_neox", "arch/phi", "rope/dynamic", "rope/longrope", "rope/yarn", "gguf/llama3_rope.gguf"} {
			if golden.LeftOut(be, family, "arch/gptj") {
				continue
			}
			m := hooked.Must(hooked.FromPretrained("testdata/"+family, hooked.NoProcessing, hooked.LoadOptions{Backend: be}))
			cache := hooked.Must(m.Cache(hooked.Tokens{{1, 5, 9, 2, 7}, {3, 4, 8, 1, 6}}))
			for l := range m.Config().NLayers {
				q, want := cache.Get("q", l), cache.Get("rot_q", l)
				got := hooked.Must(m.Rotate(l, q))
				within(t, family, got.Float32s(), want.Float32s(), 1e-6)
				within(t, family+" keys", hooked.Must(m.Rotate(l, cache.Get("k", l))).Float32s(), cache.Get("rot_k", l).Float32s(), 1e-6)

				one := q.At(0, hooked.All, 1) // [pos, d_head]
				within(t, family+" head", hooked.Must(m.Rotate(l, one)).Float32s(), want.At(0, hooked.All, 1).Float32s(), 1e-6)
				some := hooked.Must(m.Rotate(l, q.At(hooked.All, []int{4, 2}), 4, 2))
				within(t, family+" positions", some.Float32s(), want.At(hooked.All, []int{4, 2}).Float32s(), 1e-6)

				half := q.Scale(0.25)
				parts := hooked.Must(m.Rotate(l, hooked.StackTensors("component", half, q.Sub(half))))
				within(t, family+" parts", parts.Sum("component").Float32s(), want.Float32s(), 1e-5)
			}
		}
	})
}

func TestRotateErrors(t *testing.T) {
	be := golden.PureGo(t)
	m := hooked.Must(hooked.FromPretrained("testdata/arch/llama", hooked.NoProcessing, hooked.LoadOptions{Backend: be}))
	q := hooked.Must(m.Cache(hooked.Tokens{{1, 5, 9}})).Get("q", 0)
	for _, test := range []struct {
		name string
		f    func() (*hooked.Tensor, error)
		want string
	}{
		{"no rotary model", func() (*hooked.Tensor, error) { return tapModel(t, be).Rotate(0, q) }, "standard"},
		{"no axis of positions", func() (*hooked.Tensor, error) { return m.Rotate(0, q.Named("a b c d_head")) }, "no axis pos"},
		{"no heads", func() (*hooked.Tensor, error) {
			return m.Rotate(0, q.At(hooked.All, hooked.All, hooked.All, hooked.Range{To: 2}))
		}, "d_head"},
		{"no tensor", func() (*hooked.Tensor, error) { return m.Rotate(0, nil) }, "nil"},
		{"no such layer", func() (*hooked.Tensor, error) { return m.Rotate(9, q) }, "layer 9"},
		{"too few positions", func() (*hooked.Tensor, error) { return m.Rotate(0, q, 1, 2) }, "2 positions for an axis of 3"},
		{"a negative position", func() (*hooked.Tensor, error) { return m.Rotate(0, q, 0, 1, -1) }, "position -1"},
	} {
		if _, err := test.f(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want something of %q", test.name, err, test.want)
		}
	}
	if _, err := m.Rotate(0, q, 0, 1, 1<<20); !errors.Is(err, hooked.ErrOutOfContext) {
		t.Errorf("beyond the context: %v", err)
	}
}
