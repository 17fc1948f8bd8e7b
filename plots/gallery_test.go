package plots_test

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"

	"gopherlens/plots"
)

// A sample is a figure of the gallery that golden and browser tests look at.
type sample struct {
	name   string
	figure plots.Figure
}

// samples are figures of every kind on made-up data, in the order of the page.
func samples() []sample {
	return []sample{
		{"line", plots.Line([]float64{-0.12, 0.05, 0.31, 0.18, 0.42, 1.7, 2.9, 3.6, 3.4}, plots.Axes{
			Title: "Logit difference from the accumulated residual stream", XName: "layer", YName: "logit difference", Unit: "logits",
			X: []string{"0_pre", "0_mid", "1_pre", "1_mid", "2_pre", "2_mid", "3_pre", "3_mid", "final"}})},
		{"line_series", plots.Line(waves(4, 200), plots.Axes{
			Title: "Four decaying waves", XName: "step", YName: "loss", Unit: "nats",
			Series: []string{"layer 0", "layer 1", "layer 2", "layer 3"}, Guides: []plots.Guide{plots.Horizontal(0.5, "chance"), plots.Vertical(120, "peak")}})},
		{"line_holes", plots.Line([]float64{1, 2, math.NaN(), 4, math.Inf(1), 3, math.Inf(-1), 2}, plots.Axes{Title: "Values that are not finite", XName: "x", YName: "y"})},
		{"line_many", plots.Line(waves(12, 40), plots.Axes{Title: "Twelve lines", XName: "position", YName: "norm"})},
		{"line_log", plots.Line([]float64{1000, 310, 120, 33, 12, 4.1, 1.2, 0.3}, plots.Axes{Title: "Loss", XName: "step", YName: "loss", LogY: true})},
		{"line_curves", plots.Line(plots.Curves{
			{Name: "loss", X: []float64{1, 2, 3, 4, 5, 6, 7, 8}, Y: []float64{5.1, 4.2, 3.3, 2.9, 2.1, 1.8, 1.7, 1.5}},
			{Name: "evaluation", X: []float64{4, 8}, Y: []float64{3.1, 2.2}}}, plots.Axes{Title: "A training", XName: "step", YName: "loss", LogY: true})},
		{"bar", plots.Bar([]float64{1.2, -0.4, 0.9, math.NaN(), 2.4}, plots.Axes{
			Title: "Contribution of each component", X: []string{"embed", "attn 0", "mlp 0", "attn 1", "mlp 1"}, YName: "logit difference", Values: true})},
		{"bar_groups", plots.Bar(waves(3, 6), plots.Axes{
			Title: "Three prompts", X: []string{"L0", "L1", "L2", "L3", "L4", "L5"}, XName: "layer", YName: "effect", Series: []string{"clean", "corrupted", "patched"}})},
		{"imshow", plots.Imshow(signed(12, 16), plots.Axes{
			Title: "Activation patching of the residual stream", X: prompt(16), XName: "position", YName: "layer", Unit: "logit difference restored"})},
		{"imshow_large", plots.Imshow(signed(36, 48), plots.Axes{Title: "To be zoomed", XName: "position", YName: "neuron", Unit: "activation"})},
		{"imshow_facets", plots.Imshow([][][]float64{signed(8, 12), signed(8, 12), signed(8, 12)}, plots.Axes{
			Title: "Facets", Facets: []string{"residual", "attention", "MLP"}, XName: "position", YName: "layer", Unit: "effect"})},
		{"imshow_frames", plots.Imshow([][][]float64{signed(6, 9), signed(6, 9), signed(6, 9), signed(6, 9)}, plots.Axes{
			Title: "Animation", FrameName: "checkpoint", Frames: []string{"0", "100", "1000", "10000"}, XName: "position", YName: "layer", Unit: "effect"})},
		{"imshow_values", plots.Imshow([][]float64{{0.1, 0.95, math.NaN()}, {math.Inf(1), 0.4, math.Inf(-1)}, {0, 0.01, 0.7}}, plots.Axes{
			Title: "Numbers in the cells", Values: true, XName: "key", YName: "query", Unit: "score"})},
		{"scatter", plots.Scatter(column(signed(30, 2), 0), column(signed(30, 2), 1), plots.Axes{
			Title: "Attention to the name against what is written", XName: "attention probability", YName: "projection", Unit: "logits",
			Guides: []plots.Guide{plots.Diagonal()}, ColorBy: column(waves(30, 1), 0), ColorName: "layer"})},
		{"scatter_groups", plots.Scatter([]float64{1, 2, 3, 4, math.NaN(), 6}, []float64{2, 1, math.Inf(1), 5, 3, 4}, plots.Axes{
			Title: "Two groups", Series: []string{"name movers", "others"}, ColorBy: []float64{0, 0, 1, 1, 1, 0},
			Names: []string{"L9H6", "L9H9", "L10H0", "L1H1", "L2H2", "L3H3"}, XName: "copying score", YName: "direct effect"})},
		{"hist", plots.Hist([][]float64{waves(1, 400)[0], waves(2, 300)[1]}, plots.Axes{
			Title: "Two samples", XName: "activation", Series: []string{"clean", "corrupted"}, Guides: []plots.Guide{plots.Vertical(0.2, "mean")}})},
		{"head_scores", plots.HeadScores(signed(12, 12), plots.Axes{Title: "Direct logit attribution of heads", Unit: "logit difference"})},
		{"logit_lens", plots.LogitLens([][]float64{{-4, -2, -1.5}, {-1, -0.5, -3}, {-0.1, -0.2, -0.01}}, [][]string{{" the", "\\n", "\n"}, {" a", " Mary", "☃"}, {" John", " Mary", "\xe2\x98"}}, plots.Axes{
			Title: "Logit lens", X: []string{"When", " John", " and"}, Y: []string{"layer 10", "layer 20", "layer 30"}, XName: "position", Unit: "log-probability"})},
		{"logit_lens_table", plots.LogitLensTable(lensGrid(5, 16), plots.Axes{
			Title: "Logit lens", X: prompt(16), Y: []string{"embed", "layer 3", "layer 6", "layer 9", "final"}})},
		{"top_tokens", plots.TopTokens([][]plots.Ranked{{{" Mary", 12.3}, {" John", 9.1}, {" the", 6.2}}, {{" bag", 8.3}, {"\n", 4.4}, {" it", -1}}}, plots.Axes{
			Title: "Best tokens", X: []string{"prompt 0", "prompt 1"}, Unit: "logit"})},
		{"attention_pattern", plots.AttentionPattern(prompt(16), pattern(16, 3), plots.Axes{Title: "L23H3"})},
		{"attention_heads", plots.AttentionHeads(prompt(16), [][][]float64{pattern(16, 0), pattern(16, 1), pattern(16, 2), pattern(16, 3), pattern(16, 4), pattern(16, 5), pattern(16, 6), pattern(16, 7), pattern(16, 8)}, plots.Axes{
			Title: "Layer 5", Facets: []string{"L5H0", "L5H1", "L5H2", "L5H3", "L5H4", "L5H5", "L5H6", "L5H7", "L5H8"}})},
		{"attention_signed", plots.AttentionHeads(prompt(8), [][][]float64{signed(8, 8), signed(8, 8)}, plots.Axes{Title: "Attribution of attention", Unit: "attribution"})},
		{"colored_tokens", plots.ColoredTokens(prompt(16), signed(2, 16), plots.Axes{Title: "Two neurons", Series: []string{"L3N812", "L7N55"}})},
		{"token_log_probs", plots.TokenLogProbs(prompt(16), logProbs(15), guesses(15), plots.Axes{Title: "What the model foresaw"})},
		{"text_activations", plots.TextActivations(neuronTexts(), plots.Axes{Title: "What three neurons read", Unit: "activation"})},
		{"text_neurons", plots.TextNeuronActivations(prompt(16), neuronGrid(16, 2, 3), plots.Axes{Title: "Neurons of two layers", Facets: []string{"layer 3", "layer 7"}})},
		{"feature", plots.Feature(featureData(), plots.Axes{Title: "Feature 123", Unit: "activation"})},
		{"circuit", plots.CircuitGraph(wiring(5, 4), plots.Axes{Title: "A circuit", Unit: "logit difference"})},
		{"attribution_graph", plots.AttributionGraph(graphDocument(), graphFeature, plots.Axes{Title: "What the answer comes of"})},
		{"imshow_sequential", plots.Imshow([][]float64{{51.2, 52.3, 53.1}, {50.4, 54.9, 52.2}}, plots.Axes{Title: "Far from zero", Unit: "norm"})},
	}
}

