package hooked_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// An edit sees an earlier site as it is after its edits, and the tokens of the run.
func TestEarlier(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := tapModel(t, be)
		see := hooked.With(func(x *Node, s hooked.Site, _ []*Node) *Node {
			hooked.Tap("seen", hooked.Earlier("blocks.1.ln2.hook_normalized", x), "batch pos d_model")
			hooked.Tap("tokens", hooked.TokensOf(x), "batch pos")
			return x
		}).Local()
		at := hooked.MLPOut.At(1)
		_, cache := hooked.Must2(m.RunWithCache(tapTokens, hooked.Edit(at, see), hooked.Edit(hooked.LN2Normalized.At(1), hooked.ScaleBy(2))))
		within(t, "earlier", cache.Get(at.Tap("seen")).Float32s(), cache.Get(hooked.LN2Normalized.At(1)).Float32s(), 0)
		for i, row := range cache.Get(at.Tap("tokens")).IntRows() {
			for k, id := range row {
				if id != tapTokens[i][k] {
					t.Errorf("tokens %v, want %v", row, tapTokens[i])
				}
			}
		}
	})
}

// mlp.hook_in is the norm's output with its weights, whatever the norm.
func TestMLPHookIn(t *testing.T) {
	for _, kind := range []hooked.Normalization{hooked.LN, hooked.RMS, hooked.NoNorm} {
		m := hooked.Must(hooked.New(hooked.Config{NLayers: 2, DModel: 8, NCtx: 16, DHead: 4, NHeads: 2, DMLP: 16, DVocab: 11, ActFn: hooked.GELU,
			Normalization: kind, Seed: 3}, hooked.LoadOptions{Backend: golden.PureGo(t)}))
		at := hooked.MLPHookIn.At(1)
		logits, cache := hooked.Must2(m.RunWithCache(tapTokens, hooked.Names(at, hooked.ResidMid.At(1), hooked.MLPOut.At(1))))
		in := cache.Get(at)
		if kind != hooked.NoNorm {
			want := hooked.Must(m.LN2(1, cache.Get(hooked.ResidMid.At(1))))
			within(t, string(kind), in.Float32s(), want.Float32s(), 1e-6)
		}
		within(t, string(kind)+", the MLP of it", hooked.Must(m.MLP(1, in)).Float32s(), cache.Get(hooked.MLPOut.At(1)).Float32s(), 1e-6)
		edited := hooked.Must(m.Run(tapTokens, hooked.Edit(at, hooked.ScaleBy(2))))
		if !(largest(edited.Float32s(), logits.Float32s()) > 1e-4) {
			t.Errorf("%s: an edit changed nothing", kind)
		}
	}
}

func TestReachErrors(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	reading := func(name string) hooked.Option {
		return hooked.Edit(hooked.MLPOut.At(1), hooked.With(func(x *Node, _ hooked.Site, _ []*Node) *Node {
			return Add(x, hooked.Earlier(name, x))
		}).Local())
	}
	resid := hooked.Must(m.Cache(tapTokens, hooked.Names(hooked.ResidPre.At(1)))).Get(hooked.ResidPre.At(1))
	tokens := hooked.Edit(hooked.ResidPre.At(1), func(x *Node, _ hooked.Site) *Node {
		hooked.TokensOf(x)
		return x
	})
	for _, test := range []struct {
		name    string
		input   any
		options []hooked.Option
		want    []string
	}{
		{"a later site", tapTokens, []hooked.Option{reading("blocks.2.hook_mlp_out")}, []string{"blocks.2.hook_mlp_out", "not come to it"}},
		{"another layer, of a local edit", tapTokens, []hooked.Option{reading("blocks.0.hook_mlp_out")}, []string{"Local"}},
		{"a site on request", tapTokens, []hooked.Option{reading("blocks.1.mlp.hook_in")}, []string{"blocks.1.mlp.hook_in", "hooked.Names"}},
		{"no site", tapTokens, []hooked.Option{reading("blocks.1.hook_mlp")}, []string{"blocks.1.hook_mlp"}},
		{"no tokens", resid, []hooked.Option{tokens, hooked.StartAtLayer(1)}, []string{"residual stream"}},
		{"an option that fails", tapTokens, []hooked.Option{hooked.Fails(errors.New("no good"))}, []string{"no good"}},
		{"one without an error", tapTokens, []hooked.Option{hooked.Fails(nil)}, []string{"no error"}},
	} {
		_, err := m.Run(test.input, test.options...)
		if err == nil {
			t.Errorf("%s: no error", test.name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q says nothing of %q", test.name, err, want)
			}
		}
	}
	for name, f := range map[string]func(){"Earlier": func() { hooked.Earlier("hook_embed", nil) }, "TokensOf": func() { hooked.TokensOf(nil) }} {
		if err := hooked.Try(f); err == nil || !strings.Contains(err.Error(), "inside an edit") {
			t.Errorf("%s outside of an edit: %v", name, err)
		}
	}
}

