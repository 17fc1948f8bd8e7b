package hooked

import (
	"context"
	"maps"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked/internal/forward"
	"gopherlens/internal/brief"
)

// This file is the side door by which package train builds the forward graph into its own: see
// package forward.

func init() {
	forward.Of = graphModelOf
	forward.LogSoftmax, forward.Sum, forward.Mean = logSoftmaxAlong, reduceSum, reduceMean
	forward.Pick, forward.At = pickMasked, atStatic
}

func graphModelOf(model any) (forward.Model, error) {
	m, ok := model.(*Model)
	if !ok {
		return nil, brief.Errorf("%T is no *hooked.Model", model)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if m.cfg.DType.halved() {
		return nil, brief.Errorf("the weights are in %s, and a training or an attribution graph needs float32: load the model with LoadOptions{DType: hooked.F32}", m.cfg.DType)
	}
	return graphModel{m}, m.weights.ready(context.Background())
}

// graphModel is a model as package forward shows it.
type graphModel struct{ m *Model }

func (g graphModel) Backend() compute.Backend { return g.m.eng.backend }

func (g graphModel) Weights() map[string]shapes.Shape {
	all := make(map[string]shapes.Shape)
	for name, dims := range g.m.weights.shapes {
		all[name] = shapes.Make(g.m.cfg.DType.onDevice(), dims...)
	}
	return all
}

func (g graphModel) Download(name string) ([]float32, error) { return g.m.weights.download(name) }

func (g graphModel) Shape(name string) []int { return g.m.weights.specs[name].shape }

func (g graphModel) ToTransformerLens(name string, values []float32) ([]int, []float32, error) {
	dims := g.m.weights.shapes[name]
	if len(values) != sizeOf(dims) {
		return nil, nil, brief.Errorf("weight %s has %d values, want %d", name, len(values), sizeOf(dims))
	}
	a := fromDevice(name, &Array{slices.Clone(dims), values})
	return a.Shape, a.Data, nil
}

func (g graphModel) FromTransformerLens(name string, shape []int, data []float32) ([]float32, error) {
	spec, ok := g.m.weights.specs[name]
	if !ok || !slices.Equal(spec.shape, shape) {
		return nil, brief.Errorf("weight %s has shape %v, the model's has %v", name, shape, spec.shape)
	}
	return toDevice(name, &Array{shape, data}).Data, nil
}

func (g graphModel) Sites(selector any) ([]string, error) {
	tap, err := g.m.cfg.tapSelector(selector)
	if err != nil {
		return nil, err
	}
	var sites []Site
	// whether an edit makes it is known when the graph is built
	if tap != nil && len(tap.exact) > 0 {
		sites = tap.exact
	} else {
		sites, err = g.m.cfg.selectSites(selector)
	}
	return namesOf(sites), err
}

func (g graphModel) With(weights map[string]compute.Buffer) any {
	s := g.m.weights
	n := *g.m
	n.weights = newWeightStore(s.eng, s.cfg, s.specs, s.shapes)
	n.weights.load = func(context.Context, putFunc) error { return nil }
	maps.Copy(n.weights.buffers, s.buffers)
	maps.Copy(n.weights.buffers, weights)
	return &n
}

// verbTrain is a pass of training as a verb: it takes what changes the graph.
var verbTrain = verb{name: "a training", takes: []string{"Edit", "EditGrad", "UngroupKV"}}

func (g graphModel) Plan(req forward.Request) (forward.Pass, error) {
	r := &run{m: g.m, plan: &plan{}, in: g.m.newInputs()}
	var options []Option
	for _, o := range req.Options {
		options = append(options, o.(Option))
	}
	if err := verbTrain.begin(&r.req, options); err != nil {
		return nil, err
	}
	for _, s := range req.Sites {
		r.req.record = append(r.req.record, s)
	}
	p := r.plan
	p.batch, p.pos, p.masked, p.logits, p.loss = req.Batch, req.Pos, req.Masked, req.Logits, req.Loss
	r.in.length = req.Pos
	for _, step := range []func() error{r.setLayers, r.setSites, r.setEdits, r.checkLoss} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.seal()
	p.shorten()
	return &graphPass{g.m, r, req.LogitsAt}, nil
}

// graphPass is a run that is planned and is never executed itself.
type graphPass struct {
	m        *Model
	r        *run
	logitsAt []int
}

func (p *graphPass) Build(g *Graph, input func(name string, shape shapes.Shape) *Node) (built forward.Built, err error) {
	b := p.m.newBuilder(p.r.plan, g)
	b.given = input
	b.readAt, b.cutEarly = p.logitsAt, p.readsNothingElse()
	err = guarded(func() error {
		b.forward()
		built = forward.Built{Logits: b.logits, Loss: b.loss, Sites: make(map[string]*Node), Axes: make(map[string][]string)}
		for _, s := range slices.Concat(p.r.plan.record, b.recordedTaps()) {
			built.Sites[s.Name()], built.Axes[s.Name()] = b.tapAt(s).node, b.tapAt(s).axes
		}
		return nil
	})
	return built, err
}

// readsNothingElse reports whether a pass for the logits at some positions reads nothing but these
// once the last layer's heads have looked around.
func (p *graphPass) readsNothingElse() bool {
	if len(p.logitsAt) == 0 || p.r.plan.loss || p.m.cfg.NLayers == 0 || p.m.cfg.PostNorm || p.m.cfg.NormAfterSum {
		return false
	}
	sites := p.m.cfg.Sites()
	after := slices.Index(sites, AttnZ.At(p.m.cfg.NLayers-1)) + 1
	return after > 0 && !slices.ContainsFunc(sites[after:], p.r.plan.touches)
}

func (p *graphPass) Value(name string) (compute.Buffer, error) { return p.r.in.buffer(name, nil) }
