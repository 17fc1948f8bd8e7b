package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/cell"
	"gopherlens/internal/wholefile"
	"gopherlens/resident"
)

// A launch is what this process was begun for by [Start] in another: to train.
type launch struct {
	dir, id string
	lock    *os.File // for as long as the process lives
	taken   atomic.Bool
	trains  atomic.Bool
}

// launched is nil in every process but those.
var launched = takeLaunch()

// insideEnv is set in the process of a training and in all that come of it. None of them begins
// another: that one would do the same, and so on.
const insideEnv = "GOPHERLENS_INSIDE_TRAINING"

// inside is looked up before a program can change its environment.
var inside = os.Getenv(insideEnv) != ""

// mayBegin refuses in a process that comes of a training.
func mayBegin() error {
	if launched != nil || inside || os.Getenv(insideEnv) != "" {
		return brief.Errorf("this process was begun by a training, and none of those begins another")
	}
	return nil
}

// begin begins a process that trains. Nothing else in the package begins one.
func begin(cmd *exec.Cmd) error {
	if err := mayBegin(); err != nil {
		return err
	}
	cmd.Env = append(cmd.Environ(), insideEnv+"=1")
	return cmd.Start()
}

// takeLaunch looks what the process is for, before anything else does.
func takeLaunch() *launch {
	l := &launch{dir: os.Getenv(homeEnv), id: os.Getenv(launchEnv)}
	if l.dir == "" && l.id == "" {
		return nil
	}
	worker := os.Getenv(workerEnv)
	for _, name := range []string{homeEnv, launchEnv, workerEnv} {
		os.Unsetenv(name) // what this process begins is no training
	}
	h := home{dir: l.dir}
	l.lock = os.NewFile(lockFD, h.file(lockName))
	if !isFile(l.lock, h.file(lockName)) || syscall.Flock(lockFD, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		// as an ordinary program it would begin the training once more
		giveUp(brief.Errorf("this process was begun to train in %s, and does not hold its lock", l.dir))
	}
	syscall.CloseOnExec(lockFD)
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	syscall.Setpriority(syscall.PRIO_PGRP, 0, 10) // failing that, it is as important as others
	cell.Is()                                     // reads the cell's source before the next cell overwrites it
	os.Unsetenv("GONB_TMP_DIR")
	if worker != "" {
		os.Setenv(resident.DirEnv, worker)
		os.Setenv(resident.WatchEnv, strconv.Itoa(os.Getpid()))
	}
	if err := wholefile.WriteSoon(h.file(pidFile), 0o600, []byte(strconv.Itoa(os.Getpid()))); err != nil {
		giveUp(err)
	}
	return l
}

func giveUp(err error) {
	fmt.Fprintln(os.Stderr, "train:", err)
	os.Exit(1)
}

// take reports whether the process is to train this, to the first who asks.
func (l *launch) take(h home) bool { return l.dir == h.dir && l.taken.CompareAndSwap(false, true) }

// is reports whether the process is to train this, and does not yet.
func (l *launch) is(h home) bool { return l.pending() && l.dir == h.dir }

// pending reports whether the process is on its way to a training: what it does before is a
// repetition of what the process has done that has begun it.
func (l *launch) pending() bool { return l != nil && !l.trains.Load() }

// errStopped is why a training ends that is told to.
var errStopped = errors.New("it was told to stop")

// train trains and ends the process. What it prints is in the training's log.
func (l *launch) train(m *hooked.Model, cfg Config) {
	if err := l.run(m, cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (l *launch) run(m *hooked.Model, cfg Config) error {
	h := home{dir: l.dir}
	defer os.Remove(h.file(programFile))
	ctx, stop := context.WithCancelCause(context.Background())
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	go func() {
		<-told
		stop(errStopped)
	}()
	cfg, err := h.settled(cfg)
	if err != nil {
		return wrapped(err)
	}
	r := newRecorder(h, l.id, cfg)
	cfg.OnStep = r.step
	f, err := newFit(m, cfg)
	if err != nil {
		return wrapped(err)
	}
	claim := func() error { return nil }
	if hasRun(cfg.Folder) {
		if err := f.load(); err != nil {
			return wrapped(err)
		}
	} else {
		claim = f.newFolder
	}
	out, err := f.run(ctx, func() error {
		if err := claim(); err != nil {
			return err
		}
		if err := r.begin(f.step); err != nil {
			return err
		}
		l.trains.Store(true)
		return nil
	})
	if !l.trains.Load() {
		return err
	}
	return errors.Join(err, r.end(out, err))
}