// A metric that looks at a neuron has the neuron's gradient: what a small step along it changes.
// What comes after the neuron has none.
func TestMetricOfASite(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	const site, neuron, pos = "blocks.1.mlp.hook_post", 3, 2
	metric := hooked.NewMetric(nil, func(logits *Node, _ []*Node) *Node {
		return Reshape(Slice(hooked.Earlier(site, logits), AxisRange(), AxisElem(pos), AxisElem(neuron)), logits.Shape().Dim(0))
	})
	tokens := tapTokens[:1]
	at := hooked.ResidPre.At(1)
	value, cache, grads, err := m.RunWithGradients(tokens, metric, hooked.Names(at, site), hooked.Gradients(at, hooked.ResidPost.At(1)))
	if err != nil {
		t.Fatal(err)
	}
	read := func(c *hooked.Cache) float64 { return float64(c.Get(site).At(0, pos, neuron).Item()) }
	if got := float64(value.Item()); got != read(cache) {
		t.Errorf("the metric is %v, the neuron %v", got, read(cache))
	}
	direction := hooked.NewNormal(5, "batch pos d_model", cache.Get(at).Shape()...)
	const step = 1e-2
	moved := func(by float64) float64 {
		return read(hooked.Must(m.Cache(tokens, hooked.Names(site), hooked.Edit(at, hooked.AddTo(direction.Scale(by))))))
	}
	slope, want := float64(grads.Get(at).Mul(direction).Sum().Item()), (moved(step)-moved(-step))/(2*step)
	if !(math.Abs(slope-want) < 1e-2*math.Abs(want)) || math.Abs(want) < 1e-3 {
		t.Errorf("the gradient says %v along a direction, and it is %v", slope, want)
	}
	if after := grads.Get(hooked.ResidPost.At(1)).Abs().Max().Item(); after != 0 {
		t.Errorf("what comes after the neuron has a gradient of %v", after)
	}
	doubled := hooked.Edit(at, func(x *Node, _ hooked.Site) *Node { return hooked.Tap("twice", MulScalar(x, 2), "batch pos d_model") })
	ofTap := hooked.NewMetric(nil, func(logits *Node, _ []*Node) *Node {
		return ReduceAllSum(hooked.Earlier("blocks.1.hook_resid_pre.twice", logits))
	})
	value, _, grads, err = m.RunWithGradients(tokens, ofTap, doubled, hooked.Names(hooked.Embed), hooked.Gradients(hooked.Embed))
	if err != nil {
		t.Fatal(err)
	}
	if want := 2 * float64(cache.Get(at).Sum().Item()); math.Abs(float64(value.Item())-want) > 1e-3*math.Abs(want) || grads.Get(hooked.Embed).Abs().Max().Item() == 0 {
		t.Errorf("a metric of a tap is %v, want %v, with a gradient", value.Item(), want)
	}
	tap := hooked.NewMetric(nil, func(logits *Node, _ []*Node) *Node {
		return ReduceAllSum(hooked.Tap("mine", logits, "batch pos d_vocab"))
	})
	if _, _, _, err := m.RunWithGradients(tokens, tap); err == nil || !strings.Contains(err.Error(), "a metric makes no taps") {
		t.Errorf("a tap in a metric: %v", err)
	}
}
