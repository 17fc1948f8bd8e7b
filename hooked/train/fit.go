package train

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	mltrain "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/forward"
	"gopherlens/internal/brief"
)

// A fit is a training in progress: the variables on the device, and GoMLX's trainer, which compiles
// a step (forward pass, loss, gradients, optimizer) to one program and gives it the variables, to
// be overwritten.
type fit struct {
	cfg     Config
	model   *hooked.Model
	main    *side
	others  map[*hooked.Model]*side
	names   []string // of the weights that are trained
	store   *model.Store
	trainer *mltrain.Trainer
	rate    *model.Variable // the learning rate

	lastRate float64
	step     int  // taken
	claimed  bool // this process has made the folder a training's
	spent    bool // a step has failed that had taken the variables over
	evals    map[layout]*model.Exec
}

// Scopes of the variables.
const (
	mainScope   = "/model"
	othersScope = "/other"
)

// newFit is a training that has taken no step.
func newFit(m *hooked.Model, cfg Config) (*fit, error) {
	cfg, err := cfg.settled()
	if err != nil {
		return nil, err
	}
	graphs, err := forward.Of(m)
	if err != nil {
		return nil, err
	}
	f := &fit{cfg: cfg, model: m, store: model.NewStore(), others: make(map[*hooked.Model]*side), evals: make(map[layout]*model.Exec)}
	f.main = &side{graphs, mainScope, f.store}
	if f.names, err = chosen(slices.Sorted(maps.Keys(graphs.Weights())), cfg.Only); err != nil {
		return nil, err
	}
	for _, l := range f.losses() {
		if err := f.addOthers(l); err != nil {
			return nil, err
		}
	}
	return f, f.checkSites()
}

// losses are the training's and the metrics.
func (f *fit) losses() []Loss {
	all := []Loss{f.cfg.Loss}
	for _, name := range f.metricNames() {
		all = append(all, f.cfg.Eval.Metrics[name])
	}
	return all
}

// addOthers notes the models that a loss reads besides the one that is trained.
func (f *fit) addOthers(l Loss) error {
	for _, m := range l.Models {
		if _, ok := f.others[m]; ok {
			continue
		}
		graphs, err := forward.Of(m)
		if err != nil {
			return l.named(err)
		}
		if graphs.Backend() != f.main.graphs.Backend() {
			return l.named(brief.Errorf("the other model is on backend %s, this one on %s: load both on one", graphs.Backend().Name(), f.main.graphs.Backend().Name()))
		}
		f.others[m] = &side{graphs, fmt.Sprintf("%s.%d", othersScope, len(f.others)), f.store}
	}
	return nil
}

// checkSites refuses losses that read sites which the model lacks.
func (f *fit) checkSites() error {
	for _, l := range f.losses() {
		for _, at := range l.Sites {
			if _, err := f.main.graphs.Sites(at); err != nil {
				return l.named(err)
			}
		}
	}
	return nil
}

// begin puts the weights on the device and makes the trainer. What the store holds already, as
// [Resume] has loaded it, stays.
func (f *fit) begin() error {
	for _, name := range f.names {
		path := model.JoinPath(mainScope, name)
		if f.store.GetVariable(path) != nil {
			continue
		}
		values, err := f.main.graphs.Download(name)
		if err != nil {
			return err
		}
		if err := f.setWeight(name, values); err != nil {
			return err
		}
	}
	be := f.main.graphs.Backend()
	opt := guarded{f.cfg.Optimizer, f.cfg.Clip, f.fitsMemory}
	f.trainer = mltrain.NewTrainer(be, f.store, f.modelFn, nil, opt, nil, nil)
	f.rate = optimizer.LearningRateVarWithValue(f.store.RootScope(), dtypes.Float32, f.cfg.LearningRate)
	f.lastRate = f.cfg.LearningRate
	if f.cfg.Accumulate > 1 {
		return f.trainer.AccumulateGradients(f.cfg.Accumulate)
	}
	return nil
}

// setWeight gives a trained weight the values that it begins with, as they lie on the device.
func (f *fit) setWeight(name string, values []float32) error {
	dims := f.main.graphs.Weights()[name].Dimensions
	_, err := f.store.CreateVariable(model.JoinPath(mainScope, name), tensors.FromFlatDataAndDimensions(values, dims...))
	return err
}

// A layout names the inputs of a program, in their order.
type layout string

func (f feed) layout() layout { return layout(strings.Join(f.names, "\n")) }

