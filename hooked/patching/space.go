package patching

import (
	"slices"
	"strconv"
	"strings"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/axis"
	"gopherlens/internal/brief"
)

// space is what a sweep runs over: the layers of a site and some of its axes.
type space struct {
	site   hooked.Site
	layers []int
	// of an activation there, without "batch", as [hooked.Site.Axes] but for ungrouped keys
	axes  []string
	dims  []int // their sizes
	batch int
	over  []int    // which axis each axis of the grid is; layerAxis for the layers
	names []string // of the grid's axes
	sized []int    // the grid's shape
}

const layerAxis = -1

// newSpace reads what a sweep is to run over: "layer pos head". An example of the activation gives
// its shape.
func newSpace(site hooked.Site, over string, layers []int, example *hooked.Tensor) (*space, error) {
	sp := &space{site: site, layers: layers, names: strings.Fields(over)}
	if names := example.AxisNames(); len(names) == 0 || names[0] != "batch" {
		return nil, brief.Errorf("its activation is %s: a sweep needs one with the axis batch first", example.Describe())
	}
	sp.batch, sp.axes, sp.dims = example.Shape()[0], example.AxisNames()[1:], example.Shape()[1:]
	for i, name := range sp.names {
		axis := sp.find(name)
		if axis < layerAxis || slices.Contains(sp.names[:i], name) {
			return nil, brief.Errorf("a sweep of %s cannot run over %q: its axes are layer and %v, each at most once", site, over, sp.axes)
		}
		sp.over = append(sp.over, axis)
		sp.sized = append(sp.sized, sp.size(axis))
	}
	if len(layers) > 1 && !slices.Contains(sp.over, layerAxis) {
		return nil, brief.Errorf("a sweep of %s in all layers must run over \"layer\" too; or name one layer, %s.At(l)", site, site)
	}
	return sp, nil
}

// keepLayers leaves the first n of the layers, in a space that runs over layers first.
func (sp *space) keepLayers(n int) {
	sp.layers = sp.layers[:n]
	sp.sized[0] = n
}

const noAxis = -2

// find is the index of an axis by its name, or noAxis.
func (sp *space) find(name string) int {
	if name == "layer" {
		return layerAxis
	}
	if i := axis.Find(sp.axes, name); i >= 0 {
		return i
	}
	return noAxis
}

func (sp *space) size(axis int) int {
	if axis == layerAxis {
		return len(sp.layers)
	}
	return sp.dims[axis]
}

// posAxis is the axis of the positions at which a change of the activation begins to matter.
func (sp *space) posAxis() int { return sp.find("pos") }

// patch is one cell of the grid: a layer, and an index into each axis or every for all of it.
type patch struct {
	layer int
	at    []int // for each axis of the activation
}

const every = -1

func (sp *space) patchAt(index []int) patch {
	p := patch{layer: sp.layers[0], at: slices.Repeat([]int{every}, len(sp.axes))}
	for i, axis := range sp.over {
		if axis == layerAxis {
			p.layer = sp.layers[index[i]]
		} else {
			p.at[axis] = index[i]
		}
	}
	return p
}

// patches are all cells of the grid in row-major order.
func (sp *space) patches() []patch {
	all := make([]patch, product(sp.sized))
	for i, index := range indexer(sp.sized) {
		all[i] = sp.patchAt(index)
	}
	return all
}

// labels are those of the grid's axes: positions show the first prompt's tokens.
func (sp *space) labels(m *hooked.Model, tokens hooked.Tokens) [][]string {
	labels := make([][]string, len(sp.over))
	for i, at := range sp.over {
		switch {
		case at == layerAxis:
			labels[i] = numbers(sp.layers)
		case axis.IsPosition(sp.axes[at]) && sp.dims[at] == len(tokens[0]): // a tap may call anything so
			labels[i] = positionLabels(m, tokens[0])
		default:
			labels[i] = numbers(count(sp.dims[at]))
		}
	}
	return labels
}

// positionLabels are a prompt's tokens with their positions, " John 11", or the positions alone in
// a model without tokenizer.
func positionLabels(m *hooked.Model, tokens []int) []string {
	labels := numbers(count(len(tokens)))
	if texts, err := m.StrTokens(tokens); err == nil {
		for i, text := range texts {
			labels[i] = text + " " + labels[i]
		}
	}
	return labels
}

func numbers(list []int) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = strconv.Itoa(v)
	}
	return out
}

func count(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
