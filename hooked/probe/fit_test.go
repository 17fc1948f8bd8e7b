package probe_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
)

// TestOptimum computes the gradient of what a logistic fit minimises, at what it has found: it is
// nothing beside that at zero. The rows are fewer or more than their numbers, of sizes that differ
// by a factor of hundreds, with weak penalties and strong ones.
func TestOptimum(t *testing.T) {
	for _, test := range []struct {
		n, d, classes int
		apart         float64
		method        probe.Logistic
	}{
		{200, 40, 2, 0.3, probe.Logistic{}}, {200, 40, 2, 0.3, probe.Logistic{C: 1e-3}}, {200, 40, 2, 0.3, probe.Logistic{C: 1e4}},
		{60, 150, 2, 0.3, probe.Logistic{}}, {60, 150, 3, 0.3, probe.Logistic{C: 100}}, {300, 30, 6, 0.5, probe.Logistic{}},
		{200, 40, 2, 10, probe.Logistic{}}, {200, 40, 4, 0, probe.Logistic{C: 1e3}},
	} {
		rows, labels := mixture(t, 2*test.n, test.d, test.classes, test.apart)
		f := must(probe.Fit(rows, labels, test.method, halves(test.n)))(t)
		at, zero := gradients(t, rows, labels, f, test.n, test.method.C)
		if !(at <= 1e-5*zero) {
			t.Errorf("%+v: the gradient is %.2g at the optimum, %.2g at zero", test, at, zero)
		}
	}
}

// gradients are the largest entries of the gradient at the fit, and at weights of zero.
func gradients(t testing.TB, rows *probe.Rows, labels []int, f *probe.Fitted, n int, c float64) (at, zero float64) {
	t.Helper()
	if c == 0 {
		c = 1
	}
	x, d := rows.Float32s(), rows.Shape()[1]
	p := must(f.Probabilities(rows))(t)
	classes := f.Classes()
	for class := range classes {
		w := must(f.Direction(class))(t).Float32s()
		if classes == 2 && class == 0 {
			continue
		}
		sum, start := make([]float64, d), make([]float64, d)
		for i := range n {
			y := 0.0
			if labels[i] == class {
				y = 1
			}
			for k := range d {
				sum[k] += c * (p[i][class] - y) * float64(x[i*d+k])
				start[k] += c * (1/float64(classes) - y) * float64(x[i*d+k])
			}
		}
		for k := range d {
			at, zero = max(at, math.Abs(sum[k]+float64(w[k]))), max(zero, math.Abs(start[k]))
		}
	}
	return at, zero
}

// TestStandardise holds that a fit of standardised rows does not depend on their units, and that
// its scores are those of the rows as they are.
func TestStandardise(t *testing.T) {
	rows, labels := mixture(t, 200, 30, 3, 0.5)
	other := must(rows.Tensor())(t).Mul(hooked.Must(hooked.NewTensor(units(30), "d_model"))).Shift(3)
	for _, method := range []probe.Method{probe.Logistic{Standardise: true}, probe.Ridge{Standardise: true}} {
		a := must(probe.Fit(rows, labels, method, probe.Split{}))(t)
		b := must(probe.Fit(must(probe.RowsOf(other))(t), labels, method, probe.Split{}))(t)
		if math.Abs(a.Test.AUROC-b.Test.AUROC) > 1e-3 || a.Test.Accuracy != b.Test.Accuracy {
			t.Errorf("%s: %+v in other units %+v", method, a.Test, b.Test)
		}
	}
	plain := must(probe.Fit(rows, labels, probe.Ridge{Alpha: 1e4}, probe.Split{}))(t)
	if scaled := must(probe.Fit(rows, labels, probe.Ridge{Alpha: 1e4, Standardise: true}, probe.Split{}))(t); plain.Test.AUROC == scaled.Test.AUROC {
		t.Error("Standardise changes nothing")
	}
}

func units(d int) []float32 {
	out := make([]float32, d)
	for i := range out {
		out[i] = float32(math.Exp2(float64(i%7) - 3))
	}
	return out
}

