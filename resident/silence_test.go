package resident_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/resident"
)

// suspend stops the worker as a debugger or a closed laptop does, until resume.
func suspend(t *testing.T) (pid int, resume func()) {
	t.Helper()
	pid = status(t).PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, 5*time.Second, "the worker is suspended", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") T ")
	})
	resume = func() { syscall.Kill(pid, syscall.SIGCONT) }
	t.Cleanup(resume)
	return pid, resume
}

// checkSilent holds that an error tells of a worker that does not answer, and how to go on.
func checkSilent(t *testing.T, what string, pid int, err error) {
	t.Helper()
	for _, want := range []string{"does not answer since", fmt.Sprintf("kill -CONT %d", pid), "gopherlens resident stop"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; lacks %q", what, err, want)
		}
	}
	if !errors.Is(err, resident.ErrSilent) || errors.Is(err, resident.ErrWorkerGone) || errors.Is(err, resident.ErrNoWorker) {
		t.Errorf("%s: %v is not resident.ErrSilent, or more than that", what, err)
	}
	if err != nil && strings.Contains(err.Error(), "another build") {
		t.Errorf("%s: a suspended worker is called one of another build: %v", what, err)
	}
}

// A suspended worker fails calls, looks and new cells with a message, and goes on
// afterwards with all that it held.
func TestSuspendedWorker(t *testing.T) {
	newSession(t)
	resident.Impatient(t, time.Second, 50*time.Millisecond, 1500*time.Millisecond, 30*time.Second)
	b := connect(t, "go:")
	x := upload(t, b, 10, 7)
	pid, resume := suspend(t)
	err := x.ToFlatData(make([]float32, 10))
	checkSilent(t, "a call", pid, err)
	_, err = resident.Status()
	checkSilent(t, "the status", pid, err)
	_, err = compute.NewWithConfig("resident:go:")
	checkSilent(t, "a new cell", pid, err)
	if !alive(pid) {
		t.Fatal("the worker was ended")
	}
	resume()
	eventually(t, 5*time.Second, "it answers again", func() bool { _, err := resident.Status(); return err == nil })
	if got := read(t, x)[0]; got != 7 {
		t.Errorf("what it held is %v, want 7", got)
	}
	checkWorks(t)
	if got := status(t).PID; got != pid {
		t.Errorf("the worker was replaced: process %d by %d", pid, got)
	}
}

// A worker that is suspended for a while only makes a call longer.
func TestShortSuspension(t *testing.T) {
	newSession(t)
	resident.Impatient(t, 5*time.Second, 50*time.Millisecond, 5*time.Second, 30*time.Second)
	b := connect(t, "go:")
	x := upload(t, b, 10, 7)
	_, resume := suspend(t)
	time.AfterFunc(700*time.Millisecond, resume)
	if got := read(t, x)[0]; got != 7 {
		t.Errorf("read %v, want 7", got)
	}
}

// A call that takes long is no silence: the worker answers greetings meanwhile.
func TestLongCall(t *testing.T) {
	newSession(t)
	resident.Impatient(t, time.Second, 10*time.Millisecond, time.Second, 30*time.Second)
	b := connect(t, "go:")
	exec, err := graph.NewExec(b, forever)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := exec.Call(int64(0))
		failed <- err
	}()
	select {
	case err := <-failed:
		t.Errorf("a long call failed: %v", err)
	case <-time.After(2500 * time.Millisecond):
	}
	pid := status(t).PID
	if err := resident.Stop(); err != nil || alive(pid) {
		t.Errorf("stopping it: %v", err)
	}
	if err := <-failed; err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("the call: %v", err)
	}
}

func TestStopSuspended(t *testing.T) {
	newSession(t)
	connect(t, "go:")
	pid, _ := suspend(t)
	if err := resident.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 3*time.Second, "the worker has ended", func() bool { return !alive(pid) })
	checkWorks(t)
}

