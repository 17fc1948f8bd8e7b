package train

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gomlx/compute"

	"gopherlens/internal/backend"
	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/wholefile"
	"gopherlens/resident"
)

// A home is the folder in the user's cache that holds all of a training that [Start] has begun:
//
//	lock          locked as long as the training's process lives, by the system
//	launch.json   which process was begun last
//	pid           its number
//	program       the program that it runs
//	log           what it prints
//	state.json    what is known of the training since it has begun
//	curve.csv     its steps
//	checkpoints/  its checkpoints, unless Config.Folder is another
//	worker-*/     the socket and the log of its resident worker
type home struct{ name, dir string }

const (
	trainingsFolder   = "trainings" // in the cache
	lockName          = "lock"
	launchFile        = "launch.json"
	pidFile           = "pid"
	programFile       = "program"
	logFile           = "log"
	stateFile         = "state.json"
	curveFile         = "curve.csv"
	checkpointsFolder = "checkpoints"
	workerFolders     = "worker-"
)

// longestName is what a folder's name has room for, each byte written as %xx.
const longestName = 80

func homeOf(name string) (home, error) {
	if name == "" || len(name) > longestName || strings.HasPrefix(name, ".") {
		return home{}, brief.Errorf("a training called %q: want a name of 1 to %d bytes that begins with no dot", name, longestName)
	}
	dir, err := cachedir.Join(trainingsFolder, url.PathEscape(name))
	return home{name, dir}, err
}

func (h home) file(name string) string { return filepath.Join(h.dir, name) }

// A launchRecord is what is kept of a process that was begun.
type launchRecord struct {
	ID string
	At time.Time
}

// A stateRecord is what is kept of a training that has begun.
type stateRecord struct {
	Launch string // of the process
	State  State
	Step   int       // taken
	At     time.Time // when that was; while it runs, its first step, before which it compiles
	Steps  int       // of the whole training
	Began  time.Time
	Ended  time.Time
	Folder string // of the checkpoints
	Error  string
	Kinds  []string // of the error, see errorKinds
}

func (h home) readState() (r stateRecord, some bool, err error) {
	some, err = h.readJSON(stateFile, &r)
	return r, some, err
}

func (h home) readJSON(name string, to any) (some bool, err error) {
	data, err := os.ReadFile(h.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		return false, brief.Errorf("%s: %w", h.file(name), err)
	}
	return true, nil
}

// writeJSON writes a file that others see whole or not at all.
func (h home) writeJSON(name string, value any) error {
	data, err := json.MarshalIndent(value, "", "\t")
	if err != nil {
		return err
	}
	return wholefile.WriteBytes(h.file(name), 0o600, data)
}

var errLocked = errors.New("locked by another process")

// lock takes the lock that says that a training lives, and at once removes what an earlier process
// has left: whoever sees the lock held must not find that one's number. Whoever looks whether it
// does holds it for a moment, and so does a process that has said how its training ended.
func (h home) lock() (*os.File, error) {
	const short, long = 200 * time.Millisecond, 10 * time.Second
	for start := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(h.file(lockName), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && isFile(f, h.file(lockName)) {
			if err := h.clear(); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return f, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, brief.Errorf("locking %s: %w", h.file(lockName), err)
		}
		if waited := time.Since(start); waited > long || waited > short && !h.ended() {
			return nil, errLocked
		}
	}
}

// ended reports whether the last process has said how its training ended.
func (h home) ended() bool {
	state, some, _ := h.readState()
	var last launchRecord
	begun, _ := h.readJSON(launchFile, &last)
	return some && begun && state.State != Running && state.Launch == last.ID
}

// alive reports whether the training's process lives.
func (h home) alive() (bool, error) {
	f, err := os.Open(h.file(lockName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// isFile reports whether an open file still is the one of this path.
func isFile(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// What tells the process what it was begun for.
const (
	homeEnv   = "GOPHERLENS_TRAINING"
	launchEnv = "GOPHERLENS_TRAINING_LAUNCH"
	workerEnv = "GOPHERLENS_TRAINING_WORKER" // the folder of its resident worker
	lockFD    = 3
)

// command is the process that trains: this program once more, in a session of its own, so that no
// signal for the notebook reaches it.
func (h home) command(id string, lock *os.File) (*exec.Cmd, error) {
	if err := h.copyProgram(); err != nil {
		return nil, brief.Errorf("copying the program, as a notebook's cell is overwritten by the next: %w", err)
	}
	env, err := h.environment(id)
	if err != nil {
		return nil, err
	}
	return &exec.Cmd{
		Path: h.file(programFile), Args: os.Args, Env: env, Dir: firstDir,
		ExtraFiles:  []*os.File{lock},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}, nil
}

// firstDir is where this process was begun, and where what it does can be done again.
var firstDir, _ = os.Getwd() // failing that, where it is by then

// clear removes what an earlier process has left.
func (h home) clear() error {
	left, err := filepath.Glob(h.file(workerFolders + "*"))
	if err != nil {
		return err
	}
	for _, path := range append(left, h.file(pidFile)) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

func (h home) copyProgram() error {
	source := "/proc/self/exe" // also where the file has been replaced
	if _, err := os.Stat(source); err != nil {
		if source, err = os.Executable(); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	return wholefile.WriteSoon(h.file(programFile), 0o700, data)
}

// environment leaves out the notebook, into whose pipes the process must not write, and gives it a
// resident worker of its own where this process uses one: the notebook's ends with the kernel.
func (h home) environment(id string) ([]string, error) {
	own := map[string]string{homeEnv: h.dir, launchEnv: id, "GONB_PIPE": "", "GONB_PIPE_BACK": ""}
	cache, err := cachedir.Root()
	if err != nil {
		return nil, err
	}
	own[cachedir.Variable] = cache // which may have been relative to another folder
	choice, err := backend.Choose()
	if err != nil {
		return nil, err
	}
	if choice.Name() == resident.Name {
		own[compute.ConfigEnvVar] = choice.Config
		if own[workerEnv], err = h.workerFolder(); err != nil {
			return nil, err
		}
	}
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if _, ok := own[name]; !ok {
			env = append(env, kv)
		}
	}
	for name, value := range own {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env, nil
}

// longestSocketFolder is what a socket's path leaves for its folder.
const longestSocketFolder = 80

// workerFolder is a new folder for a worker's socket.
func (h home) workerFolder() (string, error) {
	if len(h.dir) > longestSocketFolder-20 {
		return os.MkdirTemp("", "gopherlens-training-")
	}
	return os.MkdirTemp(h.dir, workerFolders)
}
