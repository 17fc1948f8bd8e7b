package plots_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"gopherlens/plots"
)

// A figure shows itself in a notebook; elsewhere it is saved.
func Example() {
	diffs := []float64{-0.12, 0.05, 0.31, 1.7, 3.6, 3.4}
	figure := plots.Line(diffs, plots.Axes{
		Title: "Logit difference by layer",
		X:     []string{"embed", "0", "1", "2", "3", "final"}, XName: "after layer",
		YName: "logit difference",
	})
	svg, err := figure.SVG()
	fmt.Println(strings.HasPrefix(string(svg), "<svg"), err)
	// Output: true <nil>
}

// Three axes are pictures side by side; Facets names them.
func ExampleImshow() {
	effect := [][][]float64{
		{{0.1, 0.0}, {-0.2, 0.9}},
		{{0.0, 0.3}, {0.1, 0.2}},
	}
	figure := plots.Imshow(effect, plots.Axes{
		Title: "Patching", X: []string{" John", " Mary"}, XName: "position", YName: "layer",
		Facets: []string{"attention", "MLP"}, Unit: "logit difference restored",
	})
	bundle, err := figure.Bundle()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(bundle["text/plain"])
	// Output: Patching. Heat map of logit difference restored, 2 facets, 2 rows (layer) by 2 columns (position); from −0.2 to 0.9. Strongest: 0.9, facet attention, layer 1, position ·Mary.
}

// A figure of data that cannot be drawn carries the reason.
func ExampleFigure_Err() {
	figure := plots.Bar([][]float64{{1, 2}, {3}}, plots.Axes{})
	fmt.Println(figure.Err())
	// Output: plots: Bar: data is ragged: data[1] has 1 elements, 2 were expected
}

// Tokens come first, then what each head pays to each of them.
func ExampleAttentionHeads() {
	tokens := []string{"<|endoftext|>", "Hello", " world"}
	patterns := [][][]float64{
		{{1, 0, 0}, {0.9, 0.1, 0}, {0.2, 0.7, 0.1}},
		{{1, 0, 0}, {0.5, 0.5, 0}, {0.8, 0.1, 0.1}},
	}
	figure := plots.AttentionHeads(tokens, patterns, plots.Axes{Title: "Layer 0", Facets: []string{"L0H0", "L0H1"}})
	fmt.Println(figure.Err())
	// Output: <nil>
}

// Top ranks a row of logits; names come from a tokenizer.
func ExampleTop() {
	vocabulary := []string{" the", " John", " Mary", "."}
	top, err := plots.Top([]float64{1.5, 7.1, 9.4, -2}, 2, func(token int) string { return vocabulary[token] })
	fmt.Println(top, err)
	// Output: [[{ Mary 9.4} { John 7.1}]] <nil>
}

func ExampleColoredTokens() {
	figure := plots.ColoredTokens([]string{"The", " cat", "\n"}, []float64{0.1, 2.5, -0.3}, plots.Axes{Title: "A neuron", Unit: "activation"})
	html, err := figure.HTML()
	fmt.Println(strings.Contains(string(html), "·cat"), strings.Contains(string(html), "↵"), err)
	// Output: true true <nil>
}

// A line grows below the notebook's cell while something is computed.
func ExampleLiveLine() {
	live := plots.NewLiveLine(plots.Axes{Title: "Halving", XName: "step", YName: "value", LogY: true})
	value := 1.0
	for step := range 20 {
		live.Add("value", float64(step), value)
		value /= 2
	}
	live.End()
	fmt.Println(live.Figure().Err())
	// Output: <nil>
}

// A page of a whole dictionary; package dashboard makes the features of what it finds in a corpus.
func ExampleFeaturePage() {
	features := func(yield func(plots.FeatureData, error) bool) {
		for i := range 1000 {
			texts := plots.TextList{{Label: "row 17", Tokens: []string{"The", " cat", " sat"}, Values: []float32{0, 3.2, 0.1}}}
			f := plots.FeatureData{Number: i, Density: 0.01, Groups: []plots.TextSeries{{Name: "strongest", Texts: texts}}}
			if !yield(f, nil) {
				return
			}
		}
	}
	var page strings.Builder
	err := plots.FeaturePage(&page, plots.PageConfig{Title: "A dictionary"}, features)
	fmt.Println(page.Len() < 150_000, err)
	// Output: true <nil>
}

// The document is the JSON that circuit-tracer writes and Neuronpedia reads, or a
// circuits.Document.
func ExampleAttributionGraph() {
	document := json.RawMessage(`{
		"metadata": {"slug": "capital", "prompt_tokens": ["The", " capital"]},
		"qParams": {"pinnedIds": [], "supernodes": []},
		"nodes": [
			{"node_id": "E_5_1", "layer": "E", "ctx_idx": 1, "feature_type": "embedding", "influence": 0.4},
			{"node_id": "0_7_1", "layer": "0", "ctx_idx": 1, "feature_type": "cross layer transcoder", "influence": 0.2, "activation": 3.1},
			{"node_id": "2_9_1", "layer": "2", "ctx_idx": 1, "feature_type": "logit", "clerp": "Output \" of\" (p=0.6)"}],
		"links": [
			{"source": "E_5_1", "target": "0_7_1", "weight": 2.5},
			{"source": "0_7_1", "target": "2_9_1", "weight": 1.5}]}`)
	figure := plots.AttributionGraph(document, nil, plots.Axes{Title: "Of what"})
	bundle, err := figure.Bundle()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(bundle["text/plain"])
	// Output: Of what. Attribution graph of 2 tokens: 1 feature, 0 errors, 1 token node, 1 logit and 2 links. Strongest: token ·capital into feature 7 of layer 0 at ·capital, 2.5; feature 7 of layer 0 at ·capital into Output " of" (p=0.6), 1.5.
}

// What two neurons read: texts with the neurons' activations, and pickers in a notebook.
func ExampleTextActivations() {
	texts := plots.TextList{{Label: "row 17", Tokens: []string{"The", " cat", " sat"}, Values: []float32{0, 3.2, 0.1}}}
	figure := plots.TextActivations([]plots.TextSeries{
		{Layer: "layer 5", Name: "neuron 12", Texts: texts},
		{Layer: "layer 5", Name: "neuron 340", Texts: texts},
	}, plots.Axes{Title: "Two neurons", Unit: "activation"})
	fmt.Println(figure.Err())
	// Output: <nil>
}

// A circuit of a head and an MLP. Package edges makes such a graph of scores.
func ExampleCircuitGraph() {
	figure := plots.CircuitGraph(plots.WiringList{
		Rows:  []string{"input", "heads 0", "MLP 0", "logits"},
		Nodes: []plots.WiredNode{{Name: "input"}, {Name: "a0.h3", Row: 1}, {Name: "m0", Row: 2}, {Name: "logits", Row: 3}},
		Edges: []plots.Wire{{From: 0, To: 1, Value: 1.5, Word: "v"}, {From: 1, To: 2, Value: -0.4}, {From: 2, To: 3, Value: 0.9}},
	}, plots.Axes{Title: "A circuit", Unit: "logit difference"})
	bundle, err := figure.Bundle()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(bundle["text/plain"])
	// Output: A circuit. Graph of 4 nodes and 3 edges in 4 rows. Strongest: input → a0.h3 v: 1.5; m0 → logits: 0.9; a0.h3 → m0: −0.4.
}
