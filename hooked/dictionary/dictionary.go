package dictionary

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Dictionary is a sparse autoencoder or a transcoder. It is not changed once it is made: methods
// that fold something return another. [hooked.Once] keeps it between a notebook's cells.
type Dictionary struct {
	Config Config
	// Weights are those of [Config.WeightShapes], by SAELens' names, in float32: W_enc [d_in,
	// feature], W_dec [feature, d_out], b_dec [d_out], and the kind's own.
	Weights map[string]*hooked.Tensor
	// Source says where the dictionary was read, in which layout, and which defaults were taken.
	Source string
}

var errNone = errors.New("dictionary: there is none: look at the error of the call that should have made it")

// check reports a dictionary that nothing can be computed with.
func (d *Dictionary) check() error {
	if d == nil || len(d.Weights) == 0 {
		return errNone
	}
	if err := d.Config.Validate(); err != nil {
		return err
	}
	for name, shape := range d.Config.WeightShapes() {
		w := d.Weights[name]
		if w == nil {
			return brief.Errorf("dictionary: weight %q is missing", name)
		}
		if got := w.Shape(); !slices.Equal(got, shape) {
			return brief.Errorf("dictionary: weight %q has shape %v, want %v", name, got, shape)
		}
	}
	return nil
}

// New is a dictionary of these weights, by SAELens' names and in its shapes. The error names a
// weight that is missing, that no such dictionary has, or that has another shape.
func New(c Config, weights hooked.StateDict) (*Dictionary, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	shapes := c.WeightShapes()
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		if shapes[name] == nil {
			return nil, brief.Errorf("dictionary: weight %q belongs to no dictionary of kind %q; its weights are %s", name, c.Kind,
				brief.Names(c.weightNames()))
		}
	}
	d := &Dictionary{Config: c, Weights: make(map[string]*hooked.Tensor)}
	for _, name := range c.weightNames() {
		w := weights[name]
		if err := checkWeight(w, shapes[name]); err != nil {
			return nil, brief.Errorf("dictionary: weight %q%w", name, err)
		}
		t, err := hooked.NewTensor(w, weightKinds[name].axes)
		if err != nil {
			return nil, brief.Errorf("dictionary: weight %q: %w", name, err)
		}
		d.Weights[name] = t
	}
	return d, nil
}

