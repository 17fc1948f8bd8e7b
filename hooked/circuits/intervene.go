package circuits

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/brief"
)

// A Clamp sets a feature's activation at a position of the prompt; negative layers and positions
// count from the end.
type Clamp struct {
	Layer, Pos, Feature int
	Value               float64
}

// Freezing is what of a model does not answer to an intervention.
type Freezing string

// What is frozen to what it is in the prompt without the intervention.
const (
	// Free is nothing: the model as it is. What an intervention adds to the output of an MLP is the
	// change from the feature's activation under all interventions before it.
	Free Freezing = "free"
	// FrozenAttention are the attention patterns.
	FrozenAttention Freezing = "frozen attention"
	// FrozenAll are attention patterns, MLPs and the denominators of norms: the local replacement
	// model, in which an edge of a graph is the whole effect.
	FrozenAll Freezing = "frozen all"
)

// InterveneOptions are those of [Replacement.Intervene].
type InterveneOptions struct {
	Frozen Freezing // by default [Free]
	// Layers, with [FrozenAll], are those whose MLPs are frozen, all by default. The others are the
	// model's own, and read what the intervention has changed; the norms are then free. Features
	// write to the frozen layers alone.
	Layers []int
	// Context, if not nil, ends the work between two programs.
	Context context.Context
}

// An Outcome is what an intervention leads to.
type Outcome struct {
	Logits *hooked.Tensor // [d_vocab] at the last position
	Clean  *hooked.Tensor // the same without the intervention

	r            *Replacement
	cache, clean *hooked.Cache
	zero         int
}

// Intervene runs the model on one prompt with features set to other values: what that does to the
// logits and to all other features. A feature's effect is the change of its activation times what
// it writes. It answers whether what a graph says is so, in the replacement model ([FrozenAll]) and
// in the model itself ([Free]).
func (r *Replacement) Intervene(prompt any, clamps []Clamp, options ...InterveneOptions) (*Outcome, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if len(options) > 1 {
		return nil, fmt.Errorf("circuits: Intervene takes one InterveneOptions, %d are given", len(options))
	}
	var o InterveneOptions
	if len(options) == 1 {
		o = options[0]
	}
	o, err := o.settled(len(r.in))
	if err != nil {
		return nil, err
	}
	rec, err := r.run(o.Context, prompt, r.zeroPositions())
	if err != nil {
		return nil, err
	}
	i := &intervention{rec: rec, o: o}
	if i.clamps, err = rec.settledClamps(clamps, o); err != nil {
		return nil, err
	}
	edits, err := i.edits()
	if err != nil {
		return nil, err
	}
	return i.run(edits)
}

// settled are the options with their defaults.
func (o InterveneOptions) settled(layers int) (InterveneOptions, error) {
	o.Frozen = cmp.Or(o.Frozen, Free)
	if !slices.Contains([]Freezing{Free, FrozenAttention, FrozenAll}, o.Frozen) {
		return o, brief.Errorf("circuits: Frozen is %q: want %q, %q or %q", o.Frozen, Free, FrozenAttention, FrozenAll)
	}
	if len(o.Layers) > 0 && o.Frozen != FrozenAll {
		return o, brief.Errorf("circuits: Layers are those whose MLPs are frozen, and Frozen is %q: leave them out, or ask for %q", o.Frozen, FrozenAll)
	}
	var named []int
	for _, l := range o.Layers {
		at, err := resolved("layer", l, layers)
		if err != nil {
			return o, err
		}
		named = append(named, at)
	}
	slices.Sort(named)
	if o.Layers = slices.Compact(named); len(o.Layers) == 0 && o.Frozen == FrozenAll {
		for l := range layers {
			o.Layers = append(o.Layers, l)
		}
	}
	return o, nil
}

// resolved is an index that may count from the end.
func resolved(what string, i, n int) (int, error) {
	if i < -n || i >= n {
		return 0, brief.Errorf("circuits: %s %d does not exist: there are %d", what, i, n)
	}
	return (i + n) % n, nil
}

