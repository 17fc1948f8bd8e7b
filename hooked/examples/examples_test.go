package examples_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/examples"
	"gopherlens/internal/golden"
	_ "gopherlens/xla"
)

const (
	length = 9
	rows   = 37
)

// texts are random rows of tokens, some of them twice, so that peaks tie.
func texts(vocab int) [][]int {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([][]int, rows)
	for i := range out {
		if i%5 == 4 {
			out[i] = out[i-3]
			continue
		}
		for range length {
			out[i] = append(out[i], r.IntN(vocab))
		}
	}
	return out
}

func openModel(t testing.TB, family string, be compute.Backend) (*hooked.Model, corpus.Contexts, [][]int) {
	t.Helper()
	m, err := hooked.FromPretrained(filepath.Join("../testdata/arch", family), hooked.DefaultProcessing, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	tokens := texts(m.Config().DVocab)
	return m, hooked.Must(corpus.FromTokens(tokens)), tokens
}

func direction(m *hooked.Model, n int) *hooked.Tensor {
	d := m.Config().DModel
	return hooked.NewNormal(7, "direction d_model", n, d)
}

// measures are one of each kind.
func measures(m *hooked.Model) []examples.Measure {
	d := direction(m, 2)
	return []examples.Measure{
		examples.Neurons(0),
		examples.Neurons(-1, 3, 0),
		examples.Entries(hooked.AttnZ.At(1)),
		examples.HeadNorms(m, 0),
		examples.HeadProjections(m, -1, d.At(0)),
		examples.Directions(hooked.ResidPost.At(1), d, "truth", "sentiment"),
		examples.Of(hooked.Embed, []string{"norm"}, func(x *graph.Node, _ []*graph.Node) *graph.Node {
			return graph.Sqrt(graph.ReduceSum(graph.Square(x), -1))
		}),
	}
}

// bruteForce computes what the measures are from whole activations on the host: values
// [row][pos] by label.
func bruteForce(t *testing.T, m *hooked.Model, tokens [][]int) map[string][][]float32 {
	t.Helper()
	cache := hooked.Must(m.Cache(hooked.Tokens(tokens), hooked.Names("*.hook_result", hooked.MLPPost, hooked.AttnZ, hooked.ResidPost, hooked.Embed)))
	out := make(map[string][][]float32)
	add := func(label string, row int, v float32) {
		for len(out[label]) <= row {
			out[label] = append(out[label], nil)
		}
		out[label][row] = append(out[label][row], v)
	}
	each := func(site hooked.Site, f func(row int, x []float32)) {
		x := cache.Get(site)
		flat := x.Float32s()
		n := len(flat) / (len(tokens) * length)
		for i := range len(tokens) * length {
			f(i/length, flat[i*n:(i+1)*n])
		}
	}
	d := direction(m, 2).Float32s()
	dot := func(a, b []float32) float32 {
		sum := 0.0
		for i := range a {
			sum += float64(a[i]) * float64(b[i])
		}
		return float32(sum)
	}
	c := m.Config()
	each(hooked.MLPPost.At(0), func(row int, x []float32) {
		for j, v := range x {
			add(fmt.Sprintf("L0N%d", j), row, v)
		}
	})
	last := c.NLayers - 1
	each(hooked.MLPPost.At(last), func(row int, x []float32) {
		add(fmt.Sprintf("L%dN3", last), row, x[3])
		add(fmt.Sprintf("L%dN0", last), row, x[0])
	})
	each(hooked.AttnZ.At(1), func(row int, x []float32) {
		for j, v := range x {
			add(fmt.Sprintf("blocks.1.attn.hook_z[%d,%d]", j/c.DHead, j%c.DHead), row, v)
		}
	})
	each(hooked.AttnResult.At(0), func(row int, x []float32) {
		for h := range c.NHeads {
			y := x[h*c.DModel : (h+1)*c.DModel]
			add(fmt.Sprintf("L0H%d", h), row, float32(math.Sqrt(float64(dot(y, y)))))
		}
	})
	each(hooked.AttnResult.At(last), func(row int, x []float32) {
		for h := range c.NHeads {
			add(fmt.Sprintf("L%dH%d", last, h), row, dot(x[h*c.DModel:(h+1)*c.DModel], d[:c.DModel]))
		}
	})
	each(hooked.ResidPost.At(1), func(row int, x []float32) {
		add("truth", row, dot(x, d[:c.DModel]))
		add("sentiment", row, dot(x, d[c.DModel:]))
	})
	each(hooked.Embed, func(row int, x []float32) { add("norm", row, float32(math.Sqrt(float64(dot(x, x))))) })
	return out
}

// peak is the first position from skip on at which better holds against all before.
func peak(values []float32, skip int, better func(a, b float32) bool) int {
	at := skip
	for i := skip + 1; i < len(values); i++ {
		if better(values[i], values[at]) {
			at = i
		}
	}
	return at
}

// sameValues allows for sums in another order than the model's programs make them in.
var sameValues = golden.Tolerance{Abs: 2e-5, Rel: 2e-5}

// TestAgainstASort compares what a pass finds with a sort of all activations.
func TestAgainstASort(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, family := range []string{"gpt2", "llama", "qwen3"} {
			if golden.LeftOut(be, family, "llama") {
				continue
			}
			m, contexts, tokens := openModel(t, family, be)
			want := bruteForce(t, m, tokens)
			const top, bottom, skip = 6, 4, 2
			found, err := examples.Find(t.Context(), m, contexts, examples.Config{Top: top, Bottom: bottom, Skip: skip, Batch: 8}, measures(m)...)
			if err != nil {
				t.Fatal(err)
			}
			if len(found.Features) != len(want) || found.Seen() != rows || found.Length != length || found.Contexts != contexts.Key() {
				t.Fatalf("%d features of %d rows, want %d of %d", len(found.Features), found.Seen(), len(want), rows)
			}
			for _, f := range found.Features {
				checkList(t, family+" "+f.Label, f.Top, want[f.Label], tokens, top, skip, func(a, b float32) bool { return a > b })
				checkList(t, family+" "+f.Label, f.Bottom, want[f.Label], tokens, bottom, skip, func(a, b float32) bool { return a < b })
				checkActive(t, f, want[f.Label], skip)
			}
		}
	})
}

