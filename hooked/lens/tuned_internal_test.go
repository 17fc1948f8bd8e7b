package lens

import (
	"fmt"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// tunedGolden is what testdata/tuned_lens/make.py has computed with PyTorch.
type tunedGolden struct {
	H                [][]float32
	Read             [][][]float32
	X, Final         []float32
	WU               []float32 `json:"w_u"`
	BU               []float32 `json:"b_u"`
	Eps, Rate, Decay float64
	Tokens, D, Vocab int
	Steps            []tunedStep
}

type tunedStep struct {
	KL           float32
	Weight, Bias []float32
}

// torchTolerance is about ten times the rounding of float32 at these numbers.
var torchTolerance = golden.Tolerance{Abs: 2e-5, Rel: 2e-5}

// TestTunedStep takes three steps as PyTorch's SGD with Nesterov momentum, weight decay and clipped
// gradients does.
func TestTunedStep(t *testing.T) {
	var g tunedGolden
	golden.JSON(t, "testdata/tuned_lens/golden.json", &g)
	array := func(axes string, values []float32, shape ...int) *hooked.Tensor {
		return hooked.Must(hooked.NewTensor(&hooked.Array{Shape: shape, Data: values}, axes))
	}
	e := &end{cfg: hooked.Config{Normalization: hooked.RMSPre, Eps: g.Eps},
		with: []*hooked.Tensor{array("d_model d_vocab", g.WU, g.D, g.Vocab), array("d_vocab", g.BU, g.Vocab)}}
	lens := &TunedLens{about: tunedAbout{DModel: g.D}}
	x, final := array("token d_model", g.X, g.Tokens, g.D), array("token d_model", g.Final, g.Tokens, g.D)
	logP := hooked.Must(e.read(lens, Streams{Final: final}))
	number := func(v float64) *hooked.Tensor { return hooked.NewFull(float32(v), "one", 1) }
	zero := func() (w, b *hooked.Tensor) {
		return hooked.NewZeros("out in", g.D, g.D), hooked.NewZeros("d_model", g.D)
	}
	w, b := zero()
	mw, mb := zero()
	for i, want := range g.Steps {
		out, err := hooked.ApplyAll("out in, d_model, out in, d_model,", func(in []*graph.Node) []*graph.Node {
			in[6], in[7] = graph.Reshape(in[6]), graph.Reshape(in[7])
			return e.stepped(in)
		}, append([]*hooked.Tensor{x, logP, w, b, mw, mb, number(g.Rate), number(g.Decay)}, e.with...)...)
		if err != nil {
			t.Fatal(err)
		}
		w, b, mw, mb = out[0], out[1], out[2], out[3]
		what := fmt.Sprintf("step %d", i)
		golden.Close(t, what+": divergence", out[4].Float32s(), []float32{want.KL}, torchTolerance)
		golden.Close(t, what+": weight", w.Float32s(), want.Weight, torchTolerance)
		golden.Close(t, what+": bias", b.Float32s(), want.Bias, torchTolerance)
	}
}

// TestTunedLensOfPackage reads a folder in the layout of the package tuned-lens, and what its lens
// makes of a stream.
func TestTunedLensOfPackage(t *testing.T) {
	var g tunedGolden
	golden.JSON(t, "testdata/tuned_lens/golden.json", &g)
	lens, err := OpenTunedLens("testdata/tuned_lens")
	if err != nil {
		t.Fatal(err)
	}
	h := hooked.Must(hooked.NewTensor(g.H, "pos d_model"))
	for l, want := range g.Read {
		var flat []float32
		for _, row := range want {
			flat = append(flat, row...)
		}
		golden.Close(t, fmt.Sprintf("layer %d", l), hooked.Must(lens.Translate(l, h)).Float32s(), flat, torchTolerance)
	}
}
