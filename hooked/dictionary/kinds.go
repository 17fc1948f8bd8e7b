package dictionary

import (
	"maps"
	"slices"

	"github.com/gomlx/gomlx/core/graph"
)

// A Kind is a dictionary's architecture, by SAELens' name.
type Kind string

// The kinds.
const (
	Standard               Kind = "standard"                 // ReLU
	Gated                  Kind = "gated"                    // Rajamanoharan et al. 2024a
	JumpReLU               Kind = "jumprelu"                 // Rajamanoharan et al. 2024b
	TopK                   Kind = "topk"                     // Gao et al. 2024
	BatchTopK              Kind = "batchtopk"                // Bussmann et al. 2024, as it is trained
	Matryoshka             Kind = "matryoshka_batchtopk"     // Bussmann et al. 2025, as it is trained
	Transcoder             Kind = "transcoder"               // Dunefsky et al. 2024
	SkipTranscoder         Kind = "skip_transcoder"          // Paulo et al. 2025
	JumpReLUTranscoder     Kind = "jumprelu_transcoder"      // Gemma Scope's
	JumpReLUSkipTranscoder Kind = "jumprelu_skip_transcoder" // Gemma Scope 2's
)

// A kind is what sets one kind apart from the others, as data: whoever computes with a dictionary,
// or trains one, asks this table.
type kind struct {
	about string
	activation
	transcodes bool // it gives another site than it reads
	skips      bool // its output has a linear part, W_skip times the input
}

// An activation makes features of an input that is centred.
type activation struct {
	weights []string // that it has besides W_enc, W_dec and b_dec
	scaled  []string // those of them that grow with the decoder's norm when this is folded in
	// pre are the pre-activations [..., feature] of z [..., d_in].
	pre func(p Pass, z *graph.Node) *graph.Node
	// choose are the activations.
	choose func(p Pass, z, pre *graph.Node) *graph.Node

	topK       bool // it keeps so many features
	wholeBatch bool // it chooses among all positions together
}

func (a activation) hasK() bool { return a.topK || a.wholeBatch }

var (
	rectified = activation{weights: []string{"b_enc"}, scaled: []string{"b_enc"},
		pre: affine, choose: func(_ Pass, _, pre *graph.Node) *graph.Node { return relu(pre) }}
	gated = activation{weights: []string{"b_gate", "b_mag", "r_mag"}, scaled: []string{"b_gate", "b_mag"},
		pre: magnitudes, choose: throughGate}
	jumping = activation{weights: []string{"b_enc", "threshold"}, scaled: []string{"b_enc", "threshold"},
		pre: affine, choose: aboveThreshold}
	largestOfEach = activation{weights: []string{"b_enc"}, scaled: []string{"b_enc"}, topK: true,
		pre: affine, choose: largestOfRows}
	largestOfAll = activation{weights: []string{"b_enc"}, scaled: []string{"b_enc"}, wholeBatch: true,
		pre: affine, choose: largestOfBatch}
)

var kinds = map[Kind]kind{
	Standard:               {about: "ReLU dictionary", activation: rectified},
	Gated:                  {about: "gated dictionary", activation: gated},
	JumpReLU:               {about: "JumpReLU dictionary", activation: jumping},
	TopK:                   {about: "TopK dictionary", activation: largestOfEach},
	BatchTopK:              {about: "BatchTopK dictionary", activation: largestOfAll},
	Matryoshka:             {about: "Matryoshka dictionary", activation: largestOfAll},
	Transcoder:             {about: "ReLU transcoder", activation: rectified, transcodes: true},
	SkipTranscoder:         {about: "ReLU transcoder with a skip", activation: rectified, transcodes: true, skips: true},
	JumpReLUTranscoder:     {about: "JumpReLU transcoder", activation: jumping, transcodes: true},
	JumpReLUSkipTranscoder: {about: "JumpReLU transcoder with a skip", activation: jumping, transcodes: true, skips: true},
}

func kindNames() []string {
	var names []string
	for name := range kinds {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return names
}

// weightKinds are the shape and the axes of each weight that some kind has.
var weightKinds = map[string]struct {
	axes  string
	shape func(c Config) []int
}{
	"W_enc":     {"d_in feature", func(c Config) []int { return []int{c.DIn, c.Features} }},
	"W_dec":     {"feature d_out", func(c Config) []int { return []int{c.Features, c.DOut} }},
	"W_skip":    {"d_out d_in", func(c Config) []int { return []int{c.DOut, c.DIn} }},
	"b_dec":     {"d_out", func(c Config) []int { return []int{c.DOut} }},
	"b_enc":     {"feature", ofFeatures},
	"b_gate":    {"feature", ofFeatures},
	"b_mag":     {"feature", ofFeatures},
	"r_mag":     {"feature", ofFeatures},
	"threshold": {"feature", ofFeatures},
}

func ofFeatures(c Config) []int { return []int{c.Features} }

// WeightShapes are the shapes of the weights that a dictionary has, by SAELens' names; none of a
// kind that there is not.
func (c Config) WeightShapes() map[string][]int {
	k, ok := kinds[c.Kind]
	if !ok {
		return nil
	}
	names := append([]string{"W_enc", "W_dec", "b_dec"}, k.weights...)
	if k.skips {
		names = append(names, "W_skip")
	}
	shapes := make(map[string][]int)
	for _, name := range names {
		shapes[name] = weightKinds[name].shape(c)
	}
	return shapes
}

// weightNames are the names of the weights in the order in which graphs take them.
func (c Config) weightNames() []string { return slices.Sorted(maps.Keys(c.WeightShapes())) }
