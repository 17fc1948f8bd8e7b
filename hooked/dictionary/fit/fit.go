package fit

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/train"
	"gopherlens/internal/brief"
)

// A Point is what is known of a step after it.
type Point struct {
	Step         int     // from 1
	Loss         float64 // before the step: the sum of Terms
	Terms        map[string]float64
	L0           float64 // mean number of active features of an activation
	Explained    float64 // explained variance of the batch
	Dead         int     // features that were not active in DeadAfter steps
	Resampled    int     // features that the step has given a new start
	LearningRate float64
	GradientNorm float64 // before clipping
}

// A Report is what [Config.OnStep] gets.
type Report struct {
	Point
	f *fitting
	r *train.InstancesReport
}

// Dictionary is what the training has come to, as [Result.Dictionary].
func (r *Report) Dictionary() (*dictionary.Dictionary, error) {
	if r == nil || r.f == nil {
		return nil, errors.New("fit: the report is nil, or Report{}: look at the one that Config.OnStep gets")
	}
	w, err := r.r.Variables()
	if err != nil {
		return nil, err
	}
	state, err := r.r.State()
	if err != nil {
		return nil, err
	}
	return r.f.dictionary(w, state)
}

// A Result is a dictionary that was fitted.
type Result struct {
	// Dictionary is ready for use: with decoder directions of norm one where that changes nothing,
	// and for activations as they are. BatchTopK and Matryoshka are as their training has them, see
	// [dictionary.Dictionary.Inference].
	Dictionary *dictionary.Dictionary
	Steps      int     // taken in all
	Curve      []Point // of the steps that were taken in this process
	// Fired is at how many activations of the training each feature was active.
	Fired []int
}

// Run fits a dictionary. If ctx is done or a step fails, it returns an error and beside it what
// was reached; a loss that is not a number is [train.ErrDiverged], and leaves the weights before
// the step.
func Run(ctx context.Context, s *Source, c Config) (*Result, error) { return run(ctx, s, c, train.Fit) }

// Resume goes on from the newest checkpoint of [Config.Folder], to the same weights as if the
// training had not been interrupted, or begins where there is none.
func Resume(ctx context.Context, s *Source, c Config) (*Result, error) {
	return run(ctx, s, c, train.ResumeFit)
}

func run(ctx context.Context, s *Source, c Config, begin func(context.Context, train.Instances) (*train.Fitted, error)) (*Result, error) {
	if ctx == nil {
		return nil, errors.New("fit: the context is nil")
	}
	if err := s.check(); err != nil {
		return nil, brief.Errorf("fit: %w", err)
	}
	f, err := newFitting(ctx, s, c)
	if err != nil {
		return nil, brief.Errorf("fit: %w", err)
	}
	in, err := f.instances()
	if err != nil {
		return nil, brief.Errorf("fit: %w", err)
	}
	fitted, failed := begin(ctx, in)
	if failed != nil {
		failed = brief.Errorf("fit: %w", failed)
	}
	if fitted == nil {
		return nil, failed
	}
	r := &Result{Steps: fitted.Steps}
	for _, p := range fitted.Curve {
		r.Curve = append(r.Curve, pointOf(p))
	}
	for _, n := range tensors.MustCopyFlatData[int32](fitted.State[firedState]) {
		r.Fired = append(r.Fired, int(n))
	}
	if r.Dictionary, err = f.dictionary(fitted.Variables, fitted.State); err != nil {
		return nil, errors.Join(failed, err)
	}
	return r, failed
}

// A fitting is a training in progress.
type fitting struct {
	Config
	ctx     context.Context
	source  *Source
	recipe  recipe
	trained dictionary.Config // what is trained, which may be another kind than what comes of it
	factor  float64           // of the activations, where the dictionary expects a mean norm
	dead    int               // features after the last step; -1 before the first
}

// The variables that no gradient changes.
const (
	sinceState     = "since"     // [feature] int32: steps since it was active
	firedState     = "fired"     // [feature] int32: activations at which it was active
	thresholdState = "threshold" // float64: of a BatchTopK
	factorState    = "factor"    // float64: of the activations
)

// The inputs of a step.
const (
	xInput        = "x"        // [batch, d_in]
	targetInput   = "target"   // [batch, d_out]
	sparsityInput = "sparsity" // [1]
	deadInput     = "dead"     // [1]: there are dead features
	drawInput     = "draw"     // [feature] in [0, 1): the step resamples
)

// The notes of a step besides the terms of its loss.
const (
	l0Note        = "l0"
	explainedNote = "explained"
	deadNote      = "dead"
	resampledNote = "resampled"
	termNote      = "term "
)