// checkList compares a list with the contexts sorted by their peaks. The model's numbers differ a
// little from one program to another, so that neighbours may change places; a list's own numbers
// are in order.
func checkList(t *testing.T, what string, got []examples.Example, values [][]float32, tokens [][]int, n, skip int, better func(a, b float32) bool) {
	t.Helper()
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	at := func(row int) float32 { return values[row][peak(values[row], skip, better)] }
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case better(at(a), at(b)):
			return -1
		case better(at(b), at(a)):
			return 1
		}
		return 0
	})
	if len(got) != n {
		t.Fatalf("%s: %d examples, want %d", what, len(got), n)
	}
	for i, e := range got {
		golden.Close(t, fmt.Sprintf("%s: example %d, row %d", what, i, e.Row), e.Activations, values[e.Row], sameValues)
		golden.Close(t, what+": values by rank", []float32{e.Value}, []float32{at(order[i])}, sameValues)
		if !slices.Equal(e.Tokens, tokens[e.Row]) || e.From != 0 {
			t.Errorf("%s: example %d has other tokens than row %d", what, i, e.Row)
		}
		if p := peak(e.Activations, skip, better); e.Pos != p || e.Value != e.Activations[p] {
			t.Errorf("%s: example %d is %v at %d, its activations have the peak %v at %d", what, i, e.Value, e.Pos, e.Activations[p], p)
		}
		if i > 0 && (better(e.Value, got[i-1].Value) || e.Value == got[i-1].Value && e.Row < got[i-1].Row) {
			t.Errorf("%s: example %d (row %d, %v) stands behind row %d, %v", what, i, e.Row, e.Value, got[i-1].Row, got[i-1].Value)
		}
	}
}

