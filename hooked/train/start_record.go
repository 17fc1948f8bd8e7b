package train

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gopherlens/hooked"
)

// A recorder keeps what others see of a training, and writes its checkpoints where nobody says
// when.
type recorder struct {
	home  home
	state stateRecord
	every int // steps between two checkpoints; 0 if the recorder decides
	user  func(*Report) error

	curve   *curveWriter
	flushed time.Time
	stepped bool // in this process

	kept []int // steps of the checkpoints that the recorder removes in time
	next time.Time
}

func newRecorder(h home, id string, cfg Config) *recorder {
	return &recorder{home: h, every: cfg.Every, user: cfg.OnStep,
		state: stateRecord{Launch: id, State: Running, Steps: cfg.Steps, Folder: cfg.Folder}}
}

// How often what is known is written.
const (
	flushInterval = 200 * time.Millisecond
	saveInterval  = 30 * time.Second
	saveShare     = 20 // writing checkpoints takes one part in so many of the time
	keptOnes      = 2
)

// begin says that the training runs, after so many steps in earlier processes.
func (r *recorder) begin(step int) (err error) {
	if err := r.adopt(); err != nil {
		return err
	}
	if r.curve, err = newCurve(r.home.file(curveFile), step); err != nil {
		return err
	}
	now := time.Now()
	r.state.Step, r.state.At, r.state.Began, r.next = step, now, now, now.Add(saveInterval)
	return r.home.writeJSON(stateFile, r.state)
}

// adopt counts the checkpoints that earlier processes have left in the training's own folder among
// those of which the last are kept.
func (r *recorder) adopt() (err error) {
	if r.state.Folder != r.home.file(checkpointsFolder) {
		return nil
	}
	if r.kept, err = stepsIn(r.state.Folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// step is the training's OnStep.
func (r *recorder) step(report *Report) error {
	if err := r.curve.add(report.Point); err != nil {
		return err
	}
	r.state.Step = report.Step
	if !r.stepped {
		r.stepped, r.state.At = true, time.Now()
		if err := r.home.writeJSON(stateFile, r.state); err != nil {
			return err
		}
	}
	due := r.every > 0 && report.Step%r.every == 0
	if now := time.Now(); due || now.Sub(r.flushed) > flushInterval {
		if err := r.flush(now); err != nil {
			return err
		}
	}
	if r.every == 0 && time.Now().After(r.next) {
		if err := r.save(report.f); err != nil {
			return err
		}
	}
	if r.user == nil {
		return nil
	}
	return r.user(report)
}

func (r *recorder) flush(now time.Time) error {
	r.flushed = now
	return r.curve.flush()
}

// save writes a checkpoint and removes those that are no longer needed.
func (r *recorder) save(f *fit) error {
	start := time.Now()
	if err := r.flush(start); err != nil {
		return err
	}
	if err := f.save(); err != nil {
		return err
	}
	r.kept = append(r.kept, f.step)
	for ; len(r.kept) > keptOnes; r.kept = r.kept[1:] {
		if err := os.RemoveAll(filepath.Join(r.state.Folder, fmt.Sprintf(stepPattern, r.kept[0]))); err != nil {
			return err
		}
	}
	took := time.Since(start)
	r.next = time.Now().Add(max(saveInterval, saveShare*took))
	return nil
}

// end says how the training has ended.
func (r *recorder) end(out *Result, failed error) error {
	err := r.curve.close()
	if out != nil {
		r.state.Step = out.Steps
	}
	r.state.Ended = time.Now()
	r.state.At = r.state.Ended
	switch {
	case failed == nil:
		r.state.State = Finished
	case errors.Is(failed, errStopped):
		r.state.State = Stopped
	default:
		r.state.State, r.state.Error, r.state.Kinds = Failed, failed.Error(), kindsOf(failed)
	}
	return errors.Join(err, r.home.writeJSON(stateFile, r.state))
}

// errorKinds are the errors that a reader of another process can still tell apart.
var errorKinds = map[string]error{
	"diverged":    ErrDiverged,
	"worker gone": hooked.ErrWorkerGone,
}

func kindsOf(err error) (kinds []string) {
	for _, kind := range slices.Sorted(maps.Keys(errorKinds)) {
		if errors.Is(err, errorKinds[kind]) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// A pastError is one of another process.
type pastError struct {
	text  string
	kinds []string
}

func (e pastError) Error() string { return e.text }

func (e pastError) Is(target error) bool {
	return slices.ContainsFunc(e.kinds, func(kind string) bool { return errorKinds[kind] == target })
}
