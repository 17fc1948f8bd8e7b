package edges_test

import (
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/edges"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
	"gopherlens/plots"
)

// TestPicture checks what a figure gets of a circuit: an edge to grouped keys goes to each of the
// heads that share them.
func TestPicture(t *testing.T) {
	m := must(hooked.FromPretrained("../testdata/arch/llama", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
	g := must(edges.GraphOf(m))(t)
	values := make([]float32, g.Len())
	number := func(name string) int { return must(g.Number(must(edges.ParseEdge(name))(t)))(t) }
	values[number("input->a1.kv1<k>")], values[number("m1->logits")] = -2, 3
	scores := must(edges.NewScores(g, values))(t)
	picture := must(must(g.CircuitNamed("input->a1.kv1<k>", "m1->logits"))(t).Picture(scores))(t)
	names, rows := picture.WiringNodes()
	if want := []string{"input", "a1.h3", "a1.h4", "a1.h5", "m1", "logits"}; !slices.Equal(names, want) {
		t.Errorf("the nodes are %v, want %v", names, want)
	}
	for i, want := range []string{"input", "heads 1", "heads 1", "heads 1", "MLP 1", "logits"} {
		if got := picture.WiringRows()[rows[i]]; got != want {
			t.Errorf("%s stands in row %q, want %q", names[i], got, want)
		}
	}
	from, to, got, words := picture.WiringEdges()
	if !slices.Equal(from, []int{0, 0, 0, 4}) || !slices.Equal(to, []int{1, 2, 3, 5}) || !slices.Equal(got, []float32{-2, -2, -2, 3}) ||
		!slices.Equal(words, []string{"k", "k", "k", ""}) {
		t.Errorf("the edges are %v %v %v %v", from, to, got, words)
	}
	if err := plots.CircuitGraph(picture, plots.Axes{}).Err(); err != nil {
		t.Error(err)
	}
}

// TestProgress checks that what is told of the work ends with all of it.
func TestProgress(t *testing.T) {
	m := must(hooked.FromPretrained("../testdata/native/attn_only_2l", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))(t)
	clean, corrupted, answers := pairs(m, 1, 4)
	task := edges.Task{Base: clean, Source: patching.FromTokens(corrupted), Metric: hooked.LogitDiff(answers)}
	g := must(edges.GraphOf(m))(t)
	for what, run := range map[string]func(edges.Option) error{
		"EAPIG":            func(o edges.Option) error { _, err := task.Scores(m, edges.EAPIG(3), o); return err },
		"EAPIGActivations": func(o edges.Option) error { _, err := task.Scores(m, edges.EAPIGActivations(2), o); return err },
		"Exact":            func(o edges.Option) error { _, err := task.Scores(m, edges.Exact(), o); return err },
		"ACDC":             func(o edges.Option) error { _, err := edges.ACDC{Task: task, Threshold: 0.01}.Run(m, o); return err },
		"Metrics": func(o edges.Option) error {
			_, err := task.Metrics(m, []*edges.Circuit{g.All(), g.None()}, o)
			return err
		},
	} {
		done, total := -1, 0
		err := run(edges.OnProgress(func(d, n int) {
			if d < done {
				t.Errorf("%s: %d of %d after %d", what, d, n, done)
			}
			done, total = d, n
		}))
		if err != nil || done != total || total == 0 {
			t.Errorf("%s: progress ends with %d of %d (%v)", what, done, total, err)
		}
	}
}

// TestJoined checks the rows of curves that are put together, by hand, and that they are drawn with
// a line and a name for each.
func TestJoined(t *testing.T) {
	a := &edges.Curve{Sizes: []int{2, 9}, Faithfulness: []float64{0.25, 1}, Completeness: []float64{0.5, 0}}
	b := &edges.Curve{Sizes: []int{2, 9}, Faithfulness: []float64{0.75, 1.5}, Completeness: []float64{-1, 0.125}}
	j := must(edges.Join([]string{"IOI", "greater"}, a, b))(t)
	if got, want := j.Float32s(), []float32{0.25, 1, 0.75, 1.5, 0.5, 0, -1, 0.125}; !slices.Equal(got, want) || !slices.Equal(j.Shape(), []int{4, 2}) {
		t.Errorf("the rows are %v of shape %v, want %v", got, j.Shape(), want)
	}
	if got, want := j.AxisLabels(0), []string{"IOI", "greater", "IOI without it", "greater without it"}; !slices.Equal(got, want) {
		t.Errorf("the lines are called %q, want %q", got, want)
	}
	figure := plots.Line(j, plots.Axes{XName: "edges", YName: "share of the metric"})
	svg := string(must(figure.SVG())(t))
	for _, name := range append(j.AxisLabels(0), j.AxisLabels(1)...) {
		if !strings.Contains(svg, name) {
			t.Errorf("the figure does not name %q", name)
		}
	}
}
