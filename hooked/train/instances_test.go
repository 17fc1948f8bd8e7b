package train_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/internal/golden"
)

// A toyModels is Elhage et al. 2022's "Toy Models of Superposition" (arXiv:2209.10652): features x,
// each absent with a probability of its instance's own, and their reconstruction ReLU(W^T W x + b).
type toyModels struct {
	features, hidden, batch int
	present                 []float64 // the probability of a feature, by instance
	importance              float64   // of a feature over the one before
}

func (m toyModels) training(be compute.Backend, steps int) train.Instances {
	random := rand.New(rand.NewPCG(1, 0))
	w := hooked.NewArray(len(m.present), m.hidden, m.features)
	for i := range w.Data {
		w.Data[i] = float32(random.NormFloat64()) / 2
	}
	return train.Instances{
		Start:  map[string]*hooked.Array{"W": w, "b": hooked.NewArray(len(m.present), m.features)},
		Inputs: m.inputs(), Steps: steps, LearningRate: 1e-2, Schedule: train.Linear(1, 0.05, steps), Optimizer: train.Adam{}, Backend: be,
		Loss: func(v *train.Vars) *Node {
			x, w := v.Input("x"), v.Var("W")
			h := Einsum("nbf,nhf->nbh", x, w)
			y := Add(Einsum("nbh,nhf->nbf", h, w), InsertAxes(v.Var("b"), 1))
			y = MaxScalar(y, 0)
			importance := make([]float32, m.features)
			for i := range importance {
				importance[i] = float32(math.Pow(m.importance, float64(i)))
			}
			weighted := Mul(Square(Sub(x, y)), Reshape(Const(x.Graph(), importance), 1, 1, -1))
			return ReduceMean(ReduceSum(weighted, -1), -1)
		},
	}
}

// inputs are batches of features, the same whenever they are ranged over.
func (m toyModels) inputs() func(yield func(train.Inputs, error) bool) {
	return func(yield func(train.Inputs, error) bool) {
		random := rand.New(rand.NewPCG(2, 0))
		for {
			x := hooked.NewArray(len(m.present), m.batch, m.features)
			for i := range x.Data {
				if random.Float64() < m.present[i/(m.batch*m.features)] {
					x.Data[i] = random.Float32()
				}
			}
			if !yield(train.Inputs{"x": x}, nil) {
				return
			}
		}
	}
}

func mustFit(t testing.TB, in train.Instances) *train.Fitted {
	t.Helper()
	out, err := train.Fit(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSuperposition trains five features into two dimensions. Where all are always there the two
// most important get a dimension each, and the others none; where they are sparse and of one
// importance all five get a direction, a fifth of a turn apart: the pentagon.
func TestSuperposition(t *testing.T) {
	be := golden.PureGo(t)
	dense := toyModels{features: 5, hidden: 2, batch: 128, present: []float64{1, 1}, importance: 0.6}
	out := mustFit(t, dense.training(be, 1500))
	for i := range dense.present {
		lengths, _ := directions(out.Instance(i)["W"])
		if !(lengths[0] > 0.9 && lengths[1] > 0.9 && slices.Max(lengths[2:]) < 0.15) {
			t.Errorf("dense, instance %d: lengths %.2f, want the first two features and no other", i, lengths)
		}
	}

	sparse := toyModels{features: 5, hidden: 2, batch: 256, present: []float64{0.05, 0.05, 0.05, 0.05, 0.05, 0.05}, importance: 1}
	out = mustFit(t, sparse.training(be, 2000))
	pentagons := 0
	for i := range sparse.present {
		lengths, gaps := directions(out.Instance(i)["W"])
		t.Logf("sparse, instance %d: lengths %.2f, gaps in fifths of a turn %.2f", i, lengths, gaps)
		if slices.Min(lengths) > 0.85 && slices.Max(lengths) < 1.2 && slices.Min(gaps) > 0.9 && slices.Max(gaps) < 1.1 {
			pentagons++
		}
	}
	if pentagons < 3 {
		t.Errorf("%d of %d instances came to a pentagon", pentagons, len(sparse.present))
	}
}

// directions are the lengths of the columns of W [2, feature], and the angles from one to the next
// in their order around, in shares of a turn by their number.
func directions(w *hooked.Array) (lengths, gaps []float64) {
	n := w.Shape[1]
	var angles []float64
	for f := range n {
		x, y := float64(w.Data[f]), float64(w.Data[n+f])
		lengths, angles = append(lengths, math.Hypot(x, y)), append(angles, math.Atan2(y, x))
	}
	slices.Sort(angles)
	for i, a := range angles {
		after := angles[(i+1)%n]
		if i == n-1 {
			after += 2 * math.Pi
		}
		gaps = append(gaps, (after-a)/(2*math.Pi)*float64(n))
	}
	return lengths, gaps
}

// TestInstancesAlone holds that an instance comes to the weights that it comes to by itself, with
// gradients clipped too, and with what a step of another would do to a common norm.
func TestInstancesAlone(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := toyModels{features: 6, hidden: 3, batch: 16, present: []float64{1, 0.3, 0.05}, importance: 0.8}
		all := m.training(be, 20)
		all.Optimizer, all.Clip = train.AdamW{Decay: 0.1}, 0.3
		w := all.Start["W"].Data
		for i := range w[:18] {
			w[i] *= 10 // the first instance's gradients are far longer than the others'
		}
		together := mustFit(t, all)
		if first := together.Curve[0].GradientNorms; !(first[0] > 3*first[1]) || !(first[0] > all.Clip) {
			t.Errorf("norms %v", first)
		}
		for i := range m.present {
			alone := all
			alone.Start = map[string]*hooked.Array{}
			for name, a := range all.Start {
				alone.Start[name] = entry(a, i)
			}
			alone.Inputs = func(yield func(train.Inputs, error) bool) {
				for x := range m.inputs() {
					if !yield(train.Inputs{"x": entry(x["x"].(*hooked.Array), i)}, nil) {
						return
					}
				}
			}
			one := mustFit(t, alone)
			for name, a := range one.Instance(0) {
				golden.Close(t, name, together.Instance(i)[name].Data, a.Data, golden.Tolerance{Abs: 1e-6, Rel: 1e-6})
			}
			if a, b := one.Curve[19].Losses[0], together.Curve[19].Losses[i]; !(math.Abs(a-b) <= 1e-6*a) {
				t.Errorf("instance %d: loss %v alone, %v beside others", i, a, b)
			}
		}
	})
}

