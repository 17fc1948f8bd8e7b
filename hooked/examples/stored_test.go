package examples_test

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/examples"
	"gopherlens/internal/golden"
)

// storeOf harvests contexts in batches of four rows, the size of the batches of everything, so that
// the model's numbers are the same bits.
func storeOf(t *testing.T, m *hooked.Model, contexts corpus.Contexts, d hooked.DType, sites ...hooked.Site) *activations.Store {
	t.Helper()
	s, err := activations.Harvest(t.Context(), m, contexts, activations.Config{Folder: filepath.Join(t.TempDir(), "store"),
		Sites: sites, DType: d, Batch: 4, Shard: 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// rounded is the site's activation as a store of the type keeps it.
func rounded(at hooked.Site, d hooked.DType) hooked.Option {
	kept := map[hooked.DType]dtypes.DType{hooked.F32: dtypes.Float32, hooked.BF16: dtypes.BFloat16, hooked.F16: dtypes.Float16}[d]
	return hooked.Edit(at, hooked.With(func(x *graph.Node, _ hooked.Site, _ []*graph.Node) *graph.Node {
		return graph.ConvertDType(graph.ConvertDType(x, kept), x.DType())
	}))
}

// TestStored finds in a store, without the model, what is found in contexts with activations that
// are rounded as the store rounds them: all rows, and a part whose batches are no batches of the
// store.
func TestStored(t *testing.T) {
	m, contexts, _ := openModel(t, "gpt2", golden.PureGo(t))
	sites := map[hooked.Site][]examples.Measure{
		hooked.ResidPost.At(1): {examples.Directions(hooked.ResidPost.At(1), direction(m, 2), "truth", "sentiment"), examples.Entries(hooked.ResidPost.At(1), 3, 0)},
		hooked.MLPPost.At(1):   {examples.Neurons(1)},
		hooked.AttnZ.At(1):     {examples.HeadNorms(m, 1), examples.Entries(hooked.AttnZ.At(1), 5)},
	}
	for _, d := range []hooked.DType{hooked.F32, hooked.BF16, hooked.F16} {
		store := storeOf(t, m, contexts, d, hooked.ResidPost.At(1), hooked.MLPPost.At(1), hooked.AttnZ.At(1))
		for at, measured := range sites {
			for _, part := range []hooked.Range{{}, {From: 5, To: 30}} {
				c := everything
				c.Rows = part
				got, err := examples.FindStored(t.Context(), store, c, measured...)
				if err != nil {
					t.Fatal(err)
				}
				c.Edits = []hooked.Option{rounded(at, d)}
				want := hooked.Must(examples.Find(t.Context(), m, contexts, c, measured...))
				sameFound(t, fmt.Sprintf("%s in %s, rows %v", at, d, part), got, want)
			}
		}
	}
}

// sameFound compares by rank: where peaks differ by less than programs do, neighbours may change
// places.
func sameFound(t *testing.T, what string, got, want *examples.Found) {
	t.Helper()
	if got.Contexts != want.Contexts || got.Length != want.Length || !reflect.DeepEqual(got.Rows, want.Rows) || len(got.Features) != len(want.Features) {
		t.Fatalf("%s: %d features of rows %v of %q, want %d of %v of %q", what, len(got.Features), got.Rows, got.Contexts, len(want.Features), want.Rows, want.Contexts)
	}
	for i, w := range want.Features {
		g := got.Features[i]
		if g.Label != w.Label || len(g.Top) != len(w.Top) || len(g.Bottom) != len(w.Bottom) || len(g.Quantiles()) != len(w.Quantiles()) {
			t.Fatalf("%s: %s has other lists than %s", what, g.Label, w.Label)
		}
		if d := g.Active - w.Active; d < -1 || d > 1 {
			t.Errorf("%s: %s is active at %d positions, want %d", what, g.Label, g.Active, w.Active)
		}
		for k := range w.Top {
			golden.Close(t, what+" "+g.Label, []float32{g.Top[k].Value}, []float32{w.Top[k].Value}, sameValues)
			if g.Top[k].Row == w.Top[k].Row {
				golden.Close(t, what+" "+g.Label, g.Top[k].Activations, w.Top[k].Activations, sameValues)
			}
		}
		for k := range w.Bottom {
			golden.Close(t, what+" "+g.Label, []float32{g.Bottom[k].Value}, []float32{w.Bottom[k].Value}, sameValues)
		}
	}
}

// TestStoredRefuses names what a store cannot do.
func TestStoredRefuses(t *testing.T) {
	m, contexts, _ := openModel(t, "gpt2", golden.PureGo(t))
	store := storeOf(t, m, contexts, hooked.F32, hooked.ResidPost.At(1))
	closed := storeOf(t, m, contexts, hooked.F32, hooked.ResidPost.At(1))
	closed.Close()
	top := examples.Config{Top: 1}
	edited := top
	edited.Edits = []hooked.Option{rounded(hooked.ResidPost.At(1), hooked.F32)}
	beyond := top
	beyond.Rows = hooked.Range{To: rows + 1}
	for name, c := range map[string]struct {
		store   *activations.Store
		config  examples.Config
		measure examples.Measure
		want    string
	}{
		"no store":     {nil, top, examples.Neurons(1), "store is nil"},
		"closed":       {closed, top, examples.Neurons(1), "closed"},
		"edits":        {store, edited, examples.Entries(hooked.ResidPost.At(1)), "Edits"},
		"another site": {store, top, examples.Neurons(1), "was not harvested"},
		"beyond":       {store, beyond, examples.Entries(hooked.ResidPost.At(1)), "the contexts end at 37"},
	} {
		if _, err := examples.FindStored(t.Context(), c.store, c.config, c.measure); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestHistogram counts what a count of all activations counts.
func TestHistogram(t *testing.T) {
	m, contexts, tokens := openModel(t, "gpt2", golden.PureGo(t))
	want := bruteForce(t, m, tokens)
	found := hooked.Must(examples.Find(t.Context(), m, contexts, examples.Config{Top: 1, Histogram: true, Skip: 1, Batch: 8}, measures(m)...))
	for i := range found.Features {
		f := &found.Features[i]
		edges, counts := f.Histogram()
		total := 0
		for k, n := range counts {
			total += n
			lo, hi, near := edges[k], edges[k+1], 0
			inside := 0
			for _, row := range want[f.Label] {
				for _, v := range row[1:] {
					v := float64(v)
					if v >= lo && v < hi {
						inside++
					}
					if math.Abs(v-lo) < 3e-5 || math.Abs(v-hi) < 3e-5 {
						near++
					}
				}
			}
			if d := n - inside; d < -near || d > near {
				t.Errorf("%s: %d positions from %v to %v, want %d", f.Label, n, lo, hi, inside)
			}
			if ratio := hi / lo; ratio != 1.5 && ratio != 4.0/3 {
				t.Errorf("%s: an interval from %v to %v", f.Label, lo, hi)
			}
		}
		if total != f.Active {
			t.Errorf("%s: the histogram has %d positions, and it was active at %d", f.Label, total, f.Active)
		}
	}
}