func checkActive(t *testing.T, f examples.Feature, values [][]float32, skip int) {
	t.Helper()
	sure, unsure := 0, 0
	for _, row := range values {
		for _, v := range row[skip:] {
			switch {
			case math.Abs(float64(v)) < 1e-5:
				unsure++
			case v > 0:
				sure++
			}
		}
	}
	if f.Active < sure || f.Active > sure+unsure {
		t.Errorf("%s: active at %d positions, want %d to %d", f.Label, f.Active, sure, sure+unsure)
	}
}

// everything keeps examples of every kind.
var everything = examples.Config{Top: 5, Bottom: 3, Quantiles: 4, PerQuantile: 3, Seed: 11, Batch: 4, Around: 2, Histogram: true}

// TestMergeIsTheWhole finds in parts what one pass finds, whatever the parts and the order in which
// they are joined. Parts begin at whole batches, so that a row's numbers are the same bits.
func TestMergeIsTheWhole(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m, contexts, _ := openModel(t, "llama", be)
		find := func(from, to int) *examples.Found {
			c := everything
			c.Rows = hooked.Range{From: from, To: to}
			f, err := examples.Find(t.Context(), m, contexts, c, measures(m)...)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
		whole := find(0, 0)
		a, b, c, d := find(0, 8), find(8, 12), find(12, 32), find(32, 0)
		for name, got := range map[string]*examples.Found{
			"in order":  hooked.Must(examples.Merge(a, b, c, d)),
			"reversed":  hooked.Must(examples.Merge(d, c, b, a)),
			"left":      hooked.Must(examples.Merge(hooked.Must(examples.Merge(hooked.Must(examples.Merge(a, b)), c)), d)),
			"right":     hooked.Must(examples.Merge(a, hooked.Must(examples.Merge(b, hooked.Must(examples.Merge(c, d)))))),
			"with gaps": hooked.Must(examples.Merge(hooked.Must(examples.Merge(a, c)), hooked.Must(examples.Merge(d, b)))),
			"one":       hooked.Must(examples.Merge(whole)),
		} {
			if !reflect.DeepEqual(got, whole) {
				t.Errorf("merged %s: not what one pass has found", name)
			}
		}
		if gap := hooked.Must(examples.Merge(a, c)); gap.Seen() != 28 || len(gap.Rows) != 2 {
			t.Errorf("two parts with a gap: %d rows in %v", gap.Seen(), gap.Rows)
		}
	})
}

// TestSameForAnyBatch: the batches do not decide what is found.
func TestSameForAnyBatch(t *testing.T) {
	m, contexts, _ := openModel(t, "gpt2", golden.PureGo(t))
	var first *examples.Found
	for _, batch := range []int{1, 3, 8, 37, 50} {
		c := everything
		c.Batch = batch
		found := hooked.Must(examples.Find(t.Context(), m, contexts, c, measures(m)...))
		if first == nil {
			first = found
		}
		for i, f := range found.Features {
			want := first.Features[i]
			if f.Active != want.Active || !slices.EqualFunc(f.Top, want.Top, sameExample) || !slices.EqualFunc(f.Bottom, want.Bottom, sameExample) {
				t.Errorf("batches of %d: %s has other examples than batches of 1", batch, f.Label)
			}
		}
	}
}

func sameExample(a, b examples.Example) bool {
	return a.Row == b.Row && a.Pos == b.Pos && a.From == b.From && math.Abs(float64(a.Value-b.Value)) < 1e-5
}

