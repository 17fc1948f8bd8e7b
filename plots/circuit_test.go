package plots_test

import (
	"math"
	"strings"
	"testing"

	"gopherlens/plots"
)

// TestCircuitGraphRefuses checks that what is no graph is the figure's error.
func TestCircuitGraphRefuses(t *testing.T) {
	nodes := []plots.WiredNode{{Name: "a"}, {Name: "b", Row: 1}}
	rows := []string{"low", "high"}
	for want, w := range map[string]plots.Wiring{
		"no data":              nil,
		"there are no nodes":   plots.WiringList{Rows: rows},
		"stands in row 1":      plots.WiringList{Rows: rows[:1], Nodes: nodes},
		"edges go up":          plots.WiringList{Rows: rows, Nodes: nodes, Edges: []plots.Wire{{From: 1, To: 0, Value: 1}}},
		"there are 2 nodes":    plots.WiringList{Rows: rows, Nodes: nodes, Edges: []plots.Wire{{From: 0, To: 2, Value: 1}}},
		"value of edge 0 is":   plots.WiringList{Rows: rows, Nodes: nodes, Edges: []plots.Wire{{From: 0, To: 1, Value: math.NaN()}}},
		"value of edge 0 is +": plots.WiringList{Rows: rows, Nodes: nodes, Edges: []plots.Wire{{From: 0, To: 1, Value: 1e300}}},
	} {
		if err := plots.CircuitGraph(w, plots.Axes{}).Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want %q", err, want)
		}
	}
	if err := plots.CircuitGraph(plots.WiringList{Rows: rows, Nodes: nodes}, plots.Axes{X: []string{"x"}}).Err(); err == nil {
		t.Error("Axes.X does nothing and is not refused")
	}
}

// TestCircuitGraphOfMany draws more than it has room for, and says what it leaves out: the largest
// edges stay.
func TestCircuitGraphOfMany(t *testing.T) {
	w := plots.WiringList{Rows: []string{"low", "high"}}
	for i := range 2000 {
		w.Nodes = append(w.Nodes, plots.WiredNode{Name: "n", Row: i % 2})
	}
	for i := range 3000 {
		w.Edges = append(w.Edges, plots.Wire{From: 2 * (i % 1000), To: 2*((7*i)%1000) + 1, Value: float64(i)})
	}
	f := plots.CircuitGraph(w, plots.Axes{})
	svg, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	text := string(svg)
	for _, want := range []string{"the 1500 largest of 3000 edges", "of 2000 nodes", "2999"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	if n := strings.Count(text, "<path"); n > plots.CircuitEdges {
		t.Errorf("%d edges are drawn, more than %d", n, plots.CircuitEdges)
	}
	if n := strings.Count(text, "<rect") - 1; n > plots.CircuitNodes {
		t.Errorf("%d nodes are drawn, more than %d", n, plots.CircuitNodes)
	}
}
