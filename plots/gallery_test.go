package plots_test

import (
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
		{"bar", plots.Bar([]float64{1.2, -0.4, 0.9, math.NaN(), 2.4}, plots.Axes{
			Title: "Contribution of each component", X: []string{"embed", "attn 0", "mlp 0", "attn 1", "mlp 1"}, YName: "logit difference", Values: true})},
		{"bar_groups", plots.Bar(waves(3, 6), plots.Axes{
			Title: "Three prompts", X: []string{"L0", "L1", "L2", "L3", "L4", "L5"}, XName: "layer", YName: "effect", Series: []string{"clean", "corrupted", "patched"}})},
		{"imshow", plots.Imshow(signed(12, 16), plots.Axes{
			Title: "Activation patching of the residual stream", X: prompt(16), XName: "position", YName: "layer", Unit: "logit difference restored"})},
		{"imshow_facets", plots.Imshow([][][]float64{signed(8, 12), signed(8, 12), signed(8, 12)}, plots.Axes{
			Title: "Facets", Facets: []string{"residual", "attention", "MLP"}, XName: "position", YName: "layer", Unit: "effect"})},
		{"imshow_frames", plots.Imshow([][][]float64{signed(6, 9), signed(6, 9), signed(6, 9), signed(6, 9)}, plots.Axes{
			Title: "Animation", FrameName: "checkpoint", Frames: []string{"0", "100", "1000", "10000"}, XName: "position", YName: "layer", Unit: "effect"})},
		{"imshow_values", plots.Imshow([][]float64{{0.1, 0.95, math.NaN()}, {math.Inf(1), 0.4, math.Inf(-1)}, {0, 0.01, 0.7}}, plots.Axes{
			Title: "Numbers in the cells", Values: true, XName: "key", YName: "query", Unit: "score"})},
		{"imshow_sequential", plots.Imshow([][]float64{{51.2, 52.3, 53.1}, {50.4, 54.9, 52.2}}, plots.Axes{Title: "Far from zero", Unit: "norm"})},
	}
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
