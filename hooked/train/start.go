package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/cell"
)

// Errors that [Start] returns beside a training that needs no start.
var (
	ErrRunning  = errors.New("a training of this name is running")
	ErrFinished = errors.New("a training of this name has finished")
)

// Start trains as [Run] does, but in a process of its own, which goes on when the notebook's cell
// has ended or was interrupted, and when kernel and browser are closed. Any cell or program of this
// user finds it by its name: see [Find]. Start returns once the process has come to its first step,
// or after half a minute, when the training may still be [Starting].
//
//	%%
//	run, err := train.Start("addition", model, cfg)
//	if errors.Is(err, train.ErrRunning) || errors.Is(err, train.ErrFinished) {
//		err = nil // the cell is run again: run is what it began before
//	}
//
// A training of the name that was stopped, failed or died goes on from its newest checkpoint, as
// [Resume] does; one that has finished goes on if more steps are asked for, and otherwise is
// returned beside [ErrFinished]. While one is running, Start leaves it alone and returns it beside
// [ErrRunning]. [Remove] forgets one.
//
// Data, losses and edits are Go functions, which no other process can be handed. So Start begins
// the same program once more, and there the call of Start with this name trains and does not
// return. What the program does before that call is done there, too: what a notebook declares is
// initialised, as in every cell, and what stands above Start in the cell is run a second time. What
// it prints goes to [Training.Log], figures are not shown, any other Start only finds its training,
// and [Training.Stop] and [Remove] do nothing. So Start comes first below %% and stands in no
// declaration, and whether it is called must not depend on chance or on the time.
//
// The process computes on the same kind of backend as this one, in a resident worker of its own
// where this one uses a worker, and leaves processors to others that want them (nice 10).
//
// Config.Folder is one of Start's own unless given. Unless Config.Every says otherwise, a
// checkpoint is written about twice a minute, and the last two are kept.
func Start(name string, m *hooked.Model, cfg Config) (*Training, error) {
	h, err := homeOf(name)
	if err != nil {
		return nil, wrapped(err)
	}
	if launched != nil {
		if launched.take(h) {
			launched.train(m, cfg)
		}
		return Find(name)
	}
	t, err := h.start(m, cfg)
	if err != nil {
		return t, brief.Errorf("train: Start(%q): %w", name, err)
	}
	return t, nil
}

func (h home) start(m *hooked.Model, cfg Config) (*Training, error) {
	if v, ok := cell.Initialiser(0); ok {
		return nil, brief.Errorf("it stands in the declaration of %s, which every later cell runs again: put it below %%%%", brief.Names(v.Names))
	}
	if err := mayBegin(); err != nil {
		return nil, err
	}
	cfg, err := h.settled(cfg)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(h.dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := h.lock()
	if errors.Is(err, errLocked) {
		return h.beside(ErrRunning, "train.Find(%q) follows it, and its Stop ends it", h.name)
	}
	if err != nil {
		return nil, err
	}
	defer lock.Close() // the other process has it, too
	err = h.check(m, cfg)
	if errors.Is(err, ErrFinished) {
		lock.Close() // or it would seem to live
		return h.beside(ErrFinished, "ask for more Steps to go on, or begin anew after train.Remove(%q)", h.name)
	}
	if err != nil {
		return nil, err
	}
	return h.launch(lock)
}

// beside is the training that needs no start, beside an error that says why and what can be done.
func (h home) beside(why error, format string, args ...any) (*Training, error) {
	t, err := h.find()
	if err != nil {
		return nil, brief.Errorf("%w (%w)", why, err)
	}
	return t, brief.Errorf("%w: %s; %s", why, t, fmt.Sprintf(format, args...))
}

// settled is a configuration as the training process follows it.
func (h home) settled(cfg Config) (Config, error) {
	if cfg.Live != nil {
		return cfg, brief.Errorf("Config.Live would grow in a process that has no notebook: leave it out, and call Watch of what Start returns")
	}
	if cfg.Progress != nil {
		return cfg, brief.Errorf("Config.Progress would draw lines into a log without end: leave it out, and print or Watch what Start returns")
	}
	if cfg.Folder == "" {
		cfg.Folder = h.file(checkpointsFolder)
	}
	var err error
	cfg.Folder, err = filepath.Abs(cfg.Folder)
	return cfg, err
}

// check refuses what the other process would refuse, before it is begun.
func (h home) check(m *hooked.Model, cfg Config) error {
	f, err := newFit(m, cfg)
	if err != nil {
		return err
	}
	state, some, err := h.readState()
	if err != nil {
		return err
	}
	if some && state.State == Finished && cfg.Steps <= state.Steps {
		return ErrFinished
	}
	if some && state.Folder != cfg.Folder {
		return brief.Errorf("it was begun with the folder %s, and now is asked for %s: give the same, or begin anew after train.Remove(%q)", state.Folder, cfg.Folder, h.name)
	}
	if !hasRun(cfg.Folder) {
		return f.checkFirst()
	}
	record, err := readRecord(cfg.Folder)
	if err == nil {
		err = record.same(f.record())
	}
	if err != nil {
		return brief.Errorf("%w; train.Remove(%q) forgets what was trained under this name", err, h.name)
	}
	if steps, _ := stepsIn(cfg.Folder); len(steps) > 0 && steps[len(steps)-1] >= cfg.Steps {
		return ErrFinished // or died, was stopped or failed after its last step
	}
	return f.checkFirst()
}

// checkFirst looks at the first batch of the data.
func (f *fit) checkFirst() error {
	for b, err := range epochs(f.cfg.Data) {
		if err != nil {
			return brief.Errorf("the data: %w", err)
		}
		_, err := f.parts(b)
		return err
	}
	return nil
}

// hasRun reports whether a folder holds a training, which is then gone on with.
func hasRun(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, runFile))
	return err == nil
}

// beginPatience is how long Start waits for the first step.
const beginPatience = 30 * time.Second

// launch begins the other process and waits until it trains.
func (h home) launch(lock *os.File) (*Training, error) {
	id := fmt.Sprintf("%x", time.Now().UnixNano())
	cmd, err := h.command(id, lock)
	if err != nil {
		return nil, err
	}
	if err := h.writeJSON(launchFile, launchRecord{ID: id, At: time.Now()}); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(h.file(logFile), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := begin(cmd); err != nil {
		return nil, brief.Errorf("beginning the process that trains: %w", err)
	}
	lock.Close()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for patience := time.After(beginPatience); ; {
		state, some, err := h.readState()
		if err != nil {
			return nil, err
		}
		if some && state.Launch == id {
			return h.find()
		}
		select {
		case <-ended:
			return h.begun(id)
		case <-patience:
			return h.find()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// begun is a training whose process has ended already, with an error if it never came to train.
func (h home) begun(id string) (*Training, error) {
	t, err := h.find()
	if err != nil {
		return nil, err
	}
	if t.known.Launch != id {
		return t, t.Err
	}
	return t, nil
}
