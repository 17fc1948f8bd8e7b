//go:build linux

package main

import (
	"fmt"

	"gopherlens/hooked"
)

// A point is one measurement of either side: how long some work takes, and the memory at its peak.
type point struct {
	Curve   string  `json:"curve"`
	At      string  `json:"at"` // what the curve counts, or a model's name
	Seconds float64 `json:"seconds"`
	Bytes   int64   `json:"bytes"`
	// Part is the share that was measured and multiplied; 1 for the whole
	Part float64 `json:"part"`
	// Left says why a point was not measured
	Left string `json:"left,omitempty"`
	// GFLOP are the products that the work needs, counted by hand: [flops]
	GFLOP float64 `json:"gflop,omitempty"`
}

func (p point) named() bool { return p.Curve != "" }

// A curve is some work that grows.
type curve struct {
	name, title, x string
	points         []string
}

// curves are what is measured, in the order of the page.
var curves = []curve{
	{"tokens", "One prompt that grows: all logits", "tokens of the prompt", []string{"128", "256", "512", "1024", "2048", "4096", "8192"}},
	{"batch", "A batch that grows: all logits of rows of 16 tokens that share nothing", "rows", []string{"1", "2", "4", "8", "16", "32", "64", "128", "256"}},
	{"models", "Models of other shapes, with random weights: all logits of 8 x 16 and of 1 x 512", "model", nil},
	{"sweep", "A residual sweep (30 layers x 16 positions) of more prompts", "prompts", []string{"8", "32", "128", "512"}},
	{"copies", "Processes at once, each with the model and one forward pass of 8 x 16 after the other", "processes", []string{"1", "2", "3", "4"}},
}

// shapes are the models of that curve; peer.py has the same.
var shapes = []struct {
	name string
	c    hooked.Config
}{
	{"SmolLM2-135M", llama(30, 576, 9, 3, 1536, 49152)},
	{"GPT-2 small", gpt2(12, 768, 12)},
	{"GPT-2 medium", gpt2(24, 1024, 16)},
	{"Qwen2-0.5B", llama(24, 896, 14, 2, 4864, 151936)},
}

func llama(layers, width, heads, keys, mlp, vocabulary int) hooked.Config {
	return hooked.Config{NLayers: layers, DModel: width, NCtx: 1024, DHead: width / heads, NHeads: heads, NKeyValueHeads: keys, DMLP: mlp,
		DVocab: vocabulary, DVocabOut: vocabulary, ActFn: hooked.SiLU, GatedMLP: true, Normalization: hooked.RMS, Eps: 1e-5,
		PositionalEmbedding: hooked.RotaryPositions, RotaryDim: width / heads, RotaryBase: 10000, InitMode: "gpt2", InitializerRange: 0.02, Seed: 1}
}

func gpt2(layers, width, heads int) hooked.Config {
	return hooked.Config{NLayers: layers, DModel: width, NCtx: 1024, DHead: width / heads, NHeads: heads, NKeyValueHeads: heads, DMLP: 4 * width,
		DVocab: 50257, DVocabOut: 50257, ActFn: hooked.GELUNew, Normalization: hooked.LN, Eps: 1e-5,
		PositionalEmbedding: hooked.StandardPositions, InitMode: "gpt2", InitializerRange: 0.02, Seed: 1}
}

// flops are the multiplications and additions of the products of a forward pass, in thousands of
// millions: each weight once for each token, and the half of the scores that a causal model has.
func flops(c hooked.Config, batch, pos int) float64 {
	attention := c.DModel * c.DHead * (2*c.NHeads + 2*c.NKeyValueHeads)
	mlp := 2 * c.DModel * c.DMLP
	if c.GatedMLP {
		mlp += c.DModel * c.DMLP
	}
	weights := float64(c.NLayers*(attention+mlp) + c.DModel*c.DVocabOut)
	scores := float64(c.NLayers*c.NHeads*c.DHead) * float64(pos+1) // two products, half of each
	return 2 * float64(batch*pos) * (weights + scores) / 1e9
}

// title names the point of a curve of models.
func title(model string, batch, pos int) string { return fmt.Sprintf("%s, %d x %d", model, batch, pos) }
