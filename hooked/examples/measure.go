package examples

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Measure is what examples are looked for of: numbers for each position, computed from the
// activation at one site.
type Measure struct {
	what   string                                      // in messages
	at     hooked.Selector                             // of one site
	check  func(x activation) error                    // nil for none
	labels func(n int, x activation) ([]string, error) // of n features
	f      func(x *Node, with []*Node) *Node
	with   []*hooked.Tensor
	err    error // of the function that made it
}

// An activation is what a measure was made of.
type activation struct {
	site  hooked.Site // of a layer counted from the first
	axes  []string
	shape []int
}

// layer is the site's, -1 for none.
func (x activation) layer() int {
	if l, one := x.site.Layer(); one {
		return l
	}
	return -1
}

// Of measures any function of the activation x at a site, given as such or by its name: it gives
// [batch, pos] or [batch, pos, feature], one label for each feature. The tensors come to the
// function as graph nodes, so that other values of theirs compile nothing new.
//
//	examples.Of(hooked.ResidPost.At(5), labels, func(x *graph.Node, with []*graph.Node) *graph.Node {
//		return activation.Relu(graph.Add(graph.Dot(x, with[0]).Product(), with[1]))
//	}, encoder, bias)
func Of(at hooked.Selector, labels []string, f func(x *Node, with []*Node) *Node, with ...*hooked.Tensor) Measure {
	m := Measure{what: "Of", at: at, f: f, with: with}
	if f == nil {
		m.err = fmt.Errorf("Of needs a function")
	}
	labels = slices.Clone(labels)
	m.labels = func(n int, _ activation) ([]string, error) {
		if len(labels) != n {
			return nil, brief.Errorf("there are %d labels, and the function gives %d features", len(labels), n)
		}
		return labels, nil
	}
	return m
}

// Entries measures entries of the activation itself, those of all axes behind batch and pos in
// row-major order: all of them, or the ones that are named by their numbers. Labels are the site's
// name and the indices, "blocks.3.hook_resid_post[17]". The site may be one that [Config.Edits]
// make, such as that of a dictionary's features.
func Entries(at hooked.Selector, which ...int) Measure {
	return entries("Entries", at, func(x activation, index []int) string {
		return x.site.Name() + strings.ReplaceAll(fmt.Sprint(index), " ", ",")
	}, which)
}

// Neurons measures the neurons of a layer's MLP after their activation function (hook_post): all of
// them, or those that are named. Labels are "L5N12".
func Neurons(layer int, which ...int) Measure {
	return entries("Neurons", hooked.MLPPost.At(layer), func(x activation, index []int) string {
		return fmt.Sprintf("L%dN%d", x.layer(), index[0])
	}, which)
}

func entries(what string, at hooked.Selector, label func(x activation, index []int) string, which []int) Measure {
	m := Measure{what: what, at: at}
	which = slices.Clone(which)
	m.f = func(x *Node, _ []*Node) *Node {
		x = Reshape(x, x.Shape().Dim(0), x.Shape().Dim(1), -1)
		if len(which) == 0 {
			return x
		}
		columns := make([]*Node, len(which))
		for i, j := range which {
			if n := x.Shape().Dim(2); j < 0 || j >= n {
				exceptions.Panicf("there is no entry %d: the site has %d, from 0", j, n)
			}
			columns[i] = SliceAxis(x, 2, AxisElem(j))
		}
		return Concatenate(columns, 2)
	}
	m.labels = func(n int, x activation) ([]string, error) {
		labels := make([]string, n)
		for i := range labels {
			j := i
			if len(which) > 0 {
				j = which[i]
			}
			labels[i] = label(x, unravel(j, x.shape[2:]))
		}
		return labels, nil
	}
	m.check = func(x activation) error {
		if a := x.axes; len(a) < 3 || a[0] != "batch" || a[1] != "pos" {
			return brief.Errorf("%s has axes %v, want batch, pos and others behind them: measure a function of it with Of", x.site, a)
		}
		return nil
	}
	return m
}

// unravel are the indices of entry j of an array in row-major order.
func unravel(j int, dims []int) []int {
	index := make([]int, len(dims))
	for i := len(dims) - 1; i >= 0; i-- {
		index[i], j = j%dims[i], j/dims[i]
	}
	return index
}