// entry is one instance of an array, with its axis.
func entry(a *hooked.Array, i int) *hooked.Array {
	size := len(a.Data) / a.Shape[0]
	return &hooked.Array{Shape: append([]int{1}, a.Shape[1:]...), Data: slices.Clone(a.Data[i*size : (i+1)*size])}
}

// TestInstancesDiverge spoils one instance in the third step: it is named, and all keep what they
// had after the second.
func TestInstancesDiverge(t *testing.T) {
	be := golden.PureGo(t)
	m := toyModels{features: 3, hidden: 2, batch: 4, present: []float64{1, 1, 1}, importance: 1}
	in := m.training(be, 5)
	in.Inputs = func(yield func(train.Inputs, error) bool) {
		step := 0
		for x := range m.inputs() {
			if step++; step == 3 {
				x["x"].(*hooked.Array).Data[12] = float32(math.NaN())
			}
			if !yield(x, nil) {
				return
			}
		}
	}
	var second map[string]*hooked.Array
	in.OnStep = func(r *train.InstancesReport) (err error) { second, err = r.Variables(); return err }
	out, err := train.Fit(context.Background(), in)
	if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), "step 3: the loss of instances [1] is NaN") {
		t.Fatalf("%v", err)
	}
	if out == nil || out.Steps != 2 || !slices.Equal(out.Variables["W"].Data, second["W"].Data) {
		t.Errorf("%+v", out)
	}
}

