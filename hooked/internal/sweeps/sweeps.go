// Package sweeps is what hooked does for package patching and shows to no reader: it computes many
// variations of one run together, block by block. Each is a row: a prompt of the base run, in which
// something changes at or after some position. What lies before that position is the base run's, so
// that only the positions from there on are computed, on top of the base run's keys and values.
//
// A block is one small program that gets the layer's weights as inputs: it is compiled once and
// serves all layers.
//
// The package is a door: hooked gives a [Door] to it when the program starts, patching takes it.
// The types that only hooked can name are parameters here.
package sweeps

import . "github.com/gomlx/gomlx/core/graph"

// Door is what patching finds. M is *hooked.Model, C *hooked.Cache, T *hooked.Tensor, S
// hooked.Site, F hooked.Metric and O hooked.Option.
type Door[M, C, T, S, F, O any] struct {
	// Sites are the activations that a base run must have recorded.
	Sites func(m M) []S

	// Branches prepares variations of the run that base was recorded in. It must have been a run of
	// whole prompts, whole batch and all positions. What an attention mask called pads there are
	// pads in its variations.
	Branches func(m M, base C, spec Spec[S]) (Branches[T], error)

	// Positions is where a metric looks in each of some prompts, counted from the beginning of its
	// row: [batch][n]. Pads are told as in a run, by AttentionMask or PaddingSide.
	Positions func(m M, metric F, tokens [][]int, options ...O) ([][]int, error)

	// Edits refuses options that are no edits of activations.
	Edits func(options ...O) error

	// Measure is a metric of many runs at once, from the residual streams after the last layer at
	// the metric's positions: [run, batch, pos, d_model] in row-major order. It returns one number
	// a run; one that is not a number is an error.
	Measure func(m M, metric F, residuals []float32, shape ...int) ([]float32, error)
}

// Branches computes variations of a run.
type Branches[T any] interface {
	// Start is the base run's residual stream before a layer, for the rows that begin there: [row,
	// pos, d_model]. prompts are the rows' prompts.
	Start(layer int, prompts []int) (T, error)

	// Block passes rows x [row, pos, d_model] through one layer. The values are the run-time values
	// of each edit, of the same shapes in every call. It returns the residual stream after the
	// layer and the activations at the sites to record.
	Block(layer int, prompts []int, x T, values ...[]any) (next T, recorded []T, err error)
}

// Spec says what the blocks of [Branches] do besides computing.
type Spec[S any] struct {
	From    int       // the first position that is computed
	Edits   []Edit[S] // in every block
	Record  []S       // sites whose activations a block returns too, as in every layer
	Ungroup bool      // every query head has its own key and value, as with hooked.UngroupKV
}

// An Edit changes the activation x [row, pos, ...] at a site in every block. The positions of x are
// those from [Spec].From on, except along an axis called "key", which holds all. The values are
// those that Block gets for this edit.
type Edit[S any] struct {
	At    S
	Apply func(x *Node, values []*Node) *Node
}

// given is a Door of hooked's types.
var given any

// Give hands the door over, once, before anybody takes it.
func Give[M, C, T, S, F, O any](d Door[M, C, T, S, F, O]) { given = d }

// Take is the door that hooked gave. A package that imports hooked can take it while its own
// variables are set.
func Take[M, C, T, S, F, O any]() Door[M, C, T, S, F, O] { return given.(Door[M, C, T, S, F, O]) }
