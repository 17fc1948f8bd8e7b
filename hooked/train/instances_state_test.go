package train_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/internal/golden"
)

// counting is a training of w towards the step's input, which never falls below 1 at a step's
// begin; its state is the sum of what it has read, in float64.
func counting(t *testing.T) train.Instances {
	return train.Instances{
		Start: map[string]*hooked.Array{"w": {Shape: []int{2}, Data: []float32{-3, 5}}},
		State: map[string]*tensors.Tensor{"sum": tensors.FromScalar(0.5)},
		InputsFrom: func(step int) iter.Seq2[train.Inputs, error] {
			return func(yield func(train.Inputs, error) bool) {
				for {
					step++
					in := train.Inputs{"x": []float32{float32(step)}}
					if step > 3 {
						in["late"] = []float32{1}
					}
					if !yield(in, nil) {
						return
					}
				}
			}
		},
		Loss: func(v *train.Vars) *Node {
			v.Set("w", MaxScalar(v.Var("w"), 1.0))
			x := Reshape(v.Input("x"))
			v.Set("sum", Add(v.Var("sum"), ConvertDType(x, v.Var("sum").DType())))
			v.Note("read", Add(ZerosLike(v.Var("w")), x))
			if v.Has("late") {
				v.Note("late", OnesLike(v.Var("w")))
			}
			return Square(Sub(v.Var("w"), x))
		},
		Steps: 5, LearningRate: 0.25, Optimizer: train.SGD{}, Backend: golden.PureGo(t),
	}
}

// A state follows what the loss says, a variable begins a step where it is moved to, and notes are
// those of the step's own program. An interrupted training goes on with its state and its inputs.
func TestInstancesState(t *testing.T) {
	whole := hooked.Must(train.Fit(context.Background(), counting(t)))
	// w <- w + (x - w) / 2 from max(w, 1)
	want := [2]float64{-3, 5}
	for i, p := range whole.Curve {
		for k := range want {
			want[k] = (max(want[k], 1) + float64(i+1)) / 2
		}
		if p.Notes["read"][1] != float64(i+1) || len(p.Notes["late"]) > 0 != (i >= 3) {
			t.Errorf("step %d notes %v", i+1, p.Notes)
		}
	}
	if got := whole.Variables["w"].Data; float64(got[0]) != want[0] || float64(got[1]) != want[1] {
		t.Errorf("w is %v, want %v", got, want)
	}
	if sum := tensors.ToScalar[float64](whole.State["sum"]); sum != 15.5 {
		t.Errorf("the state is %v, want 15.5", sum)
	}
	stopped := errors.New("stopped")
	in := counting(t)
	in.Folder, in.Every = t.TempDir(), 2
	in.OnStep = func(r *train.InstancesReport) error {
		if r.Step == 3 {
			return stopped
		}
		return nil
	}
	if _, err := train.Fit(context.Background(), in); !errors.Is(err, stopped) {
		t.Fatal(err)
	}
	in.OnStep = nil
	rest := hooked.Must(train.ResumeFit(context.Background(), in))
	if sum := tensors.ToScalar[float64](rest.State["sum"]); sum != 15.5 || rest.Variables["w"].Data[0] != whole.Variables["w"].Data[0] {
		t.Errorf("resumed: state %v, w %v, want 15.5, %v", sum, rest.Variables["w"].Data, whole.Variables["w"].Data)
	}
}

func TestInstancesStateIsRefused(t *testing.T) {
	for want, change := range map[string]func(*train.Instances){
		"both Inputs and InputsFrom": func(in *train.Instances) { in.Inputs = in.InputsFrom(0) },
		"has no value":               func(in *train.Instances) { in.State["sum"] = nil },
		"is one of Instances.Start":  func(in *train.Instances) { in.State["w"] = tensors.FromScalar(1.0) },
		"for a variable of shape": func(in *train.Instances) {
			in.Loss = func(v *train.Vars) *Node { v.Set("sum", v.Var("w")); return v.Var("w") }
		},
		"Note(\"n\")": func(in *train.Instances) {
			in.Loss = func(v *train.Vars) *Node { v.Note("n", v.Var("sum")); return v.Var("w") }
		},
	} {
		in := counting(t)
		change(&in)
		if _, err := train.Fit(context.Background(), in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// Entries whose memory is cleared stand still where their gradient is zero; the others go on by
// their momentum. So it is with every optimizer that keeps something.
func TestInstancesForget(t *testing.T) {
	for name, o := range map[string]train.Optimizer{"Adam": train.Adam{}, "AdamW": train.AdamW{}, "SGD": train.SGD{Momentum: 0.9}} {
		var before, after []float32
		_, err := train.Fit(context.Background(), train.Instances{
			Start: map[string]*hooked.Array{"w": {Shape: []int{1, 2}, Data: []float32{1, 1}}},
			InputsFrom: func(step int) iter.Seq2[train.Inputs, error] {
				return func(yield func(train.Inputs, error) bool) {
					for {
						step++
						in := train.Inputs{"slope": []float32{1}}
						if step == 4 {
							in["slope"], in["forget"] = []float32{0}, []float32{1}
						}
						if !yield(in, nil) {
							return
						}
					}
				}
			},
			Loss: func(v *train.Vars) *Node {
				w := v.Var("w")
				if v.Has("forget") {
					v.Forget("w", Const(w.Graph(), [][]bool{{true, false}}))
				}
				return ReduceSum(Mul(w, Reshape(v.Input("slope"), 1, 1)), 1)
			},
			OnStep: func(r *train.InstancesReport) error {
				all, err := r.Variables()
				if r.Step == 3 {
					before = all["w"].Data
				}
				after = all["w"].Data
				return err
			},
			Steps: 4, LearningRate: 0.25, Optimizer: o, Backend: golden.PureGo(t),
		})
		if err != nil {
			t.Fatal(name, err)
		}
		if after[0] != before[0] || !(after[1] < before[1]-0.05) {
			t.Errorf("%s: from %v to %v: want the first entry to stand still, the second to go on", name, before, after)
		}
	}
}