// TestInstancesResume breaks a training off and goes on to what an unbroken one comes to.
func TestInstancesResume(t *testing.T) {
	be := golden.PureGo(t)
	m := toyModels{features: 3, hidden: 2, batch: 4, present: []float64{1, 0.5}, importance: 1}
	whole := mustFit(t, m.training(be, 9))
	in := m.training(be, 9)
	in.Folder, in.Every = filepath.Join(t.TempDir(), "run"), 2
	in.OnStep = func(r *train.InstancesReport) error {
		if r.Step == 5 {
			return errors.New("enough")
		}
		return nil
	}
	if _, err := train.Fit(context.Background(), in); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Fatal(err)
	}
	in.OnStep = nil
	if _, err := train.Fit(context.Background(), in); err == nil || !strings.Contains(err.Error(), "ResumeFit") {
		t.Errorf("%v", err)
	}
	out, err := train.ResumeFit(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Curve) != 4 || out.Steps != 9 {
		t.Errorf("%d steps, %d of them here", out.Steps, len(out.Curve))
	}
	for name, a := range whole.Variables {
		if !slices.Equal(out.Variables[name].Data, a.Data) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestInstancesRefused(t *testing.T) {
	be := golden.PureGo(t)
	for want, change := range map[string]func(*train.Instances){
		"Loss is nil":         func(in *train.Instances) { in.Loss = nil },
		"Start is empty":      func(in *train.Instances) { in.Start = nil },
		"b\" has 3 instances": func(in *train.Instances) { in.Start["b"] = hooked.NewArray(3, 3) },
		"is no array":         func(in *train.Instances) { in.Start["b"] = nil },
		"Steps is 0":          func(in *train.Instances) { in.Steps = 0 },
		"LearningRate is NaN": func(in *train.Instances) { in.LearningRate = math.NaN() },
		"Clip is NaN":         func(in *train.Instances) { in.Clip = math.NaN() },
		"Every is 2":          func(in *train.Instances) { in.Every = 2 },
		"Betas[1] is 2":       func(in *train.Instances) { in.Optimizer = train.Adam{Betas: [2]float64{0, 2}} },
		"on variable \"c\"":   func(in *train.Instances) { in.Start["c"] = hooked.NewArray(2, 1) },
		"variable \"V\"":      func(in *train.Instances) { in.Loss = func(v *train.Vars) *Node { return v.Var("V") } },
		"input \"y\"":         func(in *train.Instances) { in.Loss = func(v *train.Vars) *Node { return v.Input("y") } },
		"each of 2 instances": func(in *train.Instances) { in.Loss = func(v *train.Vars) *Node { return ReduceAllSum(v.Var("W")) } },
		"the data has no":     func(in *train.Instances) { in.Inputs = func(func(train.Inputs, error) bool) {} },
		"label \"x\" is a int": func(in *train.Instances) {
			in.Inputs = func(yield func(train.Inputs, error) bool) { yield(train.Inputs{"x": 3}, nil) }
		},
	} {
		in := toyModels{features: 3, hidden: 2, batch: 4, present: []float64{1, 1}, importance: 1}.training(be, 2)
		in.OnStep = func(*train.InstancesReport) error { t.Errorf("%s: a step was taken", want); return train.ErrStop }
		change(&in)
		if _, err := train.Fit(context.Background(), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// TestInstancesLateRefusal has the loss refuse the program of another batch in the third step.
func TestInstancesLateRefusal(t *testing.T) {
	m := toyModels{features: 3, hidden: 2, batch: 4, present: []float64{1, 1}, importance: 1}
	in := m.training(golden.PureGo(t), 5)
	other := m
	other.batch = 5
	in.Inputs = func(yield func(train.Inputs, error) bool) {
		step := 0
		for x := range m.inputs() {
			if step++; step == 3 {
				for x = range other.inputs() {
					break
				}
			}
			if !yield(x, nil) {
				return
			}
		}
	}
	loss := in.Loss
	in.Loss = func(v *train.Vars) *Node {
		x := loss(v)
		if v.Input("x").Shape().Dim(1) != m.batch {
			panic(errors.New("the batch of this test"))
		}
		return x
	}
	var second map[string]*hooked.Array
	in.OnStep = func(r *train.InstancesReport) (err error) { second, err = r.Variables(); return err }
	out, err := train.Fit(context.Background(), in)
	if err == nil || !strings.Contains(err.Error(), "the batch of this test") {
		t.Fatal(err)
	}
	if out == nil || out.Steps != 2 || !slices.Equal(out.Variables["W"].Data, second["W"].Data) {
		t.Errorf("%+v", out)
	}
}

// TestInstancesOtherSettings holds that a training goes on only as it began.
func TestInstancesOtherSettings(t *testing.T) {
	m := toyModels{features: 3, hidden: 2, batch: 4, present: []float64{1}, importance: 1}
	in := m.training(golden.PureGo(t), 2)
	in.Folder, in.Clip = filepath.Join(t.TempDir(), "run"), 1
	mustFit(t, in)
	in.Steps = 3
	for what, other := range map[string]func(in *train.Instances){
		"optimizer":     func(in *train.Instances) { in.Optimizer = train.SGD{} },
		"its settings":  func(in *train.Instances) { in.Optimizer = train.Adam{L2: 0.5} },
		"learning rate": func(in *train.Instances) { in.LearningRate *= 2 },
		"clip":          func(in *train.Instances) { in.Clip = 2 },
	} {
		changed := in
		other(&changed)
		if _, err := train.ResumeFit(context.Background(), changed); err == nil || !strings.Contains(err.Error(), "and now is asked for") {
			t.Errorf("another %s: %v", what, err)
		}
	}
	if out, err := train.ResumeFit(context.Background(), in); err != nil || len(out.Curve) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}
