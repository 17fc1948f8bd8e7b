package train

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/nearest"
)

// A State is how a training stands that [Start] has begun.
type State string

const (
	Starting State = "starting" // its process has not come to the training yet
	Running  State = "running"
	Finished State = "finished" // its last step is taken, or OnStep or patience has ended it
	Stopped  State = "stopped"  // by [Training.Stop], or as the machine was shut down
	Failed   State = "failed"   // with an error
	Died     State = "died"     // its process was killed, has panicked, or went with the machine
)

// A Training is one that [Start] has begun, as it was when it was looked at: by [Find] or
// [Training.Refresh].
type Training struct {
	Name  string
	State State

	Step, Steps int     // taken, and of the whole training
	Curve       []Point // of all steps, those of earlier processes included

	Began time.Time // the last process; the zero time if none has come to train
	Ended time.Time // the zero time while it lives, and where it died
	Err   error     // why it failed or died

	Folder string // of its checkpoints, for [Checkpoints]
	Log    string // the file that its process prints to

	home  home
	known stateRecord
	curve *curveReader
}

// ErrNoTraining says that no training of the name was begun.
var ErrNoTraining = errors.New("no training of this name")

// Find is the training that [Start] has begun under the name, be it in another notebook or before
// the machine was restarted.
func Find(name string) (*Training, error) {
	h, err := homeOf(name)
	if err != nil {
		return nil, wrapped(err)
	}
	t, err := h.find()
	if errors.Is(err, ErrNoTraining) {
		names, _ := trainingNames() // for a hint
		return nil, brief.Errorf("train: Find(%q): %w%s", name, err, nearest.Hint(name, names))
	}
	if err != nil {
		return nil, brief.Errorf("train: Find(%q): %w", name, err)
	}
	return t, nil
}

