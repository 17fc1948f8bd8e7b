package fit_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/fit"
	"gopherlens/internal/golden"
)

// A row is drawn as often as the square of its loss says.
func TestDrawn(t *testing.T) {
	draws := make([]float32, 1400)
	for i := range draws {
		draws[i] = (float32(i) + 0.5) / 1400
	}
	counts := make([]int, 4)
	for _, row := range fit.DrawnOf(golden.PureGo(t), []float32{1, 0, 3, 2}, draws) { // squares 1, 0, 9, 4 of 14
		counts[row]++
	}
	if !slices.Equal(counts, []int{100, 0, 900, 400}) {
		t.Errorf("four rows are drawn %v times, want 100, 0, 900, 400", counts)
	}
}

// deadStart are a dictionary's first weights; the first three of its features can never be active.
func deadStart(t *testing.T) *dictionary.Dictionary {
	t.Helper()
	shape := func(seed int64, rows, columns int) *hooked.Array {
		return &hooked.Array{Shape: []int{rows, columns}, Data: hooked.NewNormal(seed, "row column", rows, columns).Scale(0.3).Float32s()}
	}
	w := hooked.StateDict{"W_enc": shape(1, toyWidth, toyFeatures), "W_dec": shape(2, toyFeatures, toyWidth), "b_enc": hooked.NewArray(toyFeatures),
		"b_dec": hooked.NewArray(toyWidth)}
	for i := range w["b_dec"].Data {
		w["b_dec"].Data[i] = 0.3
	}
	for i := range 3 {
		w["b_enc"].Data[i] = -1000
	}
	return hooked.Must(dictionary.New(dictionary.Config{Kind: dictionary.Standard, Features: toyFeatures, DIn: toyWidth, DOut: toyWidth, SubtractBias: true,
		Hook: toySite, HookOut: toySite}, w))
}

// Dead features point at activations of the step's batch, with the lengths of the living ones, and
// count as alive; those that live are left alone. The rate is so small that the step itself is
// nothing.
func TestResample(t *testing.T) {
	x := toy(512)
	var batches [][]float32
	for b := range slices.Chunk(x.Data, 64*toyWidth) {
		batches = append(batches, b)
	}
	start := deadStart(t)
	c := toyConfig(dictionary.Standard)
	c.Init, c.Steps, c.Batch, c.DeadAfter, c.LearningRate = fit.Init{From: start}, 8, 64, 2, 1e-12
	c.Resample = fit.Resampling{Every: 4}
	var w map[string]*hooked.Array
	c.OnStep = func(r *fit.Report) (err error) {
		if want := map[int]int{4: 3}[r.Step]; r.Resampled != want {
			t.Errorf("step %d gives %d features a new start, want %d", r.Step, r.Resampled, want)
		}
		// dead after steps 3 and 4 not being active, and alive for two steps when they begin anew
		if want := map[int]int{3: 3, 7: 3, 8: 3}[r.Step]; r.Step != 4 && r.Step < 6 && r.Dead != want {
			t.Errorf("%d features are dead after step %d, want %d", r.Dead, r.Step, want)
		}
		if r.Step == 4 {
			w, err = fit.VariablesOf(r)
		}
		return err
	}
	if _, err := fit.RunOn(context.Background(), golden.PureGo(t), fit.FromBatches(toySite, toyWidth, batches), c); err != nil {
		t.Fatal(err)
	}
	norm := func(name string, feature int) float64 {
		sum := 0.0
		for j := range toyWidth {
			v := entry(w, name, feature, j)
			sum += v * v
		}
		return math.Sqrt(sum)
	}
	decoders, encoders := 0.0, 0.0
	for i := 3; i < toyFeatures; i++ {
		decoders, encoders = decoders+norm("W_dec", i)/(toyFeatures-3), encoders+norm("W_enc", i)/(toyFeatures-3)
		for j := range toyWidth {
			if got, want := entry(w, "W_dec", i, j), float64(start.Weights["W_dec"].At(i, j).Item()); math.Abs(got-want) > 1e-6 {
				t.Fatalf("the decoder of feature %d, which lives, went from %v to %v", i, want, got)
			}
		}
	}
	for i := range 3 {
		if got := norm("W_dec", i); math.Abs(got-decoders) > 1e-5 {
			t.Errorf("the decoder of feature %d has length %v, the living ones %v", i, got, decoders)
		}
		if got := norm("W_enc", i); math.Abs(got-0.2*encoders) > 1e-5 {
			t.Errorf("the encoder of feature %d has length %v, the living ones %v", i, got, encoders)
		}
		if b := w["b_enc"].Data[i]; math.Abs(float64(b)) > 1e-6 {
			t.Errorf("the bias of feature %d is %v", i, b)
		}
		if cos := nearest(w, i, batches[3]); cos < 1-1e-5 {
			t.Errorf("feature %d has a cosine of %v with the nearest activation of its batch", i, cos)
		}
	}
}

// entry is a number of a feature's decoder or encoder.
func entry(w map[string]*hooked.Array, name string, feature, j int) float64 {
	if name == "W_enc" {
		return float64(w[name].Data[j*toyFeatures+feature])
	}
	return float64(w[name].Data[feature*toyWidth+j])
}

// nearest is the largest cosine of a feature's direction with an activation less b_dec; that of the
// encoder must be the same.
func nearest(w map[string]*hooked.Array, feature int, batch []float32) float64 {
	best := -1.0
	for row := range slices.Chunk(batch, toyWidth) {
		xx, least := 0.0, 1.0
		for _, v := range row {
			xx += (float64(v) - 0.3) * (float64(v) - 0.3)
		}
		for _, name := range []string{"W_dec", "W_enc"} {
			xw, ww := 0.0, 0.0
			for j, v := range row {
				e := entry(w, name, feature, j)
				xw, ww = xw+(float64(v)-0.3)*e, ww+e*e
			}
			least = min(least, xw/math.Sqrt(xx*ww))
		}
		best = max(best, least)
	}
	return best
}

// Features that begin where nothing is come back by resampling, and only by it.
func TestResampleRevives(t *testing.T) {
	be := golden.PureGo(t)
	dead := func(every int) int {
		c := toyConfig(dictionary.Standard)
		c.Init, c.Steps, c.Resample.Every = fit.Init{From: deadStart(t)}, 200, every
		out, err := fit.RunOn(context.Background(), be, toySource(), c)
		if err != nil {
			t.Fatal(err)
		}
		return out.Curve[len(out.Curve)-1].Dead
	}
	if without, with := dead(0), dead(25); without < 3 || with > 0 {
		t.Errorf("%d features are dead without resampling, %d with it", without, with)
	}
}

// A training that resamples comes to the same weights when it was interrupted.
func TestResampleResumes(t *testing.T) {
	be := golden.PureGo(t)
	c := toyConfig(dictionary.Standard)
	c.Init, c.Steps, c.DeadAfter, c.Resample = fit.Init{From: deadStart(t)}, 12, 2, fit.Resampling{Every: 4, Until: 8}
	whole, err := fit.RunOn(context.Background(), be, toySource(), c)
	if err != nil {
		t.Fatal(err)
	}
	rest := interrupted(t, be, c, 3, 3)
	if rest.Curve[0].Step != 4 || rest.Curve[0].Resampled != 3 {
		t.Errorf("step %d gave %d features a new start", rest.Curve[0].Step, rest.Curve[0].Resampled)
	}
	for name, w := range whole.Dictionary.Weights {
		if !slices.Equal(w.Float32s(), rest.Dictionary.Weights[name].Float32s()) {
			t.Errorf("%s differs", name)
		}
	}
}