// wiring is a circuit of some layers with some heads and an MLP each.
func wiring(layers, heads int) plots.WiringList {
	w := plots.WiringList{Rows: []string{"input"}, Nodes: []plots.WiredNode{{Name: "input"}}}
	for l := range layers {
		w.Rows = append(w.Rows, fmt.Sprintf("heads %d", l), fmt.Sprintf("MLP %d", l))
		for h := range heads {
			w.Nodes = append(w.Nodes, plots.WiredNode{Name: fmt.Sprintf("a%d.h%d", l, h), Row: 1 + 2*l})
		}
		w.Nodes = append(w.Nodes, plots.WiredNode{Name: fmt.Sprintf("m%d", l), Row: 2 + 2*l})
	}
	w.Rows = append(w.Rows, "logits")
	w.Nodes = append(w.Nodes, plots.WiredNode{Name: "logits", Row: 1 + 2*layers})
	for to := range w.Nodes {
		for from := range to {
			k := from*31 + to*17
			if w.Nodes[from].Row < w.Nodes[to].Row && k%9 == 0 {
				w.Edges = append(w.Edges, plots.Wire{From: from, To: to, Value: math.Round(1e3*math.Sin(float64(k))) / 1e3, Word: []string{"q", "k", "v", ""}[k%4]})
			}
		}
	}
	return w
}