func checkWeight(w *hooked.Array, shape []int) error {
	switch {
	case w == nil:
		return brief.Errorf(" is missing")
	case !slices.Equal(w.Shape, shape):
		return brief.Errorf(" has shape %v, the configuration says %v", w.Shape, shape)
	case len(w.Data) != size(shape):
		return brief.Errorf(" of shape %v has %d values", shape, len(w.Data))
	}
	if i := slices.IndexFunc(w.Data, func(v float32) bool { return !(v-v == 0) }); i >= 0 {
		return brief.Errorf(": value %d of %d is %v: weights must be finite", i, len(w.Data), w.Data[i])
	}
	return nil
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// String describes the dictionary: its kind and site, and where it was read.
func (d *Dictionary) String() string {
	if d == nil {
		return "no dictionary"
	}
	if d.Source == "" {
		return d.Config.String()
	}
	return d.Config.String() + "; " + d.Source
}

// Encode are the features of activations x, [..., feature] of [..., d_in]; of outputs of heads
// [..., head, d_head] if the dictionary reads all heads as one vector. The whole is dense: see
// [Dictionary.Sparse].
func (d *Dictionary) Encode(x *hooked.Tensor) (*hooked.Tensor, error) {
	return d.compute("Encode", x, d.leadingAxes(x)+" feature", func(p Pass, x *graph.Node) *graph.Node { return p.Encode(x).Acts })
}

// Reconstruct is what the dictionary makes of activations x: features, decoded, and the skip of a
// transcoder that has one. It has x's shape, or of a transcoder [..., d_out].
func (d *Dictionary) Reconstruct(x *hooked.Tensor) (*hooked.Tensor, error) {
	return d.compute("Reconstruct", x, d.outputAxes(x), func(p Pass, x *graph.Node) *graph.Node { return p.Output(p.Encode(x)) })
}

// Decode is what features acts [..., feature] stand for, without the skip of a transcoder, as
// SAELens has it. encoded is the activation that they were encoded from: a dictionary that
// normalizes its input undoes that, and one of heads gives its shape. Without it the result is
// [..., d_out] and as large as the dictionary has it.
func (d *Dictionary) Decode(acts *hooked.Tensor, encoded ...*hooked.Tensor) (*hooked.Tensor, error) {
	if err := d.checkInput("Decode", acts); err != nil {
		return nil, err
	}
	switch {
	case len(encoded) > 1:
		return nil, brief.Errorf("Decode: %d activations are given for what was encoded, want one", len(encoded))
	case len(encoded) == 0:
		return d.compute("Decode", acts, d.leadingAxesOf(acts, 1)+" d_out", func(p Pass, acts *graph.Node) *graph.Node { return p.decode(acts) })
	}
	return d.compute("Decode", encoded[0], d.outputAxes(encoded[0]), func(p Pass, x *graph.Node) *graph.Node {
		e := p.Encode(x)
		e.Acts = p.Weights["acts"]
		return p.Decode(e)
	}, further{"acts", acts})
}

// A further tensor is one that a pass finds among its weights, under a name that no weight has.
type further struct {
	name  string
	value *hooked.Tensor
}

// compute runs a pass of the dictionary on x.
func (d *Dictionary) compute(verb string, x *hooked.Tensor, axes string, f func(p Pass, x *graph.Node) *graph.Node, more ...further) (*hooked.Tensor, error) {
	all, err := d.computeAll(verb, x, axes, func(p Pass, x *graph.Node) []*graph.Node { return []*graph.Node{f(p, x)} }, more...)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func (d *Dictionary) computeAll(verb string, x *hooked.Tensor, axes string, f func(p Pass, x *graph.Node) []*graph.Node,
	more ...further) ([]*hooked.Tensor, error) {
	if err := d.checkInput(verb, x); err != nil {
		return nil, err
	}
	names := d.Config.weightNames()
	in := []*hooked.Tensor{x}
	for _, name := range names {
		in = append(in, d.Weights[name])
	}
	for _, t := range more {
		in = append(in, t.value)
	}
	out, err := hooked.ApplyAll(axes, func(nodes []*graph.Node) []*graph.Node {
		p := d.pass(nodes[1:])
		for i, t := range more {
			p.Weights[t.name] = nodes[1+len(names)+i]
		}
		return f(p, nodes[0])
	}, in...)
	if err != nil {
		return nil, brief.Errorf("%s by a %s: %w", verb, d.Config.Kind, err)
	}
	return out, nil
}

// pass is the dictionary's pass in a graph in which these nodes are its weights, in the order of
// [Config.weightNames].
func (d *Dictionary) pass(nodes []*graph.Node) Pass {
	p := Pass{Config: d.Config, Weights: make(map[string]*graph.Node)}
	for i, name := range d.Config.weightNames() {
		p.Weights[name] = nodes[i]
	}
	return p
}

// checkInput reports a dictionary or a tensor that is none.
func (d *Dictionary) checkInput(verb string, x *hooked.Tensor) error {
	if err := d.check(); err != nil {
		return err
	}
	if err := hooked.Try(func() { x.Shape() }); err != nil {
		return brief.Errorf("%s: %w", verb, err)
	}
	return nil
}

// leadingAxes name the axes of x but those of a vector that the dictionary reads.
func (d *Dictionary) leadingAxes(x *hooked.Tensor) string {
	if d.check() != nil || x == nil {
		return ""
	}
	var shape []int
	if hooked.Try(func() { shape = x.Shape() }) != nil {
		return ""
	}
	if d.byHeads(shape) {
		return d.leadingAxesOf(x, 2)
	}
	return d.leadingAxesOf(x, 1)
}

// byHeads reports whether an activation of this shape has its heads apart.
func (d *Dictionary) byHeads(shape []int) bool {
	return d.Config.FlattenHeads && len(shape) > 1 && shape[len(shape)-1] != d.Config.DIn
}

func (d *Dictionary) leadingAxesOf(x *hooked.Tensor, last int) string {
	axes := x.AxisNames()
	return strings.Join(axes[:max(len(axes)-last, 0)], " ")
}

// outputAxes name the axes of what the dictionary gives for x.
func (d *Dictionary) outputAxes(x *hooked.Tensor) string {
	if d != nil && d.Config.Transcodes() {
		return d.leadingAxes(x) + " d_out"
	}
	if d.check() != nil || x == nil {
		return ""
	}
	axes := ""
	_ = hooked.Try(func() { axes = strings.Join(x.AxisNames(), " ") })
	return axes
}

func joined(axes []string) string { return strings.Join(axes, " ") }