// TestMetrics compares with numbers that were counted by hand: scores -3 to 4 of these labels.
func TestMetrics(t *testing.T) {
	rows := must(probe.NewRows([][]float32{{-3}, {-2}, {-1}, {1}, {2}, {2}, {3}, {4}, {-50}, {50}}))(t)
	labels := []int{0, 1, 0, 0, 1, 0, 1, 1, 0, 1}
	split := probe.Split{TrainOn: []int{8, 9}, TestOn: []int{0, 1, 2, 3, 4, 5, 6, 7}}
	m := must(probe.Fit(rows, labels, probe.Means{}, split))(t).Test
	// pairs of a 1 before a 0: (-2: -3), (2: -3 -1 1 and half of 2), (3: all 4), (4: all 4) of 16
	want := probe.Metrics{Rows: 8, Accuracy: 5. / 8, Balanced: (3./4 + 2./4) / 2, AUROC: 12.5 / 16, Majority: 0.5, MajorityLogLoss: math.Log(2)}
	if m.Rows != want.Rows || m.Accuracy != want.Accuracy || m.Balanced != want.Balanced || m.AUROC != want.AUROC || m.Majority != want.Majority ||
		math.Abs(m.MajorityLogLoss-want.MajorityLogLoss) > 1e-12 || fmt.Sprint(m.Confusion) != "[[2 2] [1 3]]" || !math.IsNaN(m.LogLoss) {
		t.Errorf("%+v, want %+v", m, want)
	}
	only := must(must(probe.Fit(rows, labels, probe.Means{}, split))(t).Evaluate(must(rows.Pick([]int{4, 6}))(t), []int{1, 1}))(t)
	if !math.IsNaN(only.AUROC) || only.Balanced != 1 || only.Majority != 0 || math.Abs(only.MajorityLogLoss-math.Log(2)) > 1e-12 {
		t.Errorf("of one class: %+v", only)
	}
}

// TestCalibration holds that a logistic probe's confidence is its accuracy where its model is true,
// and that the error sees it where the labels are of another make.
func TestCalibration(t *testing.T) {
	rows, labels := mixture(t, 4000, 3, 2, 0.3)
	f := must(probe.Fit(rows, labels, probe.Logistic{}, probe.Split{Test: 0.5}))(t)
	if m := f.Test; !(m.CalibrationError < 0.04 && m.LogLoss < m.MajorityLogLoss) {
		t.Errorf("%+v", m)
	}
	p := must(f.Probabilities(rows))(t)
	want := 0.0
	for bin := range 10 {
		confidence, right := 0.0, 0.0
		for i, of := range p {
			best := max(of[0], of[1])
			if best < float64(bin)/10 || best >= float64(bin+1)/10 {
				continue
			}
			confidence += best
			if of[labels[i]] == best {
				right++
			}
		}
		want += math.Abs(confidence-right) / float64(len(p))
	}
	if m := must(f.Evaluate(rows, labels))(t); math.Abs(m.CalibrationError-want) > 1e-12 {
		t.Errorf("the calibration error is %v, want %v", m.CalibrationError, want)
	}
	wrong := make([]int, len(labels))
	if m := must(f.Evaluate(rows, wrong))(t); m.CalibrationError < 0.1 {
		t.Errorf("of labels that are all 0: %+v", m)
	}
}

// TestSplit holds that a split is the seed's, that sides have nothing in common, and that each
// class gives its share.
func TestSplit(t *testing.T) {
	rows, labels := mixture(t, 200, 3, 4, 1)
	fit := func(s probe.Split) *probe.Fitted { return must(probe.Fit(rows, labels, probe.Means{}, s))(t) }
	a, b := fit(probe.Split{Test: 0.3, Seed: 5}), fit(probe.Split{Test: 0.3, Seed: 5})
	if fmt.Sprint(a.TestRows) != fmt.Sprint(b.TestRows) || fmt.Sprint(a.TestRows) == fmt.Sprint(fit(probe.Split{Test: 0.3, Seed: 6}).TestRows) {
		t.Error("the split is not the seed's")
	}
	of := make([]int, 4)
	side := make([]int, len(labels))
	for _, row := range a.TestRows {
		of[labels[row]]++
		side[row]++
	}
	for _, row := range a.TrainRows {
		side[row]++
	}
	for row, n := range side {
		if n != 1 {
			t.Errorf("row %d is on %d sides", row, n)
		}
	}
	if fmt.Sprint(of) != "[15 15 15 15]" {
		t.Errorf("rows of each class to test on: %v of 50, want 15", of)
	}
}

