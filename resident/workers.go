package resident

import (
	"errors"
	"path/filepath"
	"slices"
	"sync"
)

// A Worker is one of this user's, of any session.
type Worker struct {
	Dir      string // the folder of its socket and log
	PID      int
	Own      bool   // this session's
	Memory   int64  // bytes of the machine's memory that its process takes, 0 where that is not known
	Notebook string // whose kernel it serves, where Jupyter says so
	State    State  // what it holds
	Err      error  // why that cannot be told: it does not answer, or is of another build
}

// Workers asks all of this user's workers what they hold: notebooks have one each, and so
// have terminals. This session's comes first. None is started.
func Workers() ([]Worker, error) {
	own, err := find()
	if err != nil {
		return nil, err
	}
	dirs := workerDirs()
	slices.Sort(dirs)
	dirs = slices.DeleteFunc(dirs, func(dir string) bool { return realPath(dir) == realPath(own.dir) })
	dirs = append([]string{own.dir}, dirs...)
	found := make([]*Worker, len(dirs))
	var wg sync.WaitGroup // one that is suspended must not keep the others waiting
	for i, dir := range dirs {
		wg.Go(func() { found[i] = lookAt(dir, i == 0) })
	}
	wg.Wait()
	var workers []Worker
	for _, w := range found {
		if w != nil {
			workers = append(workers, *w)
		}
	}
	return workers, nil
}

// notebookEnv is where Jupyter's server names a kernel's notebook: jupyter_server, get_kernel_env.
const notebookEnv = "JPY_SESSION_NAME"

// Stop ends the worker, as [Stop] does this session's.
func (w Worker) Stop() error { return place{dir: w.Dir}.stop() }

// realPath is a folder's name without links in it, where that can be told.
func realPath(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	return path
}

// lookAt asks the worker of a folder, and returns nil if there is none.
func lookAt(dir string, own bool) *Worker {
	where := place{dir: dir}
	w := &Worker{Dir: dir, Own: own}
	if w.Err = noWorker(checkPrivate(dir)); w.Err == nil {
		w.PID, w.State, w.Err = where.look()
	}
	if w.PID > 0 {
		w.Memory, w.Notebook = memoryOf(w.PID), variableOf(w.PID, notebookEnv)
	}
	if errors.Is(w.Err, ErrNoWorker) {
		return nil
	}
	return w
}
