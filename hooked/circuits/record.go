package circuits

import (
	"context"
	"math/bits"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A record is a run of the model on a prompt: what is frozen of it, and what the transcoders make
// of it.
type record struct {
	r      *Replacement
	tokens []int
	cache  *hooked.Cache
	logits []float32 // at the last position
	zero   int       // positions without features and errors

	features []Feature   // that are active, by layer, position and index
	firsts   []int       // where each layer begins in features; one more at the end
	errors   [][]float32 // of each layer [pos, d_model]: what the transcoders lack
	decoders [][]float32 // of each layer's features [feature, layer, d_model], not multiplied
	lost     []float64   // of each layer, the share of the output's variance in the errors
}

// A Feature is an active feature of a prompt.
type Feature struct {
	Layer, Pos, Index int
	Activation        float64
}

// run runs the model on one prompt.
func (r *Replacement) run(ctx context.Context, prompt any, zero int) (*record, error) {
	names := slices.Concat(r.in, r.out, r.patterns(), r.frozenScales(), []string{"hook_embed"})
	selected := make([]hooked.Selector, len(names))
	for i, name := range names {
		selected[i] = name
	}
	options := []hooked.Option{hooked.LogitsAt(-1), hooked.Names(selected...)}
	if ctx != nil {
		options = append(options, hooked.WithContext(ctx))
	}
	logits, cache, err := r.model.RunWithCache(prompt, options...)
	if err != nil {
		return nil, brief.Errorf("circuits: %w", err)
	}
	tokens := cache.Tokens()
	if len(tokens) != 1 {
		return nil, brief.Errorf("circuits: %d prompts are given: a graph is of one", len(tokens))
	}
	rec := &record{r: r, tokens: tokens[0], cache: cache, zero: min(zero, len(tokens[0]))}
	rec.logits, err = floats(logits)
	return rec, err
}

// floats copies a tensor's values to this process.
func floats(t *hooked.Tensor) (values []float32, err error) {
	err = hooked.Try(func() { values = t.Float32s() })
	return values, err
}

// site is a recorded activation.
func (rec *record) site(name string) (*hooked.Tensor, error) { return rec.cache.Lookup(name) }

func (rec *record) pos() int { return len(rec.tokens) }

func (rec *record) width() int { return rec.r.model.Config().DModel }

func (rec *record) layers() int { return len(rec.r.in) }

// encode finds the features that are active, and what they leave unexplained.
func (rec *record) encode() error {
	for l, d := range rec.r.set.Layers {
		x, err := rec.site(rec.r.in[l])
		if err != nil {
			return err
		}
		sparse, err := d.Sparse(x)
		if err != nil {
			return brief.Errorf("circuits: layer %d: %w", l, err)
		}
		rec.firsts = append(rec.firsts, len(rec.features))
		for p := rec.zero; p < rec.pos(); p++ {
			index, value, err := sparse.At(0, p)
			if err != nil {
				return err
			}
			for i, f := range index {
				rec.features = append(rec.features, Feature{l, p, int(f), float64(value[i])})
			}
		}
	}
	rec.firsts = append(rec.firsts, len(rec.features))
	return rec.decode()
}

// ofLayer are the features of a layer.
func (rec *record) ofLayer(l int) []Feature { return rec.features[rec.firsts[l]:rec.firsts[l+1]] }

// writes is how many layers a layer's features write to.
func (rec *record) writes(l int) int {
	if rec.r.set.CrossLayer() {
		return rec.layers() - l
	}
	return 1
}

// decode gets the decoders of the active features, and makes the errors.
func (rec *record) decode() error {
	d := rec.width()
	sums := make([][]float64, rec.layers()) // what the features write to each layer [pos, d_model]
	for l := range sums {
		sums[l] = make([]float64, rec.pos()*d)
	}
	for l, layer := range rec.r.set.Layers {
		from := layer.Weights["W_dec"]
		if rec.r.set.CrossLayer() {
			from = rec.r.set.Decoders[l]
		}
		rows, err := rowsOf(from, indices(rec.ofLayer(l)))
		if err != nil {
			return brief.Errorf("circuits: layer %d: %w", l, err)
		}
		rec.decoders = append(rec.decoders, rows)
		for i, f := range rec.ofLayer(l) {
			for k := range rec.writes(l) {
				sum := sums[l+k][f.Pos*d:][:d]
				for j, v := range rows[(i*rec.writes(l)+k)*d:][:d] {
					sum[j] += f.Activation * float64(v)
				}
			}
		}
	}
	return rec.subtract(sums)
}

// subtract makes errors of what the features write.
func (rec *record) subtract(sums [][]float64) error {
	d := rec.width()
	for l := range sums {
		bias, err := floats(rec.r.set.Layers[l].Weights["b_dec"])
		if err != nil {
			return err
		}
		skip, err := rec.skip(l)
		if err != nil {
			return err
		}
		target, err := rec.site(rec.r.out[l])
		if err != nil {
			return err
		}
		values, err := floats(target)
		if err != nil {
			return err
		}
		lacks := make([]float32, rec.pos()*d)
		for i := rec.zero * d; i < len(lacks); i++ {
			made := sums[l][i] + float64(bias[i%d])
			if skip != nil {
				made += float64(skip[i])
			}
			lacks[i] = float32(float64(values[i]) - made)
		}
		rec.errors = append(rec.errors, lacks)
		rec.lost = append(rec.lost, shareOf(lacks[rec.zero*d:], values[rec.zero*d:], d))
	}
	return nil
}

// shareOf is the variance of what is lacking over that of the values, [n, width] both.
func shareOf(lacks, values []float32, width int) float64 {
	mean := make([]float64, width)
	n := len(values) / width
	for i, v := range values {
		mean[i%width] += float64(v) / float64(n)
	}
	var lost, all float64
	for i, v := range values {
		lost += float64(lacks[i]) * float64(lacks[i])
		all += (float64(v) - mean[i%width]) * (float64(v) - mean[i%width])
	}
	if all == 0 {
		return 0
	}
	return lost / all
}

// skip is what the linear part of a layer's transcoder writes, [pos, d_model]; nil without one.
func (rec *record) skip(l int) ([]float32, error) {
	w := rec.r.set.Layers[l].Weights["W_skip"]
	if w == nil {
		return nil, nil
	}
	x, err := rec.site(rec.r.in[l])
	if err != nil {
		return nil, err
	}
	y, err := hooked.Apply("batch pos d_model", timesSkip, x, w)
	if err != nil {
		return nil, err
	}
	return floats(y)
}

// timesSkip is x W_skip^T.
func timesSkip(x, w *graph.Node) *graph.Node {
	return graph.Einsum("bpi,oi->bpo", graph.ConvertDType(x, dtypes.Float32), w)
}

// indices are the numbers of features in their layer.
func indices(features []Feature) []int {
	out := make([]int, len(features))
	for i, f := range features {
		out[i] = f.Index
	}
	return out
}

// rowsOf are some rows of the first axis of w, one after the other.
func rowsOf(w *hooked.Tensor, rows []int) ([]float32, error) {
	return pickRows(w, rows, func(w *graph.Node) *graph.Node { return w })
}

// columnsOf are some columns of a matrix, one after the other.
func columnsOf(w *hooked.Tensor, columns []int) ([]float32, error) {
	return pickRows(w, columns, func(w *graph.Node) *graph.Node { return graph.Transpose(w, 0, 1) })
}

// pickRows takes rows of what of makes of w. They are brought to a power of two, so that few
// programs serve.
func pickRows(w *hooked.Tensor, rows []int, of func(*graph.Node) *graph.Node) ([]float32, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	padded := make([]int32, powerOfTwo(len(rows)))
	for i, row := range rows {
		padded[i] = int32(row)
	}
	index, err := hooked.NewTensor(padded, "row")
	if err != nil {
		return nil, err
	}
	picked, err := hooked.Apply("row entry", func(w, index *graph.Node) *graph.Node {
		w = of(w)
		return graph.Gather(graph.Reshape(w, w.Shape().Dim(0), -1), graph.InsertAxes(index, -1))
	}, w, index)
	if err != nil {
		return nil, err
	}
	values, err := floats(picked)
	if err != nil {
		return nil, err
	}
	return values[:len(values)/len(padded)*len(rows)], nil
}

// powerOfTwo is the least one that is not below n.
func powerOfTwo(n int) int { return 1 << bits.Len(uint(n-1)) }