// TestRefused names what is wrong and what to do.
func TestRefused(t *testing.T) {
	rows, labels := mixture(t, 20, 30, 2, 1)
	nan := float32(math.NaN())
	fit := func(labels []int, m probe.Method, s probe.Split) error {
		_, err := probe.Fit(rows, labels, m, s)
		return err
	}
	with := func(at, label int) []int {
		out := append([]int{}, labels...)
		out[at] = label
		return out
	}
	second := func(_ any, err error) error { return err }
	for want, err := range map[string]error{
		"label 3 is -1: classes are numbered from 0":                fit(with(3, -1), probe.Logistic{}, probe.Split{}),
		"label 3 is 1000000000000":                                  fit(with(3, 1e12), probe.Logistic{}, probe.Split{}),
		"no label is 2, and one is 5":                               fit(with(3, 5), probe.Logistic{}, probe.Split{}),
		"all 20 labels are 0":                                       fit(make([]int, 20), probe.Logistic{}, probe.Split{}),
		"19 labels for 20 rows":                                     fit(labels[1:], probe.Logistic{}, probe.Split{}),
		"there is one example of class 2":                           fit(with(3, 2), probe.Logistic{}, probe.Split{}),
		"leaves class 1 out of what is to train on":                 fit(labels, probe.Logistic{}, probe.Split{TrainOn: []int{0, 2}, TestOn: []int{1, 3}}),
		"leaves class 0 out of what is to test on":                  fit(labels, probe.Logistic{}, probe.Split{TrainOn: []int{0, 1}, TestOn: []int{3}}),
		"names example 1 twice":                                     fit(labels, probe.Logistic{}, probe.Split{TrainOn: []int{0, 1}, TestOn: []int{1}}),
		"TestOn names example 77, of which there is no row":         fit(labels, probe.Logistic{}, probe.Split{TrainOn: []int{0, 1}, TestOn: []int{77}}),
		"TestOn is empty":                                           fit(labels, probe.Logistic{}, probe.Split{TrainOn: []int{0, 1}}),
		"Test and Seed would do nothing":                            fit(labels, probe.Logistic{}, probe.Split{TrainOn: []int{0, 1}, TestOn: []int{2, 3}, Seed: 3}),
		"Split.Test is 1.5":                                         fit(labels, probe.Logistic{}, probe.Split{Test: 1.5}),
		"Split.Test is NaN":                                         fit(labels, probe.Logistic{}, probe.Split{Test: math.NaN()}),
		"Logistic.C is -1":                                          fit(labels, probe.Logistic{C: -1}, probe.Split{}),
		"Logistic.C is NaN":                                         fit(labels, probe.Logistic{C: math.NaN()}, probe.Split{}),
		"Ridge.Alpha is +Inf":                                       fit(labels, probe.Ridge{Alpha: math.Inf(1)}, probe.Split{}),
		"30 numbers from 14 training rows has no inverse":           fit(labels, probe.Means{Whiten: true}, probe.Split{}),
		"Means.Shrink is 2":                                         fit(labels, probe.Means{Whiten: true, Shrink: 2}, probe.Split{}),
		"Shrink would do nothing without Whiten":                    fit(labels, probe.Means{Shrink: 0.5}, probe.Split{}),
		"there is no method":                                        fit(labels, nil, probe.Split{}),
		"FirstComponent tells two classes apart, there are 3":       fit([]int{0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1}, probe.FirstComponent{}, probe.Split{}),
		"row 1 holds NaN at 0 of 2":                                 second(probe.NewRows([][]float32{{1, 2}, {nan, 2}})),
		"row 0 holds +Inf":                                          second(probe.NewRows([][]float32{{1, float32(math.Inf(1))}})),
		"row 1 has 1 numbers, row 0 has 2":                          second(probe.NewRows([][]float32{{1, 2}, {3}})),
		"has no rows":                                               second(probe.RowsOf(hooked.NewOnes("d_model", 3))),
		"LEACE of 20 rows of 30 numbers: the covariance has no inv": second(probe.LEACE(rows, labels)),
		"PCA of 20 components: 20 rows of 30 numbers have 1 to 19":  second(probe.PCA(rows, 20)),
		"all 20 targets are 2":                                      second(probe.Regress(rows, []float64{2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, probe.Ridge{}, probe.Split{})),
		"leaves 1 rows to test on":                                  second(probe.Regress(rows, ramp(20), probe.Ridge{}, probe.Split{TrainOn: []int{0, 1, 2}, TestOn: []int{3}})),
		"leaves 2 rows to test on, with targets that are all 0.1":   second(probe.Regress(rows, append(ramp(18), 0.1, 0.1), probe.Ridge{}, probe.Split{TrainOn: []int{0, 1, 2}, TestOn: []int{18, 19}})),
		"leaves 3 rows to train on":                                 second(probe.Regress(rows, append(ramp(17), 0.1, 0.1, 0.1), probe.Ridge{}, probe.Split{TrainOn: []int{17, 18, 19}, TestOn: []int{1, 2}})),
		"target 19 is NaN":                                          second(probe.Regress(rows, []float64{1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, math.NaN()}, probe.Ridge{}, probe.Split{})),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	f := must(probe.Fit(rows, labels, probe.Logistic{}, probe.Split{}))(t)
	if len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "14 training rows of 30 numbers") || f.Train.Accuracy != 1 {
		t.Errorf("fewer rows than numbers: notes %q, accuracy in training %v", f.Notes, f.Train.Accuracy)
	}
	for want, err := range map[string]error{
		"there is no class 2, only 0 to 1":                second(f.Direction(2)),
		"label 1 is 2: the probe has classes 0 to 1":      second(f.Evaluate(must(rows.Pick([]int{0, 1}))(t), []int{0, 2})),
		"have 2 numbers each, the probe was fitted on 30": second(f.Predict(must(probe.NewRows([][]float32{{1, 2}}))(t))),
		"Ridge(alpha=1) has no probabilities":             second(must(probe.Fit(rows, labels, probe.Ridge{}, probe.Split{}))(t).Probabilities(rows)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

func ramp(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = float64(i)
	}
	return out
}

// TestPickedExamples holds that labels for each example stay those of the examples that rows were
// picked of: where the last of them is left out, and where there are as many rows as examples.
func TestPickedExamples(t *testing.T) {
	rows, labels := mixture(t, 40, 3, 2, 1)
	f := must(probe.Fit(rows, labels, probe.Logistic{}, probe.Split{TrainOn: upTo(30), TestOn: upTo(40)[30:]}))(t)
	train := must(rows.Pick(f.TrainRows))(t)
	for what, picked := range map[string]*probe.Rows{"picked": train, "kept": kept(t, train), "erased": must(must(probe.LEACE(train, labels))(t).Apply(train))(t)} {
		if m := must(f.Evaluate(picked, labels))(t); m.Rows != 30 || what != "erased" && fmt.Sprint(m) != fmt.Sprint(f.Train) {
			t.Errorf("%s: %+v, want %+v", what, m, f.Train)
		}
	}
	backwards := upTo(40)
	slices.Reverse(backwards)
	got, want := must(f.Evaluate(must(rows.Pick(backwards))(t), labels))(t), must(f.Evaluate(rows, labels))(t)
	if fmt.Sprint(got.Confusion) != fmt.Sprint(want.Confusion) {
		t.Errorf("of all rows backwards %v, want %v", got.Confusion, want.Confusion)
	}
	if _, err := f.Evaluate(train, labels[:31]); err == nil || !strings.Contains(err.Error(), "31 labels for 30 rows of 40 examples") {
		t.Errorf("error %v", err)
	}
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestMethodByPointer holds that a method that is given by pointer is that method, and is kept as
// it was when it was given.
func TestMethodByPointer(t *testing.T) {
	rows, labels := mixture(t, 40, 3, 2, 1)
	logistic := &probe.Logistic{C: 2}
	for _, pair := range [][2]probe.Method{{logistic, probe.Logistic{C: 2}}, {&probe.Means{Whiten: true}, probe.Means{Whiten: true}},
		{&probe.Ridge{}, probe.Ridge{}}, {&probe.FirstComponent{}, probe.FirstComponent{}}} {
		got, want := must(probe.Fit(rows, labels, pair[0], probe.Split{}))(t), must(probe.Fit(rows, labels, pair[1], probe.Split{}))(t)
		logistic.C = 2e9
		if fmt.Sprint(got.Probe, got.Test) != fmt.Sprint(want.Probe, want.Test) || fmt.Sprint(kept(t, got).Probe) != fmt.Sprint(want.Probe) {
			t.Errorf("by pointer %v %+v, want %v %+v", got.Probe, got.Test, want.Probe, want.Test)
		}
	}
	if _, err := probe.Fit(rows, labels, (*probe.Ridge)(nil), probe.Split{}); err == nil || !strings.Contains(err.Error(), "a nil *probe.Ridge") {
		t.Errorf("error %v", err)
	}
}

// TestFirstComponent finds two classes that lie apart along the direction of greatest variance
// without their labels, whichever way it points.
func TestFirstComponent(t *testing.T) {
	rows, labels := mixture(t, 300, 20, 2, 3)
	f := must(probe.Fit(rows, labels, probe.FirstComponent{}, probe.Split{}))(t)
	other := make([]int, len(labels))
	for i, label := range labels {
		other[i] = 1 - label
	}
	g := must(probe.Fit(rows, other, probe.FirstComponent{}, probe.Split{}))(t)
	if f.Test.Accuracy < 0.95 || g.Test.Accuracy != f.Test.Accuracy {
		t.Errorf("accuracy %v, with the classes' names exchanged %v", f.Test.Accuracy, g.Test.Accuracy)
	}
	first := must(probe.PCA(must(rows.Pick(f.TrainRows))(t), 1))(t).Vectors.Float32s()
	if c := math.Abs(dot(first, must(f.Unit(1))(t).Float32s())); math.Abs(c-1) > 1e-5 {
		t.Errorf("the direction's cosine with the first component is %v", c)
	}
}