// TestQuantiles checks the sample: rows drawn without regard to their numbers, the same for every
// feature that is never left out, in groups by their peaks, and those above the floor alone.
func TestQuantiles(t *testing.T) {
	m, contexts, tokens := openModel(t, "gpt2", golden.PureGo(t))
	want := bruteForce(t, m, tokens)
	find := func(c examples.Config) *examples.Found {
		return hooked.Must(examples.Find(t.Context(), m, contexts, c, examples.Neurons(0), examples.Directions(hooked.ResidPost.At(1), direction(m, 2), "truth", "sentiment")))
	}
	var rowsOf []int
	for _, f := range find(examples.Config{Quantiles: 4, PerQuantile: 3, Seed: 3, AllValues: true}).Features {
		groups := f.Quantiles()
		if len(groups) != 4 {
			t.Fatalf("%d groups, want 4", len(groups))
		}
		var rows []int
		last := float32(math.Inf(-1))
		for _, group := range groups {
			if len(group) != 3 {
				t.Errorf("%s: a group of %d, want 3", f.Label, len(group))
			}
			for _, e := range group {
				if e.Value < last {
					t.Errorf("%s: peak %v behind %v", f.Label, e.Value, last)
				}
				last = e.Value
				rows = append(rows, e.Row)
			}
		}
		slices.Sort(rows)
		if rowsOf == nil {
			rowsOf = rows
		}
		if len(slices.Compact(slices.Clone(rows))) != 12 || !slices.Equal(rows, rowsOf) {
			t.Errorf("%s: rows %v, another feature's are %v", f.Label, rows, rowsOf)
		}
	}
	const floor = 0.3
	for _, f := range find(examples.Config{Quantiles: 2, PerQuantile: rows, Floor: floor}).Features {
		var got, above []float32
		for _, group := range f.Quantiles() {
			for _, e := range group {
				got = append(got, e.Value)
			}
		}
		for _, row := range want[f.Label] {
			if v := row[peak(row, 0, func(a, b float32) bool { return a > b })]; v > floor {
				above = append(above, v)
			}
		}
		slices.SortFunc(above, cmp.Compare)
		golden.Close(t, f.Label+" above the floor", got, above, sameValues)
	}
}