// lensGrid are predictions that grow surer from row to row.
func lensGrid(rows, columns int) plots.RankedGrid {
	words := []string{" the", " Mary", "\n", " John", "<b>", " bag", "\xe2\x98", " שלום", " electroencephalograms", "☃"}
	grid := make(plots.RankedGrid, rows)
	for i := range grid {
		for j := range columns {
			p := math.Round(1e4*float64(i+1)/float64(rows+1)*(0.6+0.4*math.Sin(float64(3*i+5*j)))) / 1e4
			var cell []plots.Ranked
			for k := range 4 {
				cell = append(cell, plots.Ranked{Token: words[(i*7+j*3+k)%len(words)], Value: p})
				p /= 4
			}
			grid[i] = append(grid[i], cell)
		}
	}
	return grid
}

// neuronTexts are three series of texts with tokens of every kind.
func neuronTexts() []plots.TextSeries {
	texts := [][]string{prompt(16), {" She", " said", ":", " \"", "Yes", "\"", "\n", "\n", "\t", "He", " <b>", "&", " did"},
		{"مر", "حبا", " ", " שלום", " naïve", " ☃", "\xe2", "\x98", " 日本", "語", "👩‍👩‍👧‍👦"}}
	series := func(layer, name string, k float64, signs bool) plots.TextSeries {
		var list plots.TextList
		for i, tokens := range texts {
			t := plots.ValuedText{Label: []string{"row 17", "row 4", "row 230"}[i], Tokens: tokens}
			for j := range tokens {
				v := math.Round(1e3*math.Sin(k*float64(j*j+i))) / 250
				if !signs {
					v = max(0, v)
				}
				t.Values = append(t.Values, float32(v))
			}
			list = append(list, t)
		}
		return plots.TextSeries{Layer: layer, Name: name, Texts: list}
	}
	return []plots.TextSeries{series("layer 5", "neuron 12", 0.7, false), series("layer 5", "neuron 340", 1.3, true), series("layer 9", "neuron 12", 2.1, false)}
}

//go:embed testdata/graph.json
var tracedGraph []byte // circuit-tracer's of a model of random weights

// graphDocument is the graph with a supernode.
func graphDocument() json.RawMessage {
	return bytes.Replace(tracedGraph, []byte(`"supernodes": []`), []byte(`"supernodes": [["the giver", "0_29_2", "E_313_1"]]`), 1)
}

// graphFeature knows some features.
func graphFeature(layer, feature int) (plots.FeatureData, bool) {
	d := featureData()
	d.Number = feature
	return d, layer < 2
}