// settledClamps are the clamps with their indices counted from the beginning.
func (rec *record) settledClamps(clamps []Clamp, o InterveneOptions) ([]Clamp, error) {
	if len(clamps) == 0 {
		return nil, errors.New("circuits: there is nothing to clamp: name a feature")
	}
	seen := make(map[Clamp]bool)
	var out []Clamp
	for i, c := range clamps {
		var errs [3]error
		c.Layer, errs[0] = resolved("layer", c.Layer, rec.layers())
		c.Pos, errs[1] = resolved("position", c.Pos, rec.pos())
		if c.Feature < 0 || c.Feature >= rec.r.set.Features() {
			errs[2] = brief.Errorf("circuits: feature %d does not exist: a layer has %d", c.Feature, rec.r.set.Features())
		}
		at := Clamp{Layer: c.Layer, Pos: c.Pos, Feature: c.Feature}
		err := errors.Join(errs[:]...)
		switch {
		case err != nil:
		case c.Pos < rec.zero:
			err = brief.Errorf("circuits: position %d has no features: the first %d positions are left out", c.Pos, rec.zero)
		case !(math.Abs(c.Value) <= math.MaxFloat32):
			err = brief.Errorf("circuits: the value is %v: want a finite number", c.Value)
		case seen[at]:
			err = brief.Errorf("circuits: feature %d of layer %d at position %d is clamped twice", c.Feature, c.Layer, c.Pos)
		case o.Frozen == FrozenAll && !rec.writesTo(c.Layer, o.Layers):
			err = brief.Errorf("circuits: feature %d of layer %d writes to none of the frozen layers %v, so that nothing would change", c.Feature, c.Layer, o.Layers)
		}
		if err != nil {
			return nil, brief.Errorf("clamp %d: %w", i, err)
		}
		seen[at] = true
		out = append(out, c)
	}
	return out, nil
}

// writesTo reports whether a layer's features write to one of these layers.
func (rec *record) writesTo(layer int, layers []int) bool {
	return slices.ContainsFunc(layers, func(l int) bool { return l >= layer && l < layer+rec.writes(layer) })
}

// An intervention is a run with clamped features.
type intervention struct {
	rec    *record
	o      InterveneOptions
	clamps []Clamp
}

// edits are what is frozen, and what the features write.
func (i *intervention) edits() ([]hooked.Option, error) {
	var frozen []string
	if i.o.Frozen != Free {
		frozen = i.rec.r.patterns()
	}
	if i.o.Frozen == FrozenAll && len(i.o.Layers) == i.rec.layers() {
		frozen = append(frozen, i.rec.r.frozenScales()...)
	}
	var edits []hooked.Option
	for _, name := range frozen {
		value, err := i.rec.site(name)
		if err != nil {
			return nil, err
		}
		edits = append(edits, hooked.Edit(name, hooked.Replace(value)))
	}
	write := i.writeChanges
	if i.o.Frozen == FrozenAll {
		write = i.writeFrozen
	}
	written, err := write()
	return append(edits, written...), err
}

// writeFrozen puts what the MLPs gave in place of what they give, with the changes of the features
// from what they were.
func (i *intervention) writeFrozen() ([]hooked.Option, error) {
	rec := i.rec
	changes, err := i.changes()
	if err != nil {
		return nil, err
	}
	var edits []hooked.Option
	for _, l := range i.o.Layers {
		was, err := rec.site(rec.r.out[l])
		if err != nil {
			return nil, err
		}
		values := []hooked.Operand{hooked.Value(was), hooked.Value(changes[l])}
		in := rec.r.in[l]
		if w := rec.r.set.Layers[l].Weights["W_skip"]; w != nil {
			from, err := rec.site(in)
			if err != nil {
				return nil, err
			}
			values = append(values, hooked.Value(w), hooked.Value(from))
		}
		edits = append(edits, hooked.Edit(rec.r.out[l], hooked.With(func(x *graph.Node, _ hooked.Site, v []*graph.Node) *graph.Node {
			y := graph.Add(v[0], graph.InsertAxes(v[1], 0))
			if len(v) > 2 {
				y = graph.Add(y, timesSkip(graph.Sub(hooked.Earlier(in, x), v[3]), v[2]))
			}
			return y
		}, values...).Local()))
	}
	return edits, nil
}