func newFitting(ctx context.Context, s *Source, c Config) (*fitting, error) {
	c, err := c.settled(s)
	if err != nil {
		return nil, err
	}
	f := &fitting{Config: c, ctx: ctx, source: s, recipe: recipes[c.Dictionary.Kind], trained: c.Dictionary, factor: 1, dead: -1}
	if c.Objective.Mode == LargestOfBatch {
		f.trained.Kind, f.trained.K, f.trained.RescaleByNorm = dictionary.BatchTopK, c.Objective.TargetL0, true
		f.recipe.loss, f.recipe.norm = largestOf, recipes[dictionary.BatchTopK].norm
		if f.Init.DecoderNorm == recipes[c.Dictionary.Kind].norm {
			f.Init.DecoderNorm = f.recipe.norm
		}
	}
	return f, nil
}

// instances are the training for package train: one instance.
func (f *fitting) instances() (train.Instances, error) {
	sample, err := f.sample()
	if err != nil {
		return train.Instances{}, err
	}
	if f.trained.Normalization == dictionary.AverageOnlyIn {
		if f.factor = normFactor(sample.x, f.trained.DIn); !(f.factor > 0 && f.factor < math.MaxFloat32) {
			return train.Instances{}, brief.Errorf("the activations have a mean norm of zero: there is nothing to fit")
		}
	}
	in := train.Instances{Start: make(map[string]*hooked.Array), InputsFrom: f.inputs, Loss: f.loss, Steps: f.Steps, LearningRate: f.LearningRate,
		Schedule: f.Schedule, Optimizer: f.Optimizer, Clip: f.Clip, Progress: f.Progress, Folder: f.Folder, Every: f.Every, OnStep: f.onStep}
	for name, a := range f.begun(sample) {
		in.Start[name] = &hooked.Array{Shape: append([]int{1}, a.Shape...), Data: a.Data}
	}
	in.State = map[string]*tensors.Tensor{
		sinceState:  tensors.FromShape(shapes.Make(dtypes.Int32, f.trained.Features)),
		firedState:  tensors.FromShape(shapes.Make(dtypes.Int32, f.trained.Features)),
		factorState: tensors.FromScalar(f.factor),
	}
	if f.wholeBatch() {
		first := 0.0
		if f.Init.From != nil {
			first = f.Init.From.Config.Threshold
		}
		in.State[thresholdState] = tensors.FromScalar(first)
	}
	return in, nil
}

func (f *fitting) wholeBatch() bool {
	return f.trained.Kind == dictionary.BatchTopK || f.trained.Kind == dictionary.Matryoshka
}

// sample are the first activations, as many as a few batches have.
func (f *fitting) sample() (pairs, error) {
	var all pairs
	for p, err := range f.source.batches(f.ctx, f.Batch, 0) {
		if err == nil {
			err = p.finite()
		}
		if err != nil {
			return all, err
		}
		all.x, all.target = append(all.x, p.x...), append(all.target, p.target...)
		if len(all.x)/f.trained.DIn >= sampleSize {
			break
		}
	}
	return all, nil
}

// inputs are what the steps after this one read.
func (f *fitting) inputs(step int) iter.Seq2[train.Inputs, error] {
	return func(yield func(train.Inputs, error) bool) {
		for p, err := range f.source.batches(f.ctx, f.Batch, step) {
			if err == nil {
				err = p.finite()
			}
			if err != nil {
				yield(nil, err)
				return
			}
			step++
			in := train.Inputs{xInput: &hooked.Array{Shape: []int{f.Batch, f.trained.DIn}, Data: p.x}}
			if p.target != nil {
				in[targetInput] = &hooked.Array{Shape: []int{f.Batch, f.trained.DOut}, Data: p.target}
			}
			if f.Objective.Sparsity > 0 {
				share := f.Objective.Warmup(step)
				if !(share >= 0 && share <= math.MaxFloat32) {
					yield(nil, brief.Errorf("Objective.Warmup gives step %d a share of %v", step, share))
					return
				}
				in[sparsityInput] = []float32{float32(f.Objective.Sparsity * share)}
			}
			// most steps have no dead features, and then a program without what is for them; after
			// a resumption nobody knows yet
			if f.revives() && f.dead != 0 {
				in[deadInput] = []float32{1}
			}
			if f.resamples(step) {
				in[drawInput] = f.draws(step)
			}
			if !yield(in, nil) {
				return
			}
		}
	}
}

// revives reports whether the loss has a term for dead features.
func (f *fitting) revives() bool {
	switch f.trained.Kind {
	case dictionary.TopK, dictionary.BatchTopK, dictionary.Matryoshka:
		return !f.Objective.WithoutAux
	}
	return f.Objective.PreAct > 0
}

