package edges_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/edges"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// entry is what TransformerLens' hooks give on one model, see testdata/make.py.
type entry struct {
	Model             string
	Native, Processed bool
	Clean, Corrupted  hooked.Tokens
	Answers           hooked.Tokens
	Edges             []string
	CleanMetric       float64   `json:"clean_metric"`
	CorruptedMetric   float64   `json:"corrupted_metric"`
	EAP               []float32 `json:"eap"`
	EAPIG             []float32 `json:"eap_ig"`
	EAPIGActivations  []float32 `json:"eap_ig_activations"`
	Exact             []float32 // of every fifth edge
	Circuits          []struct {
		Off    string
		Edges  []int
		Metric float64
	}
	ACDC struct {
		Threshold float64
		Edges     []string
	}
}

// exactEvery is make.py's EVERY.
const exactEvery = 5

// tolerance is for float32 against the fixture's float64: the models' logits are of order 1.
var tolerance = golden.Tolerance{Abs: 2e-5, Rel: 1e-3}

func (e entry) load(t testing.TB, be compute.Backend) *hooked.Model {
	t.Helper()
	folder, processing := "arch", hooked.NoProcessing
	if e.Native {
		folder = "native"
	}
	if e.Processed {
		processing = hooked.DefaultProcessing
	}
	return must(hooked.FromPretrained(filepath.Join("../testdata", folder, e.Model), processing, hooked.LoadOptions{Backend: be}))(t)
}

func (e entry) task(source patching.Source) edges.Task {
	return edges.Task{Base: e.Clean, Source: source, Metric: hooked.LogitDiff(e.Answers)}
}

// forEachEntry runs a test on each model of the fixture.
func forEachEntry(t *testing.T, test func(t *testing.T, e entry, m *hooked.Model)) {
	var entries []entry
	golden.JSON(t, "testdata/edges.json", &entries)
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, e := range entries {
			if golden.LeftOut(be, e.Model, "llama") {
				continue
			}
			t.Run(e.Model, func(t *testing.T) { test(t, e, e.load(t, be)) })
		}
	})
}

// TestScores compares the scores of all methods, edge by edge.
func TestScores(t *testing.T) {
	forEachEntry(t, func(t *testing.T, e entry, m *hooked.Model) {
		for _, c := range []struct {
			name   string
			method edges.Method
			want   []float32
		}{{"EAP", edges.EAP(), e.EAP}, {"EAPIG", edges.EAPIG(3), e.EAPIG}, {"EAPIGActivations", edges.EAPIGActivations(2), e.EAPIGActivations},
			{"Exact", edges.Exact(), e.Exact}} {
			if c.want == nil {
				continue
			}
			scores, err := e.task(patching.FromTokens(e.Corrupted)).Scores(m, c.method)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if n := scores.Graph().Len(); n != len(e.Edges) {
				t.Fatalf("the graph has %d edges, want %d", n, len(e.Edges))
			}
			var got []float32
			for i, name := range e.Edges {
				if c.name != "Exact" || i%exactEvery == 0 {
					got = append(got, scores.At(must(edges.ParseEdge(name))(t)))
				}
			}
			golden.Close(t, c.name, got, c.want, tolerance)
		}
	})
}

// TestCircuits compares the metric of random circuits, the rest corrupted, mean- and zero-ablated.
func TestCircuits(t *testing.T) {
	forEachEntry(t, func(t *testing.T, e entry, m *hooked.Model) {
		sources := map[string]patching.Source{"corrupted": patching.FromTokens(e.Corrupted), "zero": patching.AllZeros(),
			"mean": patching.Mean{Of: e.Corrupted, Over: "batch"}}
		g := must(edges.GraphOf(m))(t)
		for _, c := range e.Circuits {
			var names []string
			for _, i := range c.Edges {
				names = append(names, e.Edges[i])
			}
			circuit := must(g.CircuitNamed(names...))(t)
			got, err := e.task(sources[c.Off]).Metrics(m, []*edges.Circuit{circuit, g.All(), g.None()})
			if err != nil {
				t.Fatalf("%s: %v", c.Off, err)
			}
			want := []float32{float32(c.Metric), float32(e.CleanMetric), float32(e.CorruptedMetric)}
			n := 3
			if c.Off != "corrupted" {
				n = 2
			}
			golden.Close(t, c.Off, floats(got[:n]), want[:n], tolerance)
		}
	})
}

func floats(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// TestACDC compares which edges ACDC keeps, whatever the size of its batches.
func TestACDC(t *testing.T) {
	forEachEntry(t, func(t *testing.T, e entry, m *hooked.Model) {
		if e.ACDC.Edges == nil {
			t.Skip("not in the fixture")
		}
		logits := must(m.Run(e.Clean, hooked.LogitsAt(-1)))(t)
		task := e.task(patching.FromTokens(e.Corrupted))
		task.Metric = hooked.KLFrom(logits, -1)
		for _, bytes := range []int{1, 1 << 20} {
			circuit := must(edges.ACDC{Task: task, Threshold: e.ACDC.Threshold}.Run(m, edges.BatchBytes(bytes)))(t)
			if got := circuit.Names(); !slices.Equal(got, e.ACDC.Edges) {
				t.Errorf("in batches of %d bytes ACDC keeps %d edges %v, want %d %v", bytes, len(got), got, len(e.ACDC.Edges), e.ACDC.Edges)
			}
			all := must(edges.GraphOf(m))(t).All()
			same := must(edges.ACDC{Task: task, Threshold: e.ACDC.Threshold, From: all}.Run(m, edges.BatchBytes(bytes)))(t)
			if !slices.Equal(same.Names(), circuit.Names()) {
				t.Errorf("from all edges ACDC keeps %v, and %v unless told so", same, circuit)
			}
		}
	})
}