// changes are what the clamped features write to each layer more than they did, [pos, d_model].
func (i *intervention) changes() ([]*hooked.Array, error) {
	rec := i.rec
	d := rec.width()
	changes := make([]*hooked.Array, rec.layers())
	for l := range changes {
		changes[l] = hooked.NewArray(rec.pos(), d)
	}
	for _, c := range i.clamps {
		was, err := rec.activation(c)
		if err != nil {
			return nil, err
		}
		from := rec.r.set.Layers[c.Layer].Weights["W_dec"]
		if rec.r.set.CrossLayer() {
			from = rec.r.set.Decoders[c.Layer]
		}
		rows, err := rowsOf(from, []int{c.Feature})
		if err != nil {
			return nil, err
		}
		for k := range rec.writes(c.Layer) {
			to := changes[c.Layer+k].Data[c.Pos*d:][:d]
			for j, v := range rows[k*d:][:d] {
				to[j] += float32((c.Value - was) * float64(v))
			}
		}
	}
	return changes, nil
}

// activation is what a clamped feature's would be.
func (rec *record) activation(c Clamp) (float64, error) {
	x, err := rec.site(rec.r.in[c.Layer])
	if err != nil {
		return 0, err
	}
	sparse, err := rec.r.set.Layers[c.Layer].Sparse(x)
	if err != nil {
		return 0, err
	}
	index, values, err := sparse.At(0, c.Pos)
	if err != nil {
		return 0, err
	}
	if at, ok := slices.BinarySearch(index, int32(c.Feature)); ok {
		return float64(values[at]), nil
	}
	return 0, nil
}

// writeChanges adds the changes of the features from what they are in this run.
func (i *intervention) writeChanges() ([]hooked.Option, error) {
	rec := i.rec
	var edits []hooked.Option
	for l := range rec.layers() {
		clamps := slices.DeleteFunc(slices.Clone(i.clamps), func(c Clamp) bool { return c.Layer != l })
		if len(clamps) == 0 {
			continue
		}
		for k := range rec.writes(l) {
			edits = append(edits, rec.writeChange(l, l+k, clamps))
		}
	}
	return edits, nil
}

// writeChange is an edit of the output of layer to by the clamped features of layer from.
func (rec *record) writeChange(from, to int, clamps []Clamp) hooked.Option {
	d := rec.r.set.Layers[from]
	mask, wanted := hooked.NewArray(rec.pos(), d.Config.Features), hooked.NewArray(rec.pos(), d.Config.Features)
	for _, c := range clamps {
		at := c.Pos*d.Config.Features + c.Feature
		mask.Data[at], wanted.Data[at] = 1, float32(c.Value)
	}
	values := []hooked.Operand{hooked.Value(mask), hooked.Value(wanted)}
	for _, w := range weightsOf(d) {
		values = append(values, hooked.Value(w))
	}
	if rec.r.set.CrossLayer() {
		values = append(values, hooked.Value(rec.r.set.Decoders[from]))
	}
	in, config := rec.r.in[from], d.Config
	edit := hooked.With(func(x *graph.Node, _ hooked.Site, v []*graph.Node) *graph.Node {
		return addChange(x, hooked.Earlier(in, x), config, to-from, v)
	}, values...)
	if !rec.r.set.CrossLayer() { // else later layers look at this one
		edit = edit.Local()
	}
	return hooked.Edit(rec.r.out[to], edit)
}