// loss is the graph of a step's loss.
func (f *fitting) loss(v *train.Vars) *graph.Node {
	f.constrain(v)
	b := lesson{x: v.Input(xInput)}
	if f.trained.Normalization == dictionary.AverageOnlyIn {
		b.x = graph.Mul(b.x, graph.ConvertDType(v.Var(factorState), b.x.DType()))
	}
	since := v.Var(sinceState)
	if v.Has(drawInput) {
		since = f.resample(v, b.x, since)
	}
	p := f.pass(v)
	b.target = b.x
	if v.Has(targetInput) {
		b.target = v.Input(targetInput)
	}
	if v.Has(sparsityInput) {
		b.sparsity = graph.Reshape(v.Input(sparsityInput))
	}
	if v.Has(deadInput) {
		b.dead = f.deadOf(since)
	}
	out := f.recipe.loss(f.Objective, p, b)
	f.keepState(v, out.acts, since)
	return f.told(v, b, out)
}

// pass is the dictionary's, of the variables.
func (f *fitting) pass(v *train.Vars) dictionary.Pass {
	p := dictionary.Pass{Config: f.trained, Weights: make(map[string]*graph.Node)}
	for name, shape := range f.trained.WeightShapes() {
		p.Weights[name] = graph.Reshape(v.Var(name), shape...)
	}
	return p
}

// deadOf are the features that were not active for too long, [feature] bool.
func (f *fitting) deadOf(since *graph.Node) *graph.Node {
	return graph.GreaterThan(since, graph.Scalar(since.Graph(), dtypes.Int32, f.DeadAfter))
}

// constrain moves the weights to where they may be.
func (f *fitting) constrain(v *train.Vars) {
	if shapes := f.trained.WeightShapes(); shapes["threshold"] != nil {
		v.Set("threshold", graph.MaxScalar(v.Var("threshold"), 0.0))
	}
	if f.UnitNorm {
		w := v.Var("W_dec")
		v.Set("W_dec", graph.Div(w, graph.MaxScalar(graph.Sqrt(graph.ReduceAndKeep(graph.Mul(w, w), graph.ReduceSum, -1)), 1e-8)))
	}
}

// keepState notes which features were active; since is how long they were not.
func (f *fitting) keepState(v *train.Vars, acts, since *graph.Node) {
	acts = graph.StopGradient(acts)
	active := graph.ConvertDType(graph.GreaterThan(acts, graph.ScalarZero(acts.Graph(), acts.DType())), dtypes.Int32)
	count := graph.ReduceSum(active, 0)
	zero := graph.ZerosLike(since)
	since = graph.Where(graph.GreaterThan(count, zero), zero, graph.AddScalar(since, int32(1)))
	v.Set(sinceState, since)
	v.Set(firedState, graph.Add(v.Var(firedState), count))
	v.Note(deadNote, asNote(graph.ReduceAllSum(graph.ConvertDType(f.deadOf(since), dtypes.Float32))))
	v.Note(l0Note, asNote(graph.DivScalar(graph.ConvertDType(graph.ReduceAllSum(count), dtypes.Float32), float64(f.Batch))))
	if f.wholeBatch() {
		was := v.Var(thresholdState)
		least, some := lowest(acts)
		rate := f.Objective.ThresholdRate
		v.Set(thresholdState, graph.Where(some, graph.Add(graph.MulScalar(was, 1-rate), graph.MulScalar(least, rate)), was))
	}
}

// told is the sum of the terms, [1], and notes them.
func (f *fitting) told(v *train.Vars, b lesson, out learnt) *graph.Node {
	var total *graph.Node
	for _, t := range out.terms {
		total = sum(total, t.value)
		v.Note(termNote+t.name, asNote(graph.StopGradient(t.value)))
		if t.name == mseTerm {
			target := graph.StopGradient(b.target)
			around := mse(target, graph.BroadcastToDims(graph.ReduceAndKeep(target, graph.ReduceMean, 0), target.Shape().Dimensions...))
			v.Note(explainedNote, asNote(graph.OneMinus(graph.Div(graph.StopGradient(t.value), around))))
		}
	}
	return graph.Reshape(total, 1)
}

func asNote(x *graph.Node) *graph.Node { return graph.Reshape(x, 1) }

func (f *fitting) onStep(r *train.InstancesReport) error {
	p := pointOf(r.InstancesPoint)
	f.dead = p.Dead
	if f.OnStep == nil {
		return nil
	}
	return f.OnStep(&Report{p, f, r})
}

func pointOf(p train.InstancesPoint) Point {
	out := Point{Step: p.Step, Loss: p.Losses[0], Terms: make(map[string]float64), LearningRate: p.LearningRate, GradientNorm: p.GradientNorms[0]}
	for name, values := range p.Notes {
		if term, ok := strings.CutPrefix(name, termNote); ok {
			out.Terms[term] = values[0]
		}
	}
	out.L0, out.Explained, out.Dead = p.Notes[l0Note][0], p.Notes[explainedNote][0], int(p.Notes[deadNote][0])
	if n := p.Notes[resampledNote]; n != nil {
		out.Resampled = int(n[0])
	}
	return out
}
