package train

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// tiny is a model for the examples of tinySums.
func tiny(t *testing.T, be compute.Backend) *hooked.Model {
	t.Helper()
	m, err := hooked.New(hooked.Config{NLayers: 1, DModel: 8, NHeads: 1, DHead: 8, AttnOnly: true, NCtx: 3, DVocab: 6, DVocabOut: 5,
		InitMode: "gpt2", InitializerRange: 0.2}, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func tinySums(t *testing.T, steps int) Config {
	t.Helper()
	b, err := ModularAddition(5)
	if err != nil {
		t.Fatal(err)
	}
	return Config{Data: b.Shuffled(8, 1), Loss: CrossEntropy("sum", -1), Steps: steps, LearningRate: 1e-2}
}

// recorded is a training whose recorder writes a checkpoint after each step, and which goes on
// after so many steps.
func recorded(t *testing.T, h home, before, steps int, do func(r *recorder, report *Report)) {
	t.Helper()
	m, cfg := tiny(t, golden.PureGo(t)), tinySums(t, steps)
	cfg.Folder = h.file(checkpointsFolder)
	r := newRecorder(h, "1", cfg)
	if err := r.begin(before); err != nil {
		t.Fatal(err)
	}
	cfg.OnStep = func(report *Report) error {
		if err := r.step(report); err != nil {
			return err
		}
		do(r, report)
		return nil
	}
	begin := Run
	if before > 0 {
		begin = Resume
	}
	out, err := begin(context.Background(), m, cfg)
	if err := r.end(out, err); err != nil {
		t.Fatal(err)
	}
}

// TestRecorderKeepsTwo holds that of the checkpoints which nobody asked for the last two are kept.
func TestRecorderKeepsTwo(t *testing.T) {
	h := home{"test", t.TempDir()}
	recorded(t, h, 0, 7, func(r *recorder, report *Report) {
		if report.Step < 7 {
			if err := r.save(report.f); err != nil {
				t.Error(err)
			}
		}
	})
	if steps, err := stepsIn(h.file(checkpointsFolder)); err != nil || !reflect.DeepEqual(steps, []int{5, 6, 7}) {
		t.Errorf("checkpoints of steps %v, %v: want the last two and that of the end", steps, err)
	}
	state, some, err := h.readState()
	if err != nil || !some || state.State != Finished || state.Step != 7 {
		t.Errorf("%+v, %t, %v", state, some, err)
	}
	recorded(t, h, 7, 9, func(r *recorder, report *Report) { // another process
		if report.Step == 8 {
			if err := r.save(report.f); err != nil {
				t.Error(err)
			}
		}
	})
	if steps, err := stepsIn(h.file(checkpointsFolder)); err != nil || !reflect.DeepEqual(steps, []int{7, 8, 9}) {
		t.Errorf("gone on: checkpoints of steps %v, %v", steps, err)
	}
}

// TestCurveFile holds that a curve is read as it was written, whatever its numbers; that the half
// line of a writer that was killed is not read, and that a curve which begins anew is read anew.
func TestCurveFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), curveFile)
	points := []Point{
		{Step: 1, Loss: 1.0 / 3, GradientNorm: math.SmallestNonzeroFloat64, LearningRate: 1e-300, Tokens: 1 << 40},
		{Step: 2, Loss: math.MaxFloat64, Eval: map[string]float64{"loss": math.Inf(1), "a \"name\",\nof two lines": -0.1}},
		{Step: 3, Loss: 3},
	}
	w, err := newCurve(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		if err := w.add(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	r := curveReader{path: path}
	if from, err := r.read(); err != nil || from != 0 || !reflect.DeepEqual(r.points, points) {
		t.Errorf("from %d: %+v, %v", from, r.points, err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("4,2,0,0")
	if from, err := r.read(); err != nil || from != 3 || len(r.points) != 3 {
		t.Errorf("half a line: from %d, %d points, %v", from, len(r.points), err)
	}
	f.WriteString(",0\n")
	if from, err := r.read(); err != nil || from != 3 || len(r.points) != 4 {
		t.Errorf("the other half: from %d, %d points, %v", from, len(r.points), err)
	}
	f.WriteString("5,2,0")
	f.Close()
	if w, err = newCurve(path, 2); err != nil {
		t.Fatal(err)
	}
	w.add(Point{Step: 3, Loss: 4})
	w.close()
	want := append(points[:2:2], Point{Step: 3, Loss: 4})
	if from, err := r.read(); err != nil || from != 0 || !reflect.DeepEqual(r.points, want) {
		t.Errorf("gone on after step 2: from %d: %+v, %v", from, r.points, err)
	}
	os.WriteFile(path, []byte("6,much,0,0,0\n"), 0o600)
	if _, err := (&curveReader{path: path}).read(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged file: %v", err)
	}
}

// TestPastError holds that what stopped another process can be told apart, as in this one.
func TestPastError(t *testing.T) {
	err := wrapped(ErrDiverged)
	past := pastError{err.Error(), kindsOf(err)}
	if !errors.Is(past, ErrDiverged) || errors.Is(past, hooked.ErrWorkerGone) || past.Error() != err.Error() {
		t.Errorf("%v of kinds %v", past, past.kinds)
	}
}