// addChange adds to x [batch, pos, d_model] what clamped features write more than they do. in is
// what their transcoder reads; the values are a mask and the wanted activations [pos, feature], the
// weights, and of cross-layer transcoders the decoders, of which this is the layer's number.
func addChange(x, in *graph.Node, c dictionary.Config, layer int, v []*graph.Node) *graph.Node {
	n := len(weightNames(c))
	p := pass(c, v[2:2+n])
	change := graph.Sub(graph.InsertAxes(v[1], 0), p.Encode(in).Acts)
	change = graph.Mul(graph.InsertAxes(v[0], 0), change)
	decoder := p.Weights["W_dec"]
	if len(v) > 2+n {
		across := graph.SliceAxis(v[2+n], 1, graph.AxisElem(layer))
		decoder = graph.Reshape(across, c.Features, c.DOut)
	}
	return graph.Add(x, graph.ConvertDType(graph.Einsum("bpf,fd->bpd", change, decoder), x.DType()))
}

// run runs the model with the edits.
func (i *intervention) run(edits []hooked.Option) (*Outcome, error) {
	r := i.rec.r
	names := make([]hooked.Selector, len(r.in))
	for l, name := range r.in {
		names[l] = name
	}
	options := append(edits, hooked.LogitsAt(-1), hooked.Names(names...))
	if i.o.Context != nil {
		options = append(options, hooked.WithContext(i.o.Context))
	}
	logits, cache, err := r.model.RunWithCache(hooked.Tokens{i.rec.tokens}, options...)
	if err != nil {
		return nil, brief.Errorf("circuits: the intervention: %w", err)
	}
	out := &Outcome{r: r, cache: cache, clean: i.rec.cache, zero: i.rec.zero}
	err = hooked.Try(func() { out.Logits = logits.At(0, 0) })
	if err != nil {
		return nil, err
	}
	out.Clean, err = hooked.NewTensor(i.rec.logits, out.Logits.AxisNames()[0])
	return out, err
}

var errNoOutcome = errors.New("circuits: there is no outcome: look at the error of the Intervene that should have made it")

// Activations are those of a layer's features under the intervention, [pos, feature], of the
// clamped ones what they would be. A negative layer counts from the end.
func (o *Outcome) Activations(layer int) (*hooked.Tensor, error) {
	return o.features(layer, func(e *dictionary.Encoded) *graph.Node { return e.Acts })
}

// Preactivations are those of a layer's features under the intervention, [pos, feature], before the
// activation function.
func (o *Outcome) Preactivations(layer int) (*hooked.Tensor, error) {
	return o.features(layer, func(e *dictionary.Encoded) *graph.Node { return e.Pre })
}

// Changes are those of [Outcome.Preactivations] by the intervention: what the edges of a graph
// predict.
func (o *Outcome) Changes(layer int) (*hooked.Tensor, error) {
	after, err := o.Preactivations(layer)
	if err != nil {
		return nil, err
	}
	without := *o
	without.cache = o.clean
	before, err := without.Preactivations(layer)
	if err != nil {
		return nil, err
	}
	var change *hooked.Tensor
	err = hooked.Try(func() { change = after.Sub(before) })
	return change, err
}

func (o *Outcome) features(layer int, of func(*dictionary.Encoded) *graph.Node) (*hooked.Tensor, error) {
	if o == nil || o.r == nil {
		return nil, errNoOutcome
	}
	l, err := resolved("layer", layer, len(o.r.in))
	if err != nil {
		return nil, err
	}
	x, err := o.cache.Lookup(o.r.in[l])
	if err != nil {
		return nil, err
	}
	d := o.r.set.Layers[l]
	return hooked.Apply("pos feature", func(in []*graph.Node) *graph.Node {
		acts := of(pass(d.Config, in[1:]).Encode(in[0]))
		dims := acts.Shape().Dimensions // [1, pos, feature]
		acts = graph.Reshape(acts, dims[1], dims[2])
		at := graph.Iota(acts.Graph(), shapes.Make(dtypes.Int32, dims[1], dims[2]), 0)
		counts := graph.GreaterOrEqual(at, graph.Scalar(acts.Graph(), dtypes.Int32, o.zero))
		return graph.Where(counts, acts, graph.ZerosLike(acts))
	}, append([]*hooked.Tensor{x}, weightsOf(d)...)...)
}
