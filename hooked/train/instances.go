package train

import (
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	mltrain "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// Instances are many small models that are trained at once, in one program: toy models of several
// sparsities or seeds, a probe for every layer and position. The first axis of each variable and of
// the loss tells them apart:
//
//	train.Instances{
//		// [instance, hidden, feature], [instance, feature]
//		Start: map[string]*hooked.Array{"W": w, "b": b},
//		Inputs: features,                                // "x": [instance, batch, feature]
//		Loss: func(v *train.Vars) *graph.Node {          // [instance]
//			h := graph.Einsum("nbf,nhf->nbh", v.Input("x"), v.Var("W"))
//			...
//		},
//	}
//
// As long as the loss of an instance reads its own entries alone, each comes to what it would come
// to by itself: the optimizers work on each entry by itself, and norms and [Instances.Clip] are of
// an instance.
type Instances struct {
	Start  map[string]*hooked.Array     // the variables' first values by name, each [instance, ...]
	Inputs iter.Seq2[Inputs, error]     // what a step reads; begins again when it ends; nil for nothing
	Loss   func(*Vars) *Node            // what is to become small: [instance] float32
	OnStep func(*InstancesReport) error // called after each step; [ErrStop] ends the training

	// State are variables that no gradient changes, such as counts and running means, of any shape
	// and type. The loss reads them with [Vars.Var] and replaces them with [Vars.Set].
	State map[string]*tensors.Tensor

	// InputsFrom stands in for Inputs where these can begin anywhere: what the steps after this one
	// read, without end. A resumption then reads nothing that was read before.
	InputsFrom func(step int) iter.Seq2[Inputs, error]

	Steps        int
	LearningRate float64
	Schedule     Schedule  // [Constant] unless given
	Optimizer    Optimizer // AdamW{Decay: 0.01}, as PyTorch's, unless given
	Clip         float64   // the largest norm of an instance's gradients; 0 is no bound

	Progress io.Writer       // gets a line that is drawn over itself, with the mean loss
	Backend  compute.Backend // hooked.Backend() unless given

	// Folder is where checkpoints go, every Every steps and at the end; "" keeps none. See
	// [ResumeFit].
	Folder string
	Every  int
}

// Inputs are arrays of a step by name, in the forms of [Batch.Labels]. Other shapes, and other
// names, are another program: a step may leave out what it does not need ([Vars.Has]).
type Inputs map[string]any

// Vars are the nodes that the loss of [Instances] reads.
type Vars struct {
	vars, inputs map[string]*Node
	step         *Node
	state        map[string]*Node // that Set gives
	notes        map[string]*Node // that Note gives
	start        map[string]*Node // the variables that are trained, as Set changes them
	forgotten    map[string]*Node // that Forget gives
}

// Var is a variable, [instance, ...], or one of [Instances.State].
func (v *Vars) Var(name string) *Node { return named(v.vars, name, "variable") }

// Has reports whether the step has an input of this name.
func (v *Vars) Has(input string) bool { return v.inputs[input] != nil }

// Set gives one of [Instances.State] the value that it has after the step. A variable that is
// trained gets the value that the step begins with in the place of its own, such as one that is
// moved to where it may be: gradient and optimizer then start there, and so does [Vars.Var].
func (v *Vars) Set(name string, x *Node) {
	was := named(v.vars, name, "variable")
	if x == nil || !x.Shape().Equal(was.Shape()) {
		exceptions.Panicf("Set(%q) gets %v for a variable of shape %s", name, x, was.Shape())
	}
	if v.start[name] != nil {
		v.vars[name], v.start[name] = x, x
		return
	}
	v.state[name] = x
}

// Forget clears what the optimizer remembers of entries of a variable that is trained, such as
// their moments: those where the mask, a bool of the variable's shape, is true. It is for entries
// that [Vars.Set] gives a new start.
func (v *Vars) Forget(name string, entries *Node) {
	was := named(v.start, name, "trained variable")
	if entries == nil || entries.DType() != dtypes.Bool || !entries.Shape().EqualDimensions(was.Shape()) {
		exceptions.Panicf("Forget(%q) gets %v for a variable of shape %s: want a bool of this shape", name, entries, was.Shape())
	}
	v.forgotten[name] = entries
}

// Note has a number of each instance told after the step, [instance] float32: a term of the loss,
// or a measure. See [InstancesPoint.Notes].
func (v *Vars) Note(name string, x *Node) { v.notes[name] = x }

// Input is one of the step's inputs.
func (v *Vars) Input(name string) *Node { return named(v.inputs, name, "input") }

// Step is the step's number, from 1: a scalar int32, for what changes while the training goes on.
func (v *Vars) Step() *Node { return v.step }

func named(all map[string]*Node, name, what string) *Node {
	n, ok := all[name]
	if !ok {
		exceptions.Panicf("the loss reads %s %q, which is not there%s", what, name, nearest.Hint(name, slices.Sorted(maps.Keys(all))))
	}
	return n
}

// An InstancesPoint is what is known of a step after it, with an entry for each instance.
type InstancesPoint struct {
	Step          int       // from 1
	Losses        []float64 // before the step
	GradientNorms []float64 // before clipping
	LearningRate  float64
	Notes         map[string][]float64 // what the loss has told of the step, see [Vars.Note]
}

// An InstancesReport is what [Instances.OnStep] gets.
type InstancesReport struct {
	InstancesPoint
	many *manyFit
}

// Variables are copies of the variables after the step.
func (r *InstancesReport) Variables() (map[string]*hooked.Array, error) { return r.many.variables() }

// State are copies of [Instances.State] after the step.
func (r *InstancesReport) State() (map[string]*tensors.Tensor, error) { return r.many.states() }

// Fitted are instances that were trained.
type Fitted struct {
	Variables map[string]*hooked.Array   // [instance, ...]
	State     map[string]*tensors.Tensor // of [Instances.State]
	Steps     int                        // taken in all
	Curve     []InstancesPoint           // of the steps that were taken in this process
}

// Instance are the variables of one, without the axis of instances.
func (f *Fitted) Instance(i int) map[string]*hooked.Array {
	out := make(map[string]*hooked.Array)
	for name, a := range f.Variables {
		size := len(a.Data) / a.Shape[0]
		out[name] = &hooked.Array{Shape: slices.Clone(a.Shape[1:]), Data: slices.Clone(a.Data[i*size : (i+1)*size])}
	}
	return out
}

// Fit trains instances. If ctx is done, or a step fails, it returns an error and beside it what was
// reached; a loss or gradient that is not a number ([ErrDiverged]) names the instances, and the
// variables of all are those before the step.
func Fit(ctx context.Context, in Instances) (*Fitted, error) { return fitInstances(ctx, in, false) }

// ResumeFit goes on from the newest checkpoint of the folder, to the same variables as if the
// training had not been interrupted, or begins where there is none. Optimizer, LearningRate and
// Clip are those that the training began with; more Steps may be asked for.
func ResumeFit(ctx context.Context, in Instances) (*Fitted, error) {
	return fitInstances(ctx, in, true)
}

func fitInstances(ctx context.Context, in Instances, resume bool) (*Fitted, error) {
	m, err := newManyFit(in, resume)
	if err != nil {
		return nil, wrapped(err)
	}
	out := &Fitted{}
	failed := m.loop(ctx, out)
	if m.spent {
		return nil, wrapped(failed)
	}
	out.Steps = m.step
	if out.Variables, err = m.variables(); err != nil {
		return nil, wrapped(errors.Join(failed, err))
	}
	if out.State, err = m.states(); err != nil {
		return nil, wrapped(errors.Join(failed, err))
	}
	if failed == nil || !errors.Is(failed, ErrDiverged) {
		failed = errors.Join(failed, m.save())
	}
	if failed != nil {
		return out, wrapped(failed)
	}
	return out, nil
}

// A manyFit is a training of instances in progress.
type manyFit struct {
	Instances
	n       int      // instances
	names   []string // of the variables
	store   *model.Store
	trainer *mltrain.Trainer
	rate    *model.Variable
	step    int  // taken
	spent   bool // a step has failed that had taken the variables over

	traced *Vars               // of the graph that is being built
	noted  map[layout][]string // what a program notes
}

// Paths of what a step leaves for each instance.
const (
	lossesPath = "/train/losses"
	normsPath  = "/train/gradient_norms"
	notesScope = "/train/notes"
	stateScope = "/state"
)

func newManyFit(in Instances, resume bool) (*manyFit, error) {
	m := &manyFit{Instances: in, store: model.NewStore(), names: slices.Sorted(maps.Keys(in.Start)), noted: make(map[layout][]string)}
	if err := m.settle(); err != nil {
		return nil, err
	}
	if err := m.open(resume); err != nil {
		return nil, err
	}
	for _, name := range m.names {
		if m.variable(name) != nil { // of a checkpoint
			continue
		}
		a := m.Start[name]
		if _, err := m.store.CreateVariable(model.JoinPath(mainScope, name), tensors.FromFlatDataAndDimensions(slices.Clone(a.Data), a.Shape...)); err != nil {
			return nil, err
		}
	}
	if err := m.beginState(); err != nil {
		return nil, err
	}
	m.trainer = mltrain.NewTrainer(m.Backend, m.store, m.modelFn, nil, guardedInstances{m.Optimizer, m}, nil, nil)
	m.rate = optimizer.LearningRateVarWithValue(m.store.RootScope(), dtypes.Float32, m.LearningRate)
	return m, nil
}

// settle sets defaults, and refuses what cannot be followed.
func (m *manyFit) settle() error {
	if m.Schedule == nil {
		m.Schedule = Constant()
	}
	if m.Optimizer == nil {
		m.Optimizer = AdamW{Decay: 0.01}
	}
	switch {
	case m.Loss == nil:
		return brief.Errorf("Instances.Loss is nil: give the loss of each instance")
	case m.Inputs != nil && m.InputsFrom != nil:
		return brief.Errorf("Instances has both Inputs and InputsFrom: give one of them")
	case len(m.names) == 0:
		return brief.Errorf("Instances.Start is empty: give the variables' first values, each [instance, ...]")
	}
	if err := checkSteps("Instances", m.Steps, m.LearningRate, m.Clip, m.Every, m.Folder, m.Optimizer); err != nil {
		return err
	}
	for i, name := range m.names {
		a := m.Start[name]
		if a == nil || len(a.Shape) == 0 || len(a.Data) == 0 || len(a.Data) != sizeOfShape(a.Shape) {
			return brief.Errorf("Instances.Start: variable %q is no array [instance, ...] with all its values", name)
		}
		if i == 0 {
			m.n = a.Shape[0]
		}
		if a.Shape[0] != m.n {
			return brief.Errorf("Instances.Start: variable %q has %d instances, %q has %d", name, a.Shape[0], m.names[0], m.n)
		}
	}
	if m.Backend == nil {
		var err error
		if m.Backend, err = hooked.Backend(); err != nil {
			return err
		}
	}
	return nil
}

func sizeOfShape(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func (m *manyFit) variable(name string) *model.Variable {
	return m.store.GetVariable(model.JoinPath(mainScope, name))
}

// modelFn is a step's graph for GoMLX's trainer, up to the loss.
func (m *manyFit) modelFn(scope *model.Scope, spec any, in []*Node) []*Node {
	g := in[0].Graph()
	v := &Vars{vars: make(map[string]*Node), inputs: make(map[string]*Node), step: in[0],
		state: make(map[string]*Node), notes: make(map[string]*Node), start: make(map[string]*Node),
		forgotten: make(map[string]*Node)}
	for i, name := range spec.(layout).names()[1:] {
		v.inputs[name] = in[i+1]
	}
	for _, name := range m.names {
		v.vars[name] = m.variable(name).NodeValue(g)
		v.start[name] = v.vars[name]
	}
	for name := range m.State {
		v.vars[name] = m.stateVariable(name).NodeValue(g)
	}
	losses := m.Loss(v)
	m.traced = v
	m.note(spec.(layout), v)
	for name, x := range v.start {
		m.variable(name).SetNodeValue(x)
	}
	switch {
	case losses == nil:
		exceptions.Panicf("the loss is nil")
	case losses.Rank() != 1 || losses.Shape().Dim(0) != m.n:
		exceptions.Panicf("the loss has shape %s, and must have a number for each of %d instances: [%d]", losses.Shape(), m.n, m.n)
	case losses.DType() != dtypes.Float32:
		exceptions.Panicf("the loss is a %s, and must be a Float32", losses.DType())
	}
	perInstance(m.store, lossesPath, m.n).SetNodeValue(losses)
	total := ReduceAllSum(losses)
	read := dependencies(total)
	for _, name := range m.names {
		if !read[v.vars[name]] {
			exceptions.Panicf("the loss does not depend on variable %q: leave it out of Instances.Start, or give it as an input", name)
		}
	}
	mltrain.AddMainLoss(total)
	return nil
}

// loop takes the steps.
func (m *manyFit) loop(ctx context.Context, out *Fitted) error {
	inputs, read := m.inputs()
	next, stop := iter.Pull2(epochs(inputs))
	defer stop()
	for range read { // what the steps before a resumption have read
		if ctx.Err() != nil {
			break // which the loop below tells
		}
		if _, err, _ := next(); err != nil {
			return brief.Errorf("the inputs: %w", err)
		}
	}
	line := newProgress(m.Progress, nil, m.Steps, m.step)
	defer line.end()
	for m.step < m.Steps {
		if ctx.Err() != nil {
			return brief.Errorf("interrupted after step %d: %w", m.step, context.Cause(ctx))
		}
		inputs, err, _ := next()
		if err != nil {
			return brief.Errorf("the inputs of step %d: %w", m.step+1, err)
		}
		point, err := m.train(inputs)
		if err != nil {
			return err
		}
		out.Curve = append(out.Curve, point)
		line.step(Point{Step: point.Step, Loss: mean(point.Losses)})
		if m.OnStep != nil {
			err := m.OnStep(&InstancesReport{point, m})
			if errors.Is(err, ErrStop) {
				return nil
			}
			if err != nil {
				return brief.Errorf("OnStep after step %d: %w", m.step, err)
			}
		}
		if m.Every > 0 && m.step%m.Every == 0 {
			if err := m.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// inputs are what steps read, and how many of them are for steps that were taken before.
func (m *manyFit) inputs() (inputs iter.Seq2[Inputs, error], read int) {
	switch {
	case m.InputsFrom != nil:
		return m.InputsFrom(m.step), 0
	case m.Inputs != nil:
		return m.Inputs, m.step
	}
	return func(yield func(Inputs, error) bool) { yield(nil, nil) }, 0
}

func mean(all []float64) float64 {
	sum := 0.
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all))
}

// stepInput is the first input of the program.
const stepInput = "step"

// train takes a step.
func (m *manyFit) train(inputs Inputs) (InstancesPoint, error) {
	point := InstancesPoint{Step: m.step + 1, LearningRate: m.LearningRate * m.Schedule(m.step+1)}
	if !(point.LearningRate >= 0) {
		return point, brief.Errorf("the schedule gives a learning rate of %v in step %d", point.LearningRate, point.Step)
	}
	if err := m.rate.SetValue(tensors.FromScalar(float32(point.LearningRate))); err != nil {
		return point, err
	}
	in, err := m.feed(inputs)
	if err != nil {
		return point, brief.Errorf("step %d: %w", point.Step, err)
	}
	arrays, err := in.tensors(m.Backend)
	if err != nil {
		return point, err
	}
	before := values(m.store)
	err = exceptions.TryCatch[error](func() {
		metrics, err := m.trainer.TrainStep(mltrain.Batch{Spec: in.layout(), Inputs: arrays})
		must(err)
		for _, t := range metrics {
			must(t.FinalizeAll())
		}
	})
	if err != nil {
		m.spent = values(m.store) < before
		return point, brief.Errorf("step %d: %w", point.Step, err)
	}
	if point.Losses, err = m.perInstance(lossesPath); err != nil {
		return point, err
	}
	if point.GradientNorms, err = m.perInstance(normsPath); err != nil {
		return point, err
	}
	if point.Notes, err = m.notes(in.layout()); err != nil {
		return point, err
	}
	if err := point.check(); err != nil {
		return point, err
	}
	m.step++
	return point, nil
}

// feed lays a step's inputs out.
func (m *manyFit) feed(inputs Inputs) (feed, error) {
	f := feed{names: []string{stepInput}}
	at, err := wholeLabel([][]int{{m.step + 1}})
	if err != nil {
		return f, err
	}
	f.values = append(f.values, at)
	for _, name := range slices.Sorted(maps.Keys(inputs)) {
		l, err := labelOf(name, inputs[name])
		if err != nil {
			return f, err
		}
		f.names, f.values = append(f.names, name), append(f.values, l)
	}
	return f, nil
}

func (m *manyFit) perInstance(path string) ([]float64, error) {
	value, err := perInstance(m.store, path, m.n).Value()
	if err != nil {
		return nil, err
	}
	out := make([]float64, m.n)
	return out, value.ConstFlatData(func(flat any) {
		for i, v := range flat.([]float32) {
			out[i] = float64(v)
		}
	})
}

// check names the instances whose loss or gradient is not a number.
func (p InstancesPoint) check() error {
	for _, v := range []struct {
		what   string
		values []float64
	}{{"loss", p.Losses}, {"norm of the gradients", p.GradientNorms}} {
		var bad []int
		for i, x := range v.values {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				bad = append(bad, i)
			}
		}
		if len(bad) > 0 {
			return brief.Errorf("step %d: the %s of instances %v is %v (the first's): %w (a smaller learning rate, a warm-up or Clip may help)", p.Step, v.what, bad, v.values[bad[0]], ErrDiverged)
		}
	}
	return nil
}

// variables are copies of the variables' values.
func (m *manyFit) variables() (map[string]*hooked.Array, error) {
	out := make(map[string]*hooked.Array)
	for _, name := range m.names {
		value, err := m.variable(name).Value()
		if err != nil {
			return nil, err
		}
		a := hooked.NewArray(m.Start[name].Shape...)
		buffer, err := value.Buffer(m.Backend, 0)
		if err != nil {
			return nil, err
		}
		if err := buffer.ToFlatData(a.Data); err != nil {
			return nil, err
		}
		out[name] = a
	}
	return out, nil
}
