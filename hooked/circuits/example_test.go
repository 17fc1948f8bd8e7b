package circuits_test

import (
	"fmt"
	"math"

	"gopherlens/hooked"
	"gopherlens/hooked/circuits"
)

// A graph, the strongest edge into its first logit, and what becomes of it when the feature is
// silenced. The model here is a random one of three layers, so only the agreement means something.
func Example() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	transcoders := hooked.Must(circuits.Load("testdata/gpt2_plt/transcoders"))
	replacement := hooked.Must(circuits.Replace(model, transcoders))

	text := "When John and Mary went to the shops"
	graph := hooked.Must(replacement.Attribute(text))
	logit := graph.Len() - len(graph.Logits) // the most probable token
	var strongest circuits.Edge
	for _, edge := range graph.Inputs(logit, graph.Len()) {
		if graph.Node(edge.Source).Kind == circuits.FeatureNode {
			strongest = edge
			break
		}
	}

	feature := graph.Node(strongest.Source)
	silent := []circuits.Clamp{{Layer: feature.Layer, Pos: feature.Pos, Feature: feature.Index, Value: 0}}
	out := hooked.Must(replacement.Intervene(text, silent, circuits.InterveneOptions{Frozen: circuits.FrozenAll}))
	change := out.Logits.Sub(out.Clean)
	change = change.Shift(-float64(change.Mean().Item())) // an edge is on the logit less the mean
	lost := -float64(change.At(graph.Logits[0].Token).Item())
	fmt.Println("what the logit loses is the edge:", math.Abs(lost-strongest.Effect) < 1e-4)
	// Output:
	// what the logit loses is the edge: true
}