func (h home) find() (*Training, error) {
	t := &Training{Name: h.name, Log: h.file(logFile), home: h, curve: &curveReader{path: h.file(curveFile)}}
	_, err := t.look()
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Trainings are all that [Start] has begun and [Remove] has not forgotten, by name. The error is of
// those whose files are damaged: the others are there beside it.
func Trainings() ([]*Training, error) {
	names, err := trainingNames()
	if err != nil {
		return nil, wrapped(err)
	}
	var all []*Training
	var failed error
	for _, name := range names {
		t, err := Find(name)
		if errors.Is(err, ErrNoTraining) {
			continue
		}
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		all = append(all, t)
	}
	return all, failed
}

func trainingNames() ([]string, error) {
	dir, err := cachedir.Join(trainingsFolder)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, err := url.PathUnescape(e.Name()); err == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Remove forgets a training: its curve, its log, and its checkpoints unless they are in a folder
// that Config.Folder named. One that is running is left alone.
func Remove(name string) error {
	if launched.pending() {
		return nil
	}
	h, err := homeOf(name)
	if err != nil {
		return wrapped(err)
	}
	if _, err := Find(name); errors.Is(err, ErrNoTraining) { // what is damaged can be removed
		return err
	}
	lock, err := h.lock()
	if errors.Is(err, errLocked) {
		return brief.Errorf("train: Remove(%q): %w: stop it first", name, ErrRunning)
	}
	if err != nil {
		return wrapped(err)
	}
	defer lock.Close()
	return os.RemoveAll(h.dir)
}

// Refresh looks at the training again.
func (t *Training) Refresh() error {
	_, err := t.refresh()
	return err
}

func (t *Training) refresh() (from int, err error) {
	from, err = t.look()
	if err != nil {
		return from, brief.Errorf("train: training %q: %w", t.Name, err)
	}
	return from, nil
}

// look reads what the training's process has written. The curve is new from index from on.
func (t *Training) look() (from int, err error) {
	alive, err := t.home.alive() // before the rest: what a dead process has written is all
	if err != nil {
		return 0, err
	}
	state, some, err := t.home.readState()
	if err != nil {
		return 0, err
	}
	var last launchRecord
	begun, err := t.home.readJSON(launchFile, &last)
	if err != nil {
		return 0, err
	}
	if launched.is(t.home) { // it is as it was when Start was called
		alive, begun = false, false
	}
	if !some && !begun {
		return 0, ErrNoTraining
	}
	if from, err = t.curve.read(); err != nil {
		return 0, err
	}
	t.Curve = t.curve.points
	t.known, t.Folder = state, state.Folder
	t.State, t.Steps, t.Began, t.Ended = state.State, state.Steps, state.Began, state.Ended
	t.Step, t.Err = t.stepOf(state), nil
	switch unseen := begun && last.ID != state.Launch; {
	case unseen && alive:
		t.State, t.Ended = Starting, time.Time{}
	case unseen:
		t.State = Failed
		t.Err = brief.Errorf("its process has ended before it trained%s", t.lastWords())
	case state.State == Running && !alive:
		t.State = Died
		t.Err = brief.Errorf("its process has ended without a word after step %d: it was killed, has panicked, or the machine was restarted; Start goes on from %s%s", t.Step, t.resumption(), t.lastWords())
	case state.Error != "":
		t.Err = pastError{state.Error, state.Kinds}
	}
	return from, nil
}

// stepOf is the step that was reached.
func (t *Training) stepOf(state stateRecord) int {
	if n := len(t.Curve); n > 0 && state.State == Running {
		return max(state.Step, t.Curve[n-1].Step)
	}
	return state.Step
}

// resumption says from where the training can be resumed.
func (t *Training) resumption() string {
	if steps, _ := stepsIn(t.Folder); len(steps) > 0 {
		return fmt.Sprintf("the checkpoint of step %d", steps[len(steps)-1])
	}
	return "the beginning, as there is no checkpoint"
}

// Of a log the end is looked through, and an error quotes so much of it.
const (
	mostLog   = 1 << 20
	mostWords = 400
)

// lastWords is the part of the log that says why the process has ended, if it does.
func (t *Training) lastWords() string {
	data, err := endOf(t.Log, mostLog)
	text := strings.TrimSpace(strings.ToValidUTF8(string(data), ""))
	if err != nil || text == "" {
		return ""
	}
	for _, word := range []string{"panic: ", "fatal error: "} {
		if at := strings.Index(text, word); at >= 0 {
			return fmt.Sprintf("; its log (%s) says: %s", t.Log, brief.Cut(text[at:], mostWords))
		}
	}
	return fmt.Sprintf("; its log (%s) ends: %s", t.Log, text[max(0, len(text)-mostWords):])
}

// endOf is the end of a file.
func endOf(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-most)
	return io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
}

// Alive reports whether the training's process lived when it was looked at.
func (t *Training) Alive() bool { return t.State == Starting || t.State == Running }

// Loss is that of the last step, NaN if there was none.
func (t *Training) Loss() float64 {
	if len(t.Curve) == 0 {
		return math.NaN()
	}
	return t.Curve[len(t.Curve)-1].Loss
}

// String tells in a line how the training stands.
func (t *Training) String() string {
	text := fmt.Sprintf("%s: %s", t.Name, t.State)
	if t.Steps > 0 {
		text += fmt.Sprintf(", step %d of %d", t.Step, t.Steps)
	}
	if len(t.Curve) > 0 {
		text += fmt.Sprintf(", loss %.4g", t.Loss())
	}
	if taken := t.Step - t.known.Step; t.State == Running && taken > 0 && t.Step < t.Steps {
		text += fmt.Sprintf(", %s left", timeLeft(time.Since(t.known.At), taken, t.Steps-t.Step))
	}
	if t.Err != nil {
		text += ": " + t.Err.Error()
	}
	return text
}

// Model is the model of the newest checkpoint, which is the final one of a training that has
// finished or was stopped. It has no tokenizer, see [hooked.Model.WithTokenizer].
func (t *Training) Model(options ...hooked.LoadOptions) (*hooked.Model, error) {
	const tries = 3 // a training that runs removes its old checkpoints
	for n := 1; ; n++ {
		all, err := t.checkpoints()
		if err != nil {
			return nil, err
		}
		m, err := all[len(all)-1].Model(options...)
		if err == nil || n == tries || !errors.Is(err, fs.ErrNotExist) {
			return m, err
		}
	}
}

func (t *Training) checkpoints() ([]Checkpoint, error) {
	if t.Folder == "" {
		return nil, brief.Errorf("train: training %q has not begun: it has no model", t.Name)
	}
	all, err := Checkpoints(t.Folder)
	if err == nil && len(all) == 0 {
		err = brief.Errorf("train: training %q has written no checkpoint yet: wait for one, or stop it, which writes one", t.Name)
	}
	return all, err
}

// How often a training is looked at by those who wait for it.
const lookInterval = 200 * time.Millisecond

// Wait waits until the training has ended, or ctx is done. The error is the training's: nil if it
// has finished or was stopped.
func (t *Training) Wait(ctx context.Context) error {
	if err := t.follow(ctx, nil); err != nil {
		return err
	}
	if t.Err != nil {
		return brief.Errorf("train: training %q: %w", t.Name, t.Err)
	}
	return nil
}

// Stop ends the training after the step that it is taking, and waits for it: its model is kept, and
// Start goes on with it. One that is still [Starting] may end before it trains, and then is
// [Failed] and keeps what earlier processes have reached. One that does not live is left as it is.
func (t *Training) Stop(ctx context.Context) error {
	if launched.pending() {
		return nil
	}
	for {
		if err := t.Refresh(); err != nil || !t.Alive() {
			return err
		}
		err := t.home.terminate()
		if err == nil {
			return t.follow(ctx, nil)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return brief.Errorf("train: stopping training %q: %w", t.Name, err)
		}
		if err := pause(ctx); err != nil { // its process is just being begun
			return err
		}
	}
}

// pause waits a little, or until ctx is done.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(lookInterval):
		return nil
	}
}

// terminate tells the training's process, which was seen alive, to end.
func (h home) terminate() error {
	data, err := os.ReadFile(h.file(pidFile))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(string(data))
	if err != nil || pid < 2 {
		return brief.Errorf("%s holds no number of a process", h.file(pidFile))
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// Watch draws the training's curve as it grows, until the training has ended, ctx is done, or the
// cell is interrupted: which ends the watching, not the training. The error is Watch's own; that of
// the training is in t.Err.
//
//	err := run.Watch(ctx, plots.NewLiveLine(plots.Axes{XName: "step", LogY: true}))
func (t *Training) Watch(ctx context.Context, live Live) error {
	if live == nil {
		return brief.Errorf("train: Watch of training %q has no picture to draw: give plots.NewLiveLine(plots.Axes{}), or call Wait", t.Name)
	}
	inner, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	defer live.End()
	for _, p := range t.Curve {
		p.draw(live)
	}
	err := t.follow(inner, live)
	if inner.Err() != nil && ctx.Err() == nil {
		return nil // interrupted
	}
	return err
}

// follow looks at the training until it has ended, and draws what is new.
func (t *Training) follow(ctx context.Context, live Live) error {
	for {
		from, err := t.refresh()
		if err != nil {
			return err
		}
		if live != nil {
			for _, p := range t.Curve[from:] {
				p.draw(live)
			}
		}
		if !t.Alive() {
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