// HeadNorms measures the norm of what each head of a layer writes to the residual stream, without
// the layer's bias: of z W_O. Labels are "L5H3".
func HeadNorms(m *hooked.Model, layer int) Measure {
	return heads("HeadNorms", m, layer, func(wO *hooked.Tensor) *hooked.Tensor {
		return wO.Einsum("head in d_model, head out d_model -> head in out", wO) // |z W|^2 = z W W^T z^T
	}, func(z *Node, with []*Node) *Node {
		square := ReduceSum(Mul(Einsum("bphi,hij->bphj", z, with[0]), z), -1)
		return Sqrt(MaxScalar(square, 0))
	})
}

// HeadProjections measures how far what each head of a layer writes, z W_O, goes along a direction
// [d_model]. Labels are "L5H3".
func HeadProjections(m *hooked.Model, layer int, direction *hooked.Tensor) Measure {
	return heads("HeadProjections", m, layer, func(wO *hooked.Tensor) *hooked.Tensor {
		return wO.Einsum("head d_head d_model, d_model -> head d_head", direction)
	}, func(z *Node, with []*Node) *Node { return Einsum("bphi,hi->bph", z, with[0]) })
}

// heads measures z of a layer by something made of its W_O [head, d_head, d_model].
func heads(what string, model *hooked.Model, layer int, prepare func(wO *hooked.Tensor) *hooked.Tensor, f func(z *Node, with []*Node) *Node) Measure {
	m := Measure{what: what, at: hooked.AttnZ.At(layer), f: f, labels: headLabels}
	if c := model.Config(); layer < 0 {
		layer += c.NLayers
	}
	wO, err := model.Weight(fmt.Sprintf("blocks.%d.attn.W_O", layer))
	if err == nil {
		err = hooked.Try(func() { m.with = []*hooked.Tensor{prepare(wO.Named("head d_head d_model"))} })
	}
	m.err = err
	return m
}

func headLabels(n int, x activation) ([]string, error) {
	labels := make([]string, n)
	for i := range labels {
		labels[i] = fmt.Sprintf("L%dH%d", x.layer(), i)
	}
	return labels, nil
}

// Directions measures projections of the activation [batch, pos, d] at a site onto directions [d]
// or [direction, d], such as a probe's weights. Each has a label.
func Directions(at hooked.Selector, directions *hooked.Tensor, labels ...string) Measure {
	m := Of(at, labels, func(x *Node, with []*Node) *Node {
		d := with[0]
		if d.Rank() == 1 {
			d = InsertAxes(d, 0)
		}
		if x.Rank() != 3 || d.Rank() != 2 || d.Shape().Dim(1) != x.Shape().Dim(2) {
			exceptions.Panicf("directions have shape %v, the activation %v: want [d] or [direction, d] and [batch, pos, d]",
				with[0].Shape().Dimensions, x.Shape().Dimensions)
		}
		return Einsum("bpd,fd->bpf", x, ConvertDType(d, x.DType()))
	}, directions)
	m.what = "Directions"
	return m
}

// site is the one that the measure is of in a model; a measure that says nothing has none.
func (m Measure) site(c hooked.Config) (hooked.Site, error) {
	switch {
	case m.f == nil && m.err == nil:
		return hooked.Site{}, fmt.Errorf("a Measure is empty: make it with Neurons, Directions, Of or another function of the package")
	case m.err != nil:
		return hooked.Site{}, fmt.Errorf("%s: %w", m.what, m.err)
	case m.at == nil || m.at == hooked.Selector(hooked.Site{}):
		return hooked.Site{}, fmt.Errorf("%s needs a site, such as hooked.ResidPost.At(5)", m.what)
	}
	at, err := c.OneSite(m.at)
	if err != nil {
		return at, fmt.Errorf("%s: %w", m.what, err)
	}
	return at, nil
}

// graph is the measure in a batch's graph: [batch, feature, pos] in float32.
func (m Measure) graph(in []*Node, pos int) *Node {
	x := in[0]
	batch := x.Shape().Dim(0)
	y := m.f(x, in[1:])
	if y == nil {
		exceptions.Panicf("the function returned nil")
	}
	if y.Rank() == 2 {
		y = InsertAxes(y, 2)
	}
	if s := y.Shape(); s.Rank() != 3 || s.Dim(0) != batch || s.Dim(1) != pos || !s.DType.IsFloat() {
		exceptions.Panicf("the function gives %s: want floats [batch, pos] or [batch, pos, feature] for %d texts of %d positions", s, batch, pos)
	}
	return ConvertDType(TransposeAllAxes(y, 0, 2, 1), dtypes.Float32)
}
