package edges_test

import (
	"fmt"

	"gopherlens/hooked"
	"gopherlens/hooked/edges"
	"gopherlens/hooked/patching"
	"gopherlens/plots"
)

// The edges that matter most for telling two prompts apart, and how much of the difference they
// keep.
func Example() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing))
	task := edges.Task{
		Base:   hooked.Tokens{{5, 9, 12, 7}},
		Source: patching.FromTokens(hooked.Tokens{{5, 9, 30, 7}}),
		Metric: hooked.LogitDiff(hooked.Tokens{{3, 4}}),
	}
	scores := hooked.Must(task.Scores(model, edges.EAPIG(5)))
	circuit := hooked.Must(scores.Greedy(60))
	fmt.Println(scores.Graph(), "of which", circuit.Len(), "are in the circuit")
	share := hooked.Must(task.Faithfulness(model, circuit))
	fmt.Println("it keeps more than half of the metric:", share > 0.5)

	figure := plots.CircuitGraph(hooked.Must(circuit.Picture(scores)), plots.Axes{Title: "A circuit", Unit: "logit difference"})
	fmt.Println(figure.Err())
	// Output:
	// a graph of 14 nodes and 172 edges of which 60 are in the circuit
	// it keeps more than half of the metric: true
	// <nil>
}

// How faithful circuits of growing size are, beside random ones.
func ExampleTask_Curve() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing))
	task := edges.Task{
		Base:   hooked.Tokens{{5, 9, 12, 7}},
		Source: patching.FromTokens(hooked.Tokens{{5, 9, 30, 7}}),
		Metric: hooked.LogitDiff(hooked.Tokens{{3, 4}}),
	}
	scores := hooked.Must(task.Scores(model, edges.EAP()))
	curve := hooked.Must(task.Curve(model, edges.Curving{Sizes: edges.Sizes(10, 172, 5), Pick: scores.Greedy, Random: 3}))
	fmt.Println(curve.Sizes, curve.AxisLabels(0))
	figure := plots.Line(curve, plots.Axes{XName: "edges", YName: "share of the metric"})
	fmt.Println(figure.Err())
	// Output:
	// [10 20 41 84 172] [circuit all but the circuit random circuits]
	// <nil>
}

// The curves of two tasks in one figure.
func ExampleJoin() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing))
	sizes := edges.Sizes(10, 172, 5)
	var curves []*edges.Curve
	for _, answers := range []hooked.Tokens{{{3, 4}}, {{8, 2}}} {
		task := edges.Task{
			Base:   hooked.Tokens{{5, 9, 12, 7}},
			Source: patching.FromTokens(hooked.Tokens{{5, 9, 30, 7}}),
			Metric: hooked.LogitDiff(answers),
		}
		scores := hooked.Must(task.Scores(model, edges.EAP()))
		curves = append(curves, hooked.Must(task.Curve(model, edges.Curving{Sizes: sizes, Pick: scores.Greedy})))
	}
	joined := hooked.Must(edges.Join([]string{"3 or 4", "8 or 2"}, curves...))
	fmt.Println(joined.AxisLabels(0))
	figure := plots.Line(joined, plots.Axes{XName: "edges", YName: "share of the metric"})
	fmt.Println(figure.Err())
	// Output:
	// [3 or 4 8 or 2 3 or 4 without it 8 or 2 without it]
	// <nil>
}
