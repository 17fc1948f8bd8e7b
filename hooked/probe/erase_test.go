package probe_test

import (
	"math"
	"testing"

	"gopherlens/hooked/probe"
	"gopherlens/internal/golden"
)

// TestLEACE compares what is left of activations with what the package of LEACE's authors leaves.
func TestLEACE(t *testing.T) {
	f := openFixture(t)
	rows, split := f.rows(t), f.split()
	file := golden.Open(t, "testdata/leace/golden.safetensors")
	for _, name := range []string{"y", "classes"} {
		labels := f.labels(name)
		e := must(probe.LEACE(must(rows.Pick(split.TrainOn))(t), labels[:f.NTrain]))(t)
		if want := file.Ints(name + "/rank")[0][0]; e.Rank() != want {
			t.Errorf("%s: rank %d, want %d", name, e.Rank(), want)
		}
		want, _ := file.Floats(name + "/erased")
		golden.Close(t, name, must(e.Apply(rows))(t).Float32s(), want, golden.Tolerance{Abs: 1e-5, Rel: 1e-5})
	}
}

// TestNothingIsLeft fits fresh probes of all kinds on what LEACE leaves: each answers the majority
// class, and knows no more than how frequent the classes are. Before, each does far better.
func TestNothingIsLeft(t *testing.T) {
	for _, classes := range []int{2, 4} {
		rows, labels := mixture(t, 600, 24, classes, 0.7)
		for i := range labels { // the majority class is class 1
			if i%3 == 0 {
				labels[i] = 1
			}
		}
		e := must(probe.LEACE(rows, labels))(t)
		if e.Rank() != classes-1 {
			t.Errorf("%d classes: rank %d", classes, e.Rank())
		}
		left := must(e.Apply(rows))(t)
		all := probe.Split{Test: 0.01, Seed: 1}
		for _, method := range []probe.Method{probe.Logistic{}, probe.Logistic{C: 1e4, Standardise: true}, probe.Ridge{}} {
			before := must(probe.Fit(rows, labels, method, all))(t)
			after := must(must(probe.Fit(left, labels, method, all))(t).Evaluate(left, labels))(t)
			if before.Train.Accuracy < before.Train.Majority+0.1 {
				t.Errorf("%d classes, %s: accuracy %v before, the majority has %v", classes, method, before.Train.Accuracy, before.Train.Majority)
			}
			if after.Accuracy > after.Majority+0.005 {
				t.Errorf("%d classes, %s: accuracy %v after, the majority has %v", classes, method, after.Accuracy, after.Majority)
			}
		}
		// fitted on exactly these rows, the optimum knows the frequencies and no more
		onAll := must(probe.Fit(twice(t, left), append(labels, labels...), probe.Logistic{C: 1e4}, halves(len(labels))))(t)
		if m := onAll.Test; m.Accuracy != m.Majority || math.Abs(m.LogLoss-m.MajorityLogLoss) > 1e-6 {
			t.Errorf("%d classes: accuracy %v and log loss %v, the majority has %v and %v", classes, m.Accuracy, m.LogLoss, m.Majority, m.MajorityLogLoss)
		}
	}
}

// twice are rows and the same rows again.
func twice(t testing.TB, r *probe.Rows) *probe.Rows {
	var at []int
	for i := range 2 * r.Len() {
		at = append(at, i%r.Len())
	}
	tensor := must(must(r.Pick(at))(t).Tensor())(t)
	return must(probe.RowsOf(tensor))(t)
}

// halves trains on the first n examples and tests on as many after them.
func halves(n int) (s probe.Split) {
	for i := range n {
		s.TrainOn, s.TestOn = append(s.TrainOn, i), append(s.TestOn, n+i)
	}
	return s
}

// TestLEACEChangesLittle holds that no other eraser tried changes rows as little in the metric of
// the identity: neither the null space of a probe after another, nor that of the difference of
// means, which erases what a linear probe finds as well.
func TestLEACEChangesLittle(t *testing.T) {
	rows, labels := mixture(t, 600, 24, 2, 0.7)
	changed := func(e *probe.Eraser) (sum float64) {
		left := must(e.Apply(rows))(t).Float32s()
		for i, v := range rows.Float32s() {
			sum += (float64(v) - float64(left[i])) * (float64(v) - float64(left[i]))
		}
		return sum
	}
	means := must(probe.Fit(rows, labels, probe.Means{}, probe.Split{}))(t)
	leace, other := changed(must(probe.LEACE(rows, labels))(t)), changed(must(probe.NullSpace(means.Probe))(t))
	if !(leace > 0 && leace < other) {
		t.Errorf("LEACE changes rows by %v, the null space of the difference of means by %v", leace, other)
	}
}

// TestNullSpace holds that probes see nothing in the null space of theirs, that the projection is
// orthogonal, and that a second step of INLP finds what the first has left.
func TestNullSpace(t *testing.T) {
	rows, labels := mixture(t, 600, 24, 3, 0.7)
	first := must(probe.Fit(rows, labels, probe.Logistic{}, probe.Split{}))(t)
	one := must(probe.NullSpace(first.Probe))(t)
	if one.Rank() != 2 { // the directions of three classes add up to zero
		t.Errorf("rank %d, want 2", one.Rank())
	}
	left := must(one.Apply(rows))(t)
	for i, scores := range must(first.Scores(left))(t) {
		for c, s := range scores {
			if b := must(first.Intercept(c))(t); math.Abs(s-b) > 1e-4 {
				t.Fatalf("row %d, class %d: score %v, want the intercept %v", i, c, s, b)
			}
		}
	}
	again := must(one.Apply(left))(t)
	golden.Close(t, "the projection of the projection", again.Float32s(), left.Float32s(), golden.Tolerance{Abs: 1e-4, Rel: 1e-4})
	second := must(probe.Fit(left, labels, probe.Logistic{}, probe.Split{}))(t)
	both := must(probe.NullSpace(first.Probe, second.Probe))(t)
	if both.Rank() != 4 {
		t.Errorf("rank %d of two steps, want 4", both.Rank())
	}
}
