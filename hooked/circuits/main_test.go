package circuits_test

import (
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
	"gopherlens/internal/golden"

	_ "gopherlens/xla"
)

// A fixture is a folder of testdata: circuit-tracer's numbers for a prompt, see its README.
type fixture struct {
	t    testing.TB
	name string
	file *golden.File
	facts
	m *hooked.Model
	r *circuits.Replacement
}

// facts are a fixture's golden.json.
type facts struct {
	Model           string
	MaxLogits       int `json:"max_n_logits"`
	Prob            float64
	MaxFeatureNodes int `json:"max_feature_nodes"`
	Few             struct {
		BatchSize      int `json:"batch_size"`
		UpdateInterval int `json:"update_interval"`
	}
	FewFacts     scores `json:"few_facts"`
	Tolerance    struct{ Atol, Rtol float64 }
	Intervention struct {
		Node, Layer, Pos, Feature int
		Value                     float64
	}
	scores
}

type scores struct {
	Replacement  float64 `json:"replacement_score"`
	Completeness float64 `json:"completeness_score"`
	Prune        []struct {
		NodeThreshold float64 `json:"node_threshold"`
		EdgeThreshold float64 `json:"edge_threshold"`
		Nodes, Edges  int
	}
}

var fixtures = []string{"gpt2_plt", "llama_plt_skip", "llama_clt", "gemma2_plt", "gemma2_clt"}

func openFixture(t testing.TB, name string, be compute.Backend) *fixture {
	t.Helper()
	dir := filepath.Join("testdata", name)
	f := &fixture{t: t, name: name, file: golden.Open(t, filepath.Join(dir, "golden.safetensors"))}
	golden.JSON(t, filepath.Join(dir, "golden.json"), &f.facts)
	var err error
	if f.m, err = hooked.FromPretrained("../testdata/arch/"+f.Model, hooked.NoProcessing, hooked.LoadOptions{Backend: be}); err != nil {
		t.Fatal(err)
	}
	set, err := circuits.Load(filepath.Join(dir, "transcoders"))
	if err != nil {
		t.Fatal(err)
	}
	if f.r, err = circuits.Replace(f.m, set); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) tolerance() golden.Tolerance {
	return golden.Tolerance{Abs: f.Tolerance.Atol, Rel: f.Tolerance.Rtol}
}

func (f *fixture) tokens() hooked.Tokens { return f.file.Ints("tokens") }

// same compares values with the fixture's of this name.
func (f *fixture) same(name string, got []float32) {
	f.t.Helper()
	want, _ := f.file.Floats(name)
	golden.Close(f.t, name, got, want, f.tolerance())
}

// graph is the prompt's graph with the fixture's options.
func (f *fixture) graph(o circuits.Options) *circuits.Graph {
	f.t.Helper()
	g, err := f.r.Attribute(f.tokens(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	return g
}