// featureData is a feature with all that is known of one.
func featureData() plots.FeatureData {
	groups := neuronTexts()[:1]
	groups[0].Layer, groups[0].Name = "", "strongest"
	groups = append(groups, plots.TextSeries{Name: "of the middle", Texts: plots.TextList{{Label: "row 9, 1.1 at position 3", Tokens: prompt(8), Values: []float32{0, 0, 0.2, 1.1, 0, 0, 0, 0.4}}}})
	d := plots.FeatureData{Number: 123, About: "the giver's name", Density: 0.0123, Groups: groups,
		Up:   []plots.Ranked{{Token: " Mary", Value: 1.91}, {Token: " John", Value: 1.52}, {Token: "\n", Value: 0.7}, {Token: "</script>", Value: 0.1}},
		Down: []plots.Ranked{{Token: " the", Value: -1.2}, {Token: "\xe2", Value: -0.8}, {Token: " electroencephalograms and their like", Value: -0.6}, {Token: "☃", Value: -0.05}}}
	for i, edge := 0, 0.125; i < 12; i++ {
		d.Edges, d.Counts = append(d.Edges, edge), append(d.Counts, 900-75*i)
		edge *= []float64{1.5, 4.0 / 3}[i%2]
	}
	d.Edges = append(d.Edges, 8)
	return d
}

// neuronGrid is [token, layer, neuron].
func neuronGrid(tokens, layers, neurons int) [][][]float64 {
	out := make([][][]float64, tokens)
	for k := range out {
		out[k] = make([][]float64, layers)
		for l := range out[k] {
			for j := range neurons {
				out[k][l] = append(out[k][l], math.Round(1e3*math.Sin(float64(k*(j+1)+3*l)))/1e3)
			}
		}
	}
	return out
}

// waves are n smooth lines of m points, none alike.
func waves(n, m int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		for j := range m {
			x := float64(j) / float64(m) * 4 * math.Pi
			out[i] = append(out[i], math.Round(1e4*(0.8*math.Cos(x+float64(i))*math.Exp(-x/8)+0.1*float64(i)))/1e4)
		}
	}
	return out
}

// signed is a grid with a strong corner, like a patching result.
func signed(rows, columns int) [][]float64 {
	out := make([][]float64, rows)
	for y := range out {
		for x := range columns {
			v := 0.15 * math.Sin(float64(3*y+7*x))
			if x == columns-1 {
				v += float64(y) / float64(rows)
			}
			if x == 2 {
				v -= float64(rows-y) / float64(rows) * 0.6
			}
			out[y] = append(out[y], math.Round(v*1e4)/1e4)
		}
	}
	return out
}

// prompt is the start of the IOI paper's example, as tokens.
func prompt(n int) []string {
	tokens := []string{"<|endoftext|>", "When", " John", " and", " Mary", " went", " to", " the", " shops", ",", " John", " gave", " the", " bag", " to", "\n"}
	return tokens[:n]
}

func column(grid [][]float64, j int) []float64 {
	var out []float64
	for _, row := range grid {
		out = append(out, row[j])
	}
	return out
}

// pattern is a causal attention pattern: rows sum to 1, kind shapes them.
func pattern(n, kind int) [][]float64 {
	out := make([][]float64, n)
	for q := range out {
		out[q] = make([]float64, n)
		sum := 0.0
		for k := range q + 1 {
			out[q][k] = math.Exp(-math.Abs(float64((q-k)-kind)) + 2*math.Cos(float64(k*kind)))
			sum += out[q][k]
		}
		for k := range q + 1 {
			out[q][k] = math.Round(out[q][k]/sum*1e4) / 1e4
		}
	}
	return out
}

func logProbs(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = -math.Round(1e3*math.Abs(6*math.Sin(float64(i*i)))) / 1e3
	}
	return out
}

func guesses(n int) [][]plots.Ranked {
	var out [][]plots.Ranked
	for i := range n {
		out = append(out, []plots.Ranked{{prompt(16)[i+1], -0.4 - float64(i)/10}, {" the", -1.5}, {"\n", -2.25}, {"</script>", -12}})
	}
	return out
}