// Whoever is suspended while starting a worker must not make all others wait for ever.
func TestLockHeld(t *testing.T) {
	dir := newSession(t)
	resident.Impatient(t, time.Second, time.Second, time.Second, 200*time.Millisecond)
	lock, err := os.OpenFile(filepath.Join(dir, "worker.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := compute.NewWithConfig("resident:go:"); err == nil || !strings.Contains(err.Error(), "worker.lock") {
		t.Errorf("%v", err)
	}
}

// A worker whose folder was removed and made again leaves the socket of its successor.
func TestSuccessorKeepsItsSocket(t *testing.T) {
	dir := newSession(t)
	connect(t, "go:")
	first := status(t).PID
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	connect(t, "go:")
	second := status(t).PID
	if second == first {
		t.Fatal("there is no second worker")
	}
	eventually(t, 10*time.Second, "the first worker has ended", func() bool { return !alive(first) })
	if got, err := resident.Status(); err != nil || got.PID != second {
		t.Errorf("after the first worker's end: process %d, %v; want %d", got.PID, err, second)
	}
}

// A process that computes goes on with its worker when the program is built anew; the
// next one starts a worker of that build.
func TestNewBuildInUse(t *testing.T) {
	dir := newSession(t)
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "gopherlens")
	if err := os.WriteFile(bin, program, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(resident.BinEnv, bin)
	b := connect(t, "go:")
	x := upload(t, b, 10, 7)
	os.Remove(bin)
	if err := os.WriteFile(bin, otherBuild(t, program), 0o755); err != nil {
		t.Fatal(err)
	}
	done := make(chan float32)
	for range 3 { // more than there are idle connections
		go func() {
			values := make([]float32, 10)
			if err := x.ToFlatData(values); err != nil {
				t.Error(err)
			}
			done <- values[0]
		}()
	}
	for range 3 {
		if got := <-done; got != 7 {
			t.Errorf("read %v", got)
		}
	}
}

// Whoever looks from a terminal sees the workers of notebooks, and which of them do not
// answer.
func TestAllWorkers(t *testing.T) {
	dirs := []string{newSession(t), newSession(t), newSession(t)} // the last is this session's
	for i, dir := range dirs {
		t.Setenv(resident.DirEnv, dir)
		t.Setenv("JPY_SESSION_NAME", "")
		if i == 0 {
			t.Setenv("JPY_SESSION_NAME", "/home/gopher/first.ipynb")
		}
		b := connect(t, "go:")
		upload(t, b, 1000*(i+1), 1)
	}
	resident.Impatient(t, 2*time.Second, time.Second, 2*time.Second, 30*time.Second)
	t.Setenv(resident.DirEnv, dirs[1])
	suspended, resume := suspend(t)
	t.Setenv(resident.DirEnv, dirs[2])
	workers, err := resident.Workers() // others on this machine may have some, too
	if err != nil || len(workers) < 3 || !workers[0].Own || workers[0].Dir != dirs[2] {
		t.Fatalf("%+v, %v", workers, err)
	}
	seen := map[string]resident.Worker{}
	for i, w := range workers {
		if i > 0 && w.Own {
			t.Errorf("%s is this session's, too", w.Dir)
		}
		seen[w.Dir] = w
	}
	if got := seen[dirs[0]]; got.Err != nil || got.State.Bytes != 4000 || got.PID == 0 {
		t.Errorf("the first: %+v", got)
	} else if runtime.GOOS == "linux" && (got.Notebook != "/home/gopher/first.ipynb" || got.Memory < 1<<20 || got.Memory > 1<<34) {
		t.Errorf("the first serves %q and takes %d bytes", got.Notebook, got.Memory)
	}
	checkSilent(t, "the second", suspended, seen[dirs[1]].Err)
	if got := seen[dirs[2]]; got.Err != nil || got.State.Bytes != 12000 {
		t.Errorf("this session's: %+v", got)
	}
	resume()
	for _, dir := range dirs[:2] {
		w := seen[dir]
		if err := w.Stop(); err != nil {
			t.Error(err)
		}
		if err := w.Stop(); !errors.Is(err, resident.ErrNoWorker) {
			t.Errorf("stopped twice: %v", err)
		}
	}
	t.Setenv(resident.DirEnv, dirs[2])
}