func (l layout) names() []string { return strings.Split(string(l), "\n") }

// modelFn is the training's graph for GoMLX's trainer, up to the loss.
func (f *fit) modelFn(scope *model.Scope, spec any, in []*Node) []*Node {
	loss := f.cfg.Loss.scalar(f.pass(spec.(layout), in, f.cfg.Loss))
	f.freezeUnread(loss)
	mltrain.AddMainLoss(loss)
	return nil
}

// freezeUnread makes the optimizer pass over the weights that the loss does not depend on: PyTorch
// leaves parameters without a gradient alone, and zeros would let them decay.
func (f *fit) freezeUnread(loss *Node) {
	g := loss.Graph()
	read := dependencies(loss)
	for _, name := range f.names {
		v := f.variable(name)
		v.SetTrainable(v.InUseByGraph(g) && read[v.NodeValue(g)])
	}
}

func (f *fit) variable(name string) *model.Variable {
	return f.store.GetVariable(model.JoinPath(mainScope, name))
}

// dependencies are the nodes through which a gradient flows from x.
func dependencies(x *Node) map[*Node]bool {
	found := map[*Node]bool{x: true}
	for queue := []*Node{x}; len(queue) > 0; {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if n.StopGradient() {
			continue
		}
		for _, in := range n.Inputs() {
			if !found[in] {
				found[in] = true
				queue = append(queue, in)
			}
		}
	}
	return found
}

// pass builds what the losses read into a graph whose inputs are the batch's arrays.
func (f *fit) pass(l layout, in []*Node, losses ...Loss) *Pass {
	all := Sum(losses...)
	p := &Pass{labels: make(map[string]*Node), others: make(map[*hooked.Model]*Pass),
		resolve: func(at hooked.Selector) ([]string, error) { return f.main.graphs.Sites(at) }}
	for i, name := range l.names() {
		switch rest, isLabel := strings.CutPrefix(name, labelInput); {
		case isLabel:
			p.labels[rest] = in[i]
		case name == tokensInput:
			p.tokens = in[i]
		default:
			p.mask = in[i]
		}
	}
	n := p.tokens.Shape().Dim(1)
	if len(all.At) > 0 && !all.NextToken {
		p.at = resolved(all.At, n)
		slices.Sort(p.at)
		p.at = slices.Compact(p.at)
	}
	req := forward.Request{Logits: all.Logits, Loss: all.NextToken, LogitsAt: p.at}
	for _, at := range all.Sites {
		req.Sites = append(req.Sites, at)
	}
	for _, o := range f.cfg.Edits {
		req.Options = append(req.Options, o)
	}
	built := f.main.build(p, req)
	p.logits, p.nextToken, p.sites, p.axes = built.Logits, built.Loss, built.Sites, built.Axes
	for _, m := range all.Models {
		if p.others[m] == nil {
			other := f.others[m].build(p, forward.Request{Logits: true, LogitsAt: p.at})
			p.others[m] = &Pass{tokens: p.tokens, mask: p.mask, logits: other.Logits, at: p.at}
		}
	}
	return p
}

// A side is a model in the training's graphs: the one that is trained, or another that a loss
// reads.
type side struct {
	graphs forward.Model
	scope  string // of its variables
	store  *model.Store
}

func (s *side) build(p *Pass, req forward.Request) forward.Built {
	g := p.tokens.Graph()
	req.Batch, req.Pos, req.Masked = p.tokens.Shape().Dim(0), p.tokens.Shape().Dim(1), p.mask != nil
	plan, err := s.graphs.Plan(req)
	if err != nil {
		panic(err)
	}
	built, err := plan.Build(g, func(name string, _ shapes.Shape) *Node {
		switch name {
		case forward.Tokens:
			return p.tokens
		case forward.Mask:
			return p.mask
		}
		return s.variable(plan, name).NodeValue(g)
	})
	if err != nil {
		panic(err)
	}
	return built
}

// variable is what a pass reads besides the batch. What is not trained is a variable that no step
// changes, and shares its buffer with the model.
func (s *side) variable(plan forward.Pass, name string) *model.Variable {
	path := model.JoinPath(s.scope, name)
	if v := s.store.GetVariable(path); v != nil {
		return v
	}
	buffer, err := plan.Value(name)
	must(err)
	value, err := tensors.FromBuffer(buffer)
	must(err)
	v, err := s.store.CreateVariable(path, value)
	must(err)
	return v.SetTrainable(false)
}

