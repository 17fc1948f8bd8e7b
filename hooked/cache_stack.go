package hooked

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/brief"
)

// part is one labelled entry of a decomposition, or several: value has an axis "component" first,
// then what the request leaves of [batch, pos], then d_model unless the request projects.
type part struct {
	labels []string
	value  *Tensor
}

// decomposition gathers the parts of a residual stream in the form that a request asks for.
type decomposition struct {
	c     *Cache
	r     *stackRequest
	parts []part
}

// axesStack are the axes of which decompositions take entries.
var axesStack = []string{"pos", "batch"}

// decompose reads the options of method name, lets collect add the parts, and joins them.
func (c *Cache) decompose(name string, takes stackTakes, options []StackOption, collect func(*decomposition) error) (*Tensor, []string, error) {
	r, err := c.stackRequest(name, takes, options)
	if err != nil {
		return nil, nil, err
	}
	if c.m.cfg.NormAfterSum {
		return nil, nil, brief.Errorf("%s: %w", name, c.m.cfg.noSum())
	}
	d := &decomposition{c: c, r: r}
	var out *Tensor
	if e := Try(func() {
		if err = d.prepare(); err == nil {
			err = collect(d)
		}
		if err == nil {
			out, err = d.join()
		}
	}); e != nil {
		err = e
	}
	if err != nil {
		return nil, nil, brief.Errorf("%s: %w", name, err)
	}
	return out, d.labels(), nil
}

// noSum is why a residual stream with norms in it is not taken apart.
func (c Config) noSum() error {
	return brief.Errorf("in this model (%s) norms stand after the sums, so that its residual stream is no sum of what the layers write", c.Architecture)
}

// prepare gives the direction of a projection the names that its axes have here, and removes its
// mean where the norm will remove the parts': centring either comes to the same.
func (d *decomposition) prepare() (err error) {
	if d.r.direction == nil {
		return nil
	}
	embed := d.r.picked(d.c.anyResidual())
	if d.r.direction, err = d.r.direction.alongStack(embed.axes[:len(embed.axes)-1], embed.Shape()); err != nil {
		return brief.Errorf("ProjectOnto: %w", err)
	}
	if d.r.has(ApplyLN) && d.r.centred(d.c.m.cfg) {
		d.r.direction = d.r.direction.Sub(d.r.direction.Mean("d_model"))
	}
	return nil
}

// anyResidual is some activation with the axes of the residual stream, for its shape.
func (c *Cache) anyResidual() *Tensor {
	for _, s := range c.order {
		if axes := s.Axes(); axes[len(axes)-1] == "d_model" && !slices.Contains(axes, "head") && !slices.Contains(axes, "kv_head") {
			return c.Get(s)
		}
	}
	fail("the cache holds no activation of the residual stream")
	return nil
}

// alongStack names the axes of a direction [..., d_model] after the first axes of a stack, whose
// sizes they must have.
func (t *Tensor) alongStack(axes []string, shape []int) (*Tensor, error) {
	own := t.Shape()
	n := len(own) - 1
	if n < 0 || n > len(axes) || own[n] != shape[len(shape)-1] || !slices.Equal(own[:n], shape[:n]) {
		return nil, brief.Errorf("the direction is %v: want d_model (%d) last, before it the first of %v %v, or nothing", t,
			shape[len(shape)-1], axes, shape[:len(axes)])
	}
	return t.Named(strings.Join(append(slices.Clone(axes[:n]), "d_model"), " ")), nil
}

// add adds an activation [batch, pos, d_model] as one part.
func (d *decomposition) add(label string, s Site) error {
	t, err := d.c.Lookup(s)
	if err != nil {
		return err
	}
	d.addTensor(label, d.r.picked(t))
	return nil
}

// addTensor adds a tensor that holds the picked entries already.
func (d *decomposition) addTensor(label string, t *Tensor) {
	t = d.projected(t)
	t = t.reshape(append([]string{"component"}, t.axes...), append([]int{1}, t.Shape()...)...)
	d.addPart([]string{label}, t)
}

func (d *decomposition) addPart(labels []string, t *Tensor) {
	d.parts = append(d.parts, part{labels, t})
}

// projected is t [..., d_model] times the direction, or t if there is none.
func (d *decomposition) projected(t *Tensor) *Tensor {
	if d.r.direction == nil {
		return t
	}
	return t.Einsum(fmt.Sprintf("%s, %s -> %s", spaced(t.axes), spaced(d.r.direction.axes), spaced(t.axes[:len(t.axes)-1])), d.r.direction)
}

