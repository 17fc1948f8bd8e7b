package lens_test

import (
	"os"
	"slices"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/lens"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"
)

// realTolerance is that of the fixture, whose own float32 run is up to 2e-6 from one in float64;
// sums run in another order here.
var realTolerance = golden.Tolerance{Abs: 1e-4}

// TestRealAttribution compares the first notebook's numbers on SmolLM2-135M-Instruct: logit lens,
// what each layer and each head adds to the difference of the answers' logits.
func TestRealAttribution(t *testing.T) {
	var f struct {
		Tokens       hooked.Tokens
		AnswerTokens hooked.Tokens                `json:"answer_tokens"`
		Lens         labelled                     `json:"logit_lens"`
		Layers       labelled                     `json:"layer_attribution"`
		Heads        struct{ Values [][]float32 } `json:"head_attribution"`
	}
	golden.JSON(t, "testdata/smollm2.json", &f)
	m := openReal(t)
	cache := hooked.Must(m.Cache(f.Tokens))
	diff := hooked.Must(lens.LogitDiffDirections(m, f.AnswerTokens))

	stack, labels, err := cache.AccumulatedResid(hooked.IncludeMid, hooked.ApplyLN, hooked.Pos(-1), hooked.ProjectOnto(diff))
	if err != nil {
		t.Fatal(err)
	}
	f.Lens.check(t, "logit lens", stack.Mean("batch"), labels)
	layers, labels, err := lens.LayerAttribution(cache, diff)
	if err != nil {
		t.Fatal(err)
	}
	f.Layers.check(t, "layers", layers, labels)
	heads := hooked.Must(lens.HeadAttribution(m, cache, diff))
	golden.Close(t, "heads", heads.Float32s(), slices.Concat(f.Heads.Values...), realTolerance)
}

// TestRealNeuronAttribution takes the logit difference apart into every head and every neuron at
// every position. As vectors the 46352 parts would take 13.7 GB; contracted with the direction they
// are 24 MB, and they add up to the difference itself.
func TestRealNeuronAttribution(t *testing.T) {
	var f struct {
		Tokens       hooked.Tokens
		AnswerTokens hooked.Tokens `json:"answer_tokens"`
		Average      float32       `json:"average_logit_diff"`
	}
	golden.JSON(t, "testdata/smollm2.json", &f)
	m := openReal(t)
	cache := hooked.Must(m.Cache(f.Tokens))
	diff := hooked.Must(lens.LogitDiffDirections(m, f.AnswerTokens))
	parts, labels, err := cache.FullResidDecomposition(hooked.ApplyLN, hooked.ProjectOnto(diff))
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{46352, 8, 16}; !slices.Equal(parts.Shape(), want) || len(labels) != want[0] {
		t.Errorf("%v with %d labels, want shape %v", parts, len(labels), want)
	}
	got := parts.At(hooked.All, hooked.All, -1).Sum("component").Mean("batch")
	golden.Close(t, "sum of all parts", got.Float32s(), []float32{f.Average}, sumTolerance)
}

// sumTolerance allows for the rounding of parts that add up to several thousand in the residual
// stream.
var sumTolerance = golden.Tolerance{Abs: 1e-3}

// labelled are numbers of the fixture with their labels.
type labelled struct {
	Labels []string
	Values []float32
}

func (want labelled) check(t *testing.T, what string, got *hooked.Tensor, labels []string) {
	t.Helper()
	if !slices.Equal(labels, want.Labels) {
		t.Errorf("%s: labels %v, want %v", what, labels, want.Labels)
	}
	golden.Close(t, what, got.Float32s(), want.Values, realTolerance)
}

// openReal loads the default model, which `make setup` puts into the user's cache.
func openReal(t testing.TB) *hooked.Model {
	path, err := cachedir.Join("models", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the real model is not at %s, so its attributions are not compared: run `make setup`", path)
	}
	m, err := hooked.FromPretrained(path, hooked.DefaultProcessing)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