// train takes a step and reports its loss and the norm of its gradients.
func (f *fit) train(b Batch) (Point, error) {
	point := Point{Step: f.step + 1, LearningRate: f.cfg.LearningRate * f.cfg.Schedule(f.step+1)}
	if err := f.setRate(point.LearningRate); err != nil {
		return point, err
	}
	parts, err := f.parts(b)
	if err != nil {
		return point, err
	}
	for i, part := range parts {
		before := values(f.store)
		loss, err := f.trainPart(part)
		if err != nil {
			// of a part of a batch the gradients were added already, and a worker takes all with it
			if f.spent = i > 0 || values(f.store) < before || errors.Is(err, hooked.ErrWorkerGone); f.spent {
				return point, f.lost(err)
			}
			return point, brief.Errorf("step %d: %w", point.Step, err)
		}
		point.Loss += loss / float64(len(parts))
		point.Tokens += part.tokens
	}
	norm, err := normVariable(f.store).Value()
	if err != nil {
		return point, f.lost(err)
	}
	point.GradientNorm = float64(tensors.ToScalar[float32](norm))
	if err := point.check(); err != nil {
		return point, err
	}
	f.step++
	return point, nil
}

// setRate puts a step's learning rate where the optimizer finds it.
func (f *fit) setRate(rate float64) error {
	if !(rate >= 0) {
		return brief.Errorf("the schedule gives a learning rate of %v", rate)
	}
	if rate == f.lastRate {
		return nil
	}
	f.lastRate = rate
	return f.rate.SetValue(tensors.FromScalar(float32(rate)))
}

// parts are a batch, cut into as many as Accumulate says.
func (f *fit) parts(b Batch) ([]feed, error) {
	n := f.cfg.Accumulate
	if len(b.Tokens)%n != 0 {
		return nil, brief.Errorf("Config.Accumulate is %d, and a batch of %d rows has no such number of equal parts", n, len(b.Tokens))
	}
	if n == 1 {
		one, err := f.feed(b)
		return []feed{one}, err
	}
	if err := b.check(f.model.Config()); err != nil { // in the batch's own numbers of rows
		return nil, err
	}
	all := make([]int, len(b.Tokens))
	for i := range all {
		all[i] = i
	}
	var parts []feed
	for at := range slices.Chunk(all, len(all)/n) {
		one, err := f.feed(b.rows(at))
		if err != nil {
			return nil, err
		}
		parts = append(parts, one)
	}
	return parts, nil
}

// feed is a batch, or a part of one, as a step gets it; an error if model or loss cannot read it.
func (f *fit) feed(b Batch) (feed, error) {
	in, err := b.feed(f.model.Config(), f.cfg.Loss.Labels, f.knownLabels())
	if err != nil {
		return in, err
	}
	return in, f.cfg.Loss.check(b, f.model.Config())
}

func (f *fit) trainPart(part feed) (loss float64, err error) {
	in, err := part.tensors(f.main.graphs.Backend())
	if err != nil {
		return 0, err
	}
	err = exceptions.TryCatch[error](func() {
		metrics, err := f.trainer.TrainStep(mltrain.Batch{Spec: part.layout(), Inputs: in})
		must(err)
		loss = float64(tensors.ToScalar[float32](metrics[0]))
		for _, t := range metrics {
			must(t.FinalizeAll())
		}
	})
	return loss, err
}

// weights are the buffers of the trained weights: those that the training holds, which must then
// take no other step, or copies.
func (f *fit) weights(copies bool) (map[string]compute.Buffer, error) {
	be := f.main.graphs.Backend()
	all := make(map[string]compute.Buffer)
	for _, name := range f.names {
		value, err := f.variable(name).Value()
		if err != nil {
			return nil, err
		}
		buffer, err := value.Buffer(be, 0)
		if err != nil {
			return nil, err
		}
		if copies {
			values := make([]float32, value.Size())
			if err := buffer.ToFlatData(values); err != nil {
				return nil, err
			}
			if buffer, err = be.BufferFromFlatData(0, values, value.Shape()); err != nil {
				return nil, err
			}
		}
		all[name] = buffer
	}
	return all, nil
}

// reached is the model with the weights that the training has come to.
func (f *fit) reached(copies bool) (*hooked.Model, error) {
	weights, err := f.weights(copies)
	if err != nil {
		return nil, err
	}
	return f.main.graphs.With(weights).(*hooked.Model), nil
}

// must panics with an error, as functions that build graphs do.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
