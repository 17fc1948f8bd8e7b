package setup

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"gopherlens/internal/progress"
)

// A Setup is what the steps work on.
type Setup struct {
	Repo   Repo
	Status *progress.Status

	// Self is the gopherlens command's path. Steps that may crash or hang, such
	// as opening a plugin, run it as a child.
	Self string

	// XLA tells whether that command has XLA in it, which takes a C compiler. It is
	// the resident worker too: without XLA there, notebooks compute in pure Go.
	XLA bool

	// Plugins names the plugins that are wanted beside the one for the CPU: [CheckPlugins].
	Plugins []string

	// detail, a func() string, says how far the running step is.
	detail atomic.Value
}

// tell makes detail what the status line adds to the running step's name.
func (s *Setup) tell(detail func() string) { s.detail.Store(detail) }

// told is what the status line adds.
func (s *Setup) told() string { return s.detail.Load().(func() string)() }

// A step is one thing that set-up puts in place.
type step struct {
	name  string
	where func(*Setup) (string, error) // the file or folder that it makes
	skip  func(*Setup) (why string)    // not empty where the step does not apply
	done  func(context.Context, *Setup) (bool, error)
	do    func(context.Context, *Setup) error

	// optional says what happens without it. A step that fails and is not
	// optional ends set-up.
	optional string

	// untried is set where nobody has run what it installs.
	untried bool
}

// steps lists set-up's work. Those below need what those above install.
var steps = slices.Concat([]step{
	{name: "JupyterLab", where: wherePython, done: pythonDone, do: installPython},
	{name: "exports to Markdown", where: whereExports, done: exportsDone, do: installExports},
	{name: "GoNB and goimports", where: whereTools, done: toolsDone, do: installTools},
	{name: "Jupyter kernel for Go", where: whereKernel, done: kernelDone, do: installKernel},
	{name: "packages that cells use", where: whereCells, done: cellsDone, do: compileCells, optional: "the first cell takes half a minute"},
}, pluginSteps(), []step{
	{name: "model " + DefaultModel.Name, where: DefaultModel.where, done: DefaultModel.done, do: DefaultModel.install},
})

// Run puts in place whatever is missing. It returns the first error of a step
// that is not optional.
func (s *Setup) Run(ctx context.Context) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	worked := false
	for _, step := range steps {
		did, err := s.run(ctx, step)
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		worked = worked || did
	}
	if !worked {
		s.Status.Printf("set-up is complete: nothing to do\n")
	}
	return nil
}

// run does one step if it is not done and tells whether there was work.
func (s *Setup) run(ctx context.Context, step step) (worked bool, err error) {
	if step.skip != nil {
		if why := step.skip(s); why != "" {
			return false, nil
		}
	}
	done, err := step.done(ctx, s)
	if err != nil || done {
		return false, err
	}
	s.Status.Printf("%s\n", step.name)
	s.tell(func() string { return "" })
	stop := s.Status.Watch(step.name, s.told)
	err = step.do(ctx, s)
	elapsed := stop()
	if err == nil {
		s.Status.Printf("  done in %.1f s\n", elapsed.Seconds())
		return true, nil
	}
	if step.optional == "" || ctx.Err() != nil {
		return true, err
	}
	s.Status.Printf("  not installed: %v\n  without it %s; the next set-up tries again\n", err, step.optional)
	return true, nil
}

// A State tells how one step stands.
type State struct {
	Name     string
	Where    string // the file or folder that the step makes
	Done     bool
	Skipped  string // why the step does not apply, if it does not
	Optional string // what happens without it, if set-up can do without
	Untried  bool   // whether nobody has run what it installs
	Err      error  // why its state cannot be told
}

// States tells how every step stands. It changes nothing.
func (s *Setup) States(ctx context.Context) []State {
	var states []State
	for _, step := range steps {
		state := State{Name: step.name, Optional: step.optional, Untried: step.untried}
		state.Where, state.Err = step.where(s)
		if step.skip != nil {
			state.Skipped = step.skip(s)
		}
		if state.Err == nil {
			state.Done, state.Err = step.done(ctx, s)
		}
		states = append(states, state)
	}
	return states
}