// TestSampleIsEven counts over many seeds how often each row is drawn.
func TestSampleIsEven(t *testing.T) {
	m, contexts, _ := openModel(t, "gpt2", golden.PureGo(t))
	const draws, size = 60, 6
	counts := make([]int, rows)
	for seed := range uint64(draws) {
		f := hooked.Must(examples.Find(t.Context(), m, contexts, examples.Config{Quantiles: 1, PerQuantile: size, Seed: seed, AllValues: true}, examples.Neurons(0, 0)))
		for _, e := range f.Features[0].Quantiles()[0] {
			counts[e.Row]++
		}
	}
	chi, expected := 0.0, float64(draws*size)/rows
	for _, n := range counts {
		chi += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	// 36 degrees of freedom: 68 is exceeded once in a thousand times, by another algorithm's draws
	if chi > 68 {
		t.Errorf("rows are drawn %v times, chi squared %.1f", counts, chi)
	}
}

// TestAround cuts examples to the positions around their peaks.
func TestAround(t *testing.T) {
	m, contexts, tokens := openModel(t, "llama", golden.PureGo(t))
	whole := hooked.Must(examples.Find(t.Context(), m, contexts, examples.Config{Top: 9}, examples.Neurons(0)))
	cut := hooked.Must(examples.Find(t.Context(), m, contexts, examples.Config{Top: 9, Around: 2}, examples.Neurons(0)))
	for i, f := range cut.Features {
		for k, e := range f.Top {
			w := whole.Features[i].Top[k]
			from, to := max(0, e.Pos-2), min(length, e.Pos+3)
			if e.Row != w.Row || e.From != from || !slices.Equal(e.Tokens, tokens[e.Row][from:to]) || !slices.Equal(e.Activations, w.Activations[from:to]) {
				t.Errorf("%s example %d: %+v, want positions %d to %d of %+v", f.Label, k, e, from, to, w)
			}
		}
	}
}

// TestRefused lists what is an error, by a part of its message.
func TestRefused(t *testing.T) {
	m, contexts, _ := openModel(t, "gpt2", golden.PureGo(t))
	n := examples.Neurons(0)
	top := examples.Config{Top: 1}
	nan := examples.Of(hooked.Embed, []string{"nan"}, func(x *graph.Node, _ []*graph.Node) *graph.Node {
		sum := graph.ReduceSum(x, -1)
		return graph.Div(graph.MulScalar(sum, 0), graph.MulScalar(sum, 0))
	})
	same := func(x *graph.Node, _ []*graph.Node) *graph.Node { return x }
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	with := func(change func(*examples.Config)) examples.Config { c := everything; change(&c); return c }
	found := func(c examples.Config, measures ...examples.Measure) error {
		_, err := examples.Find(t.Context(), m, contexts, c, measures...)
		return err
	}
	a := hooked.Must(examples.Find(t.Context(), m, contexts, examples.Config{Top: 1, Rows: hooked.Range{From: 0, To: 8}}, n))
	b := hooked.Must(examples.Find(t.Context(), m, contexts, examples.Config{Top: 1, Rows: hooked.Range{From: 7, To: 9}}, n))
	other := hooked.Must(examples.Find(t.Context(), m, contexts, examples.Config{Top: 2, Rows: hooked.Range{From: 9, To: 10}}, n))
	fewer := hooked.Must(examples.Find(t.Context(), m, contexts, examples.Config{Top: 1, Rows: hooked.Range{From: 9, To: 10}}, examples.Neurons(0, 1)))
	_, ended := examples.Find(gone, m, contexts, top, n)
	_, overlap := examples.Merge(a, b)
	_, config := examples.Merge(a, other)
	_, features := examples.Merge(a, fewer)
	_, label := a.Feature("L0N999")
	for _, c := range []struct {
		want string
		err  error
	}{
		{"nothing is to be found", found(examples.Config{}, n)},
		{"nothing to measure", found(top)},
		{"for 4 texts of 9 positions", found(with(func(c *examples.Config) { c.Edits = []hooked.Option{hooked.PosSlice(0)} }), n)},
		{"no hook of the model", found(top, examples.Entries("blocks.0.hook_resid_pre.hook_sae_acts_post"))},
		{"not by func(string) bool", found(top, examples.Entries(func(string) bool { return true }))},
		{"a Measure is empty", found(top, examples.Measure{})},
		{"Config.Top is -1", found(examples.Config{Top: -1}, n)},
		{"one does nothing without the other", found(examples.Config{Quantiles: 4}, n)},
		{"Floor, AllValues and Seed would do nothing", found(examples.Config{Top: 1, Seed: 1}, n)},
		{"no number that a peak can be compared with", found(with(func(c *examples.Config) { c.Floor = float32(math.NaN()) }), n)},
		{"AllValues means that there is none", found(with(func(c *examples.Config) { c.Floor, c.AllValues = 1, true }), n)},
		{"Config.Skip is 9", found(examples.Config{Top: 1, Skip: length}, n)},
		{"the contexts end at 37", found(examples.Config{Top: 1, Rows: hooked.Range{From: 30, To: 40}}, n)},
		{"no context from row 37 on", found(examples.Config{Top: 1, Rows: hooked.Range{From: rows}}, n)},
		{"there is none", found(examples.Config{Top: 1, Rows: hooked.Range{From: 9, To: 9}}, n)},
		{"stands for 3 layers: say which", found(top, examples.Entries(hooked.ResidPost))},
		{"want batch, pos and others", found(top, examples.Entries(hooked.AttnPattern.At(0)))},
		{"needs a site", found(top, examples.Of(hooked.Site{}, nil, same))},
		{"needs a function", found(top, examples.Of(hooked.Embed, nil, nil))},
		{"there is no entry 999", found(top, examples.Neurons(0, 999))},
		{"labels, and the function gives", found(top, examples.Of(hooked.Embed, []string{"one"}, same))},
		{"is NaN in row 0", found(top, nan)},
		{"two features are called \"L0N3\"", found(top, n, examples.Neurons(0, 3))},
		{"layer", found(top, examples.Neurons(99))},
		{"blocks.99.attn.W_O", found(top, examples.HeadNorms(m, 99))},
		{"directions have shape", found(top, examples.Directions(hooked.ResidPost.At(0), hooked.NewOnes("d_model", 3), "x"))},
		{"canceled", ended},
		{"are in two parts", overlap},
		{"another Config", config},
		{"other features", features},
		{"no feature is called \"L0N999\"", label},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", c.err, c.want)
		}
	}
}