func spaced(names []string) string { return strings.Join(names, " ") }

// writes is what units write to the residual stream, each its activation times its row of w, for
// all of them: activations [batch, pos, unit, ...], w [unit, ..., d_model]. The result has the
// unit's axis first. A direction is multiplied with w first, so that no vector of d_model is made
// per unit.
func (d *decomposition) writes(activations, w *Tensor, unit string) *Tensor {
	rows := w.axes[:len(w.axes)-1]
	lead := except(activations.axes, rows)
	out := append([]string{unit}, lead...)
	if d.r.direction == nil {
		return activations.Einsum(fmt.Sprintf("%s, %s -> %s d_model", spaced(activations.axes), spaced(w.axes), spaced(out)), w)
	}
	return d.r.direction.Einsum(fmt.Sprintf("%s, %s, %s -> %s", spaced(d.r.direction.axes), spaced(w.axes),
		spaced(activations.axes), spaced(out)), w, activations)
}

// except are the names that drop does not hold.
func except(names, drop []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(drop, name) })
}

// addRemainder adds what the parts so far leave of an activation.
func (d *decomposition) addRemainder(s Site) error {
	whole, err := d.c.Lookup(s)
	if err != nil {
		return brief.Errorf("IncludeRemainder: %w", err)
	}
	rest := d.projected(d.r.picked(whole))
	for _, p := range d.parts {
		rest = rest.Sub(p.value.Sum("component"))
	}
	d.addPart([]string{"remainder"}, rest.reshape(append([]string{"component"}, rest.axes...), append([]int{1}, rest.Shape()...)...))
	return nil
}

// join makes the parts one tensor [component, batch, pos, d_model], divided by the norm if the
// request says so.
func (d *decomposition) join() (*Tensor, error) {
	if len(d.parts) == 0 {
		return nil, brief.Errorf("there is nothing before layer %d", d.r.layer)
	}
	values := make([]*Tensor, len(d.parts))
	for i, p := range d.parts {
		values[i] = p.value
	}
	out := joinTensors(values)
	if !d.r.has(ApplyLN) {
		return out, nil
	}
	scale, err := d.c.scaleFor(out.axes, d.r)
	if err != nil || scale == nil {
		return out, err
	}
	return out.normedBy(scale, d.r.direction == nil && d.r.centred(d.c.m.cfg)), nil
}

func (d *decomposition) labels() []string {
	var all []string
	for _, p := range d.parts {
		all = append(all, p.labels...)
	}
	return all
}

// joinTensors joins tensors along their first axis.
func joinTensors(parts []*Tensor) *Tensor {
	if len(parts) == 1 {
		return parts[0]
	}
	e := parts[0].eng
	v := e.eager("join", func(in []*Node) *Node { return Concatenate(in, 0) }, tensorValues(parts)...)
	return &Tensor{v, slices.Clone(parts[0].axes), e}
}

// StackActivation is one activation of all layers before [Layer] along a new axis "layer":
// StackActivation(AttnZ) is [layer, batch, pos, head, d_head]. The selector names a site in every
// layer: "z", ResidPost, "blocks.*.ln1.hook_scale".
func (c *Cache) StackActivation(at Selector, options ...StackOption) (*Tensor, error) {
	r, err := c.stackRequest("StackActivation", stackTakes{axes: axesStack}, options)
	if err != nil {
		return nil, err
	}
	sites, err := c.m.cfg.selectSites(at)
	if err != nil {
		return nil, brief.Errorf("StackActivation: %w", err)
	}
	var parts []*Tensor
	for _, s := range sites {
		l, inLayer := s.Layer()
		if !inLayer || s.info != sites[0].info {
			return nil, brief.Errorf("StackActivation: %v selects %s and %s: want one site in every layer", at, sites[0], s)
		}
		if l >= r.layer {
			continue
		}
		t, err := c.Lookup(s)
		if err != nil {
			return nil, brief.Errorf("StackActivation: %w", err)
		}
		parts = append(parts, t)
	}
	if len(parts) == 0 {
		return nil, brief.Errorf("StackActivation: there is nothing before layer %d", r.layer)
	}
	var out *Tensor
	err = Try(func() { out = r.picked(StackTensors("layer", parts...)) })
	return out, err
}
