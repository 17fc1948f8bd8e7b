package probe_test

import (
	"math"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/internal/golden"

	_ "gopherlens/xla"
)

// The fixture holds linear probes that PyTorch has solved in float64 and scikit-learn has checked:
// internal/golden/gen/gen_training.py.
type fixture struct {
	N      int
	D      int
	NTrain int `json:"n_train"`
	Probes map[string]struct {
		TrainAccuracy float64 `json:"train_accuracy"`
		TestAccuracy  float64 `json:"test_accuracy"`
		C, Alpha      float64
		Objective     float64
		LogLoss       float64 `json:"mean_log_loss_test"`
		R2            float64 `json:"r2_test"`
		MSE           float64 `json:"mse_test"`
	}
	file *golden.File
}

func openFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{file: golden.Open(t, "testdata/probes/golden.safetensors")}
	golden.JSON(t, "testdata/probes/golden.json", f)
	return f
}

func (f *fixture) floats(name string) []float32 {
	values, _ := f.file.Floats(name)
	return values
}

func (f *fixture) rows(t testing.TB) *probe.Rows {
	t.Helper()
	values, shape := f.file.Floats("X")
	rows := make([][]float32, shape[0])
	for i := range rows {
		rows[i] = values[i*shape[1] : (i+1)*shape[1]]
	}
	return must(probe.NewRows(rows))(t)
}

// labels are whole numbers of the fixture.
func (f *fixture) labels(name string) []int { return f.file.Ints(name)[0] }

// split has the first rows to train on and the others to test on.
func (f *fixture) split() probe.Split {
	var s probe.Split
	for i := range f.N {
		if i < f.NTrain {
			s.TrainOn = append(s.TrainOn, i)
		} else {
			s.TestOn = append(s.TestOn, i)
		}
	}
	return s
}

// must ends the test at an error.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func near(t testing.TB, what string, got, want, rel float64) {
	t.Helper()
	if !(math.Abs(got-want) <= rel*max(math.Abs(want), 1e-3)) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestProbes compares every classifier of the fixture: weights, intercepts, objective, accuracies.
func TestProbes(t *testing.T) {
	f := openFixture(t)
	rows := f.rows(t)
	exact := golden.Tolerance{Abs: 1e-4, Rel: 1e-4}
	optimum := golden.Tolerance{Abs: 1e-3, Rel: 1e-3}
	for _, test := range []struct {
		name   string
		labels string
		method probe.Method
		tol    golden.Tolerance
	}{
		{"logistic", "y", probe.Logistic{C: f.Probes["logistic"].C}, optimum},
		{"logistic_weak", "y", probe.Logistic{C: f.Probes["logistic_weak"].C}, golden.Tolerance{Abs: 1e-2, Rel: 1e-2}},
		{"multinomial", "classes", probe.Logistic{}, optimum},
		{"ridge_classifier", "y", probe.Ridge{Alpha: f.Probes["ridge_classifier"].Alpha}, exact},
		{"difference_of_means", "y", probe.Means{}, exact},
		{"lda", "y", probe.Means{Whiten: true}, exact},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := f.Probes[test.name]
			got := must(probe.Fit(rows, f.labels(test.labels), test.method, f.split()))(t)
			near(t, "accuracy in training", got.Train.Accuracy, want.TrainAccuracy, 1e-5)
			near(t, "accuracy in testing", got.Test.Accuracy, want.TestAccuracy, 1e-5)
			if want.LogLoss != 0 {
				near(t, "log loss", got.Test.LogLoss, want.LogLoss, 1e-4)
			}
			var w, b []float32
			for class := range got.Classes() {
				if got.Classes() == 2 && class == 0 {
					continue
				}
				w = append(w, must(got.Direction(class))(t).Float32s()...)
				b = append(b, float32(must(got.Intercept(class))(t)))
			}
			golden.Close(t, "coef", w, f.floats(test.name+"/coef"), test.tol)
			golden.Close(t, "intercept", b, f.floats(test.name+"/intercept"), test.tol)
			if want.Objective != 0 {
				near(t, "objective", objective(w, got, want.C, f.NTrain), want.Objective, 1e-5)
			}
		})
	}
}

// objective is what logistic regression minimises.
func objective(w []float32, got *probe.Fitted, c float64, rows int) float64 {
	penalty := 0.0
	for _, v := range w {
		penalty += float64(v) * float64(v)
	}
	return penalty/2 + c*got.Train.LogLoss*float64(rows)
}

// TestRegress compares a ridge regression.
func TestRegress(t *testing.T) {
	f := openFixture(t)
	want := f.Probes["ridge"]
	var targets []float64
	for _, v := range f.floats("target") {
		targets = append(targets, float64(v))
	}
	got := must(probe.Regress(f.rows(t), targets, probe.Ridge{Alpha: want.Alpha}, f.split()))(t)
	near(t, "R2", got.Test.R2, want.R2, 1e-6)
	near(t, "MSE", got.Test.MSE, want.MSE, 1e-6)
	golden.Close(t, "coef", must(got.Direction())(t).Float32s(), f.floats("ridge/coef"), golden.Tolerance{Abs: 1e-4, Rel: 1e-4})
	golden.Close(t, "intercept", []float32{float32(must(got.Intercept())(t))}, f.floats("ridge/intercept"), golden.Tolerance{Abs: 1e-4, Rel: 1e-4})
}

// TestPCA compares components, up to their sign, and variances.
func TestPCA(t *testing.T) {
	f := openFixture(t)
	train := must(f.rows(t).Pick(f.split().TrainOn))(t)
	got := must(probe.PCA(train, 4))(t)
	want := f.floats("pca/components")
	tol := golden.Tolerance{Abs: 1e-4, Rel: 1e-4}
	for i := range 4 {
		row := want[i*f.D : (i+1)*f.D]
		golden.Close(t, "component up to its sign", turned(got.Vectors.Rows()[i]), turned(row), tol)
	}
	golden.Close(t, "variance", float32s(got.Variance), f.floats("pca/explained_variance"), tol)
	golden.Close(t, "mean", float32s(got.Mean), f.floats("pca/mean"), tol)
	// coordinates have the variances that were explained, and no covariance
	at := must(got.Project(train))(t)
	for i := range 4 {
		for k := range 4 {
			sum := 0.0
			for _, row := range at {
				sum += row[i] * row[k]
			}
			want := map[bool]float64{true: got.Variance[i]}[i == k]
			if sum /= float64(len(at) - 1); math.Abs(sum-want) > 1e-5 {
				t.Errorf("covariance of coordinates %d and %d is %v, want %v", i, k, sum, want)
			}
		}
	}
}

// turned is v with a positive largest entry.
func turned(v []float32) []float32 {
	t := hooked.Must(hooked.NewTensor(v, "d"))
	at := t.Abs().ArgMax("d").Ints()[0]
	if v[at] < 0 {
		t = t.Neg()
	}
	return t.Float32s()
}

func float32s(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}
