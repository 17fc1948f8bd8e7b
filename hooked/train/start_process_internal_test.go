package train

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gopherlens/internal/golden"
)

// TestTaken holds that of all who ask a process trains for one.
func TestTaken(t *testing.T) {
	h := home{"a", t.TempDir()}
	l := &launch{dir: h.dir}
	if l.take(home{"b", t.TempDir()}) || !l.take(h) || l.take(h) {
		t.Error("taken by another, by nobody, or twice")
	}
}

// TestStrangerLives holds that the number of a process which has ended is gone before anybody sees
// the training live again: the number may be another's by then.
func TestStrangerLives(t *testing.T) {
	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer stranger.Wait()
	defer stranger.Process.Kill()
	h := home{"a", t.TempDir()}
	if err := os.WriteFile(h.file(pidFile), []byte(strconv.Itoa(stranger.Process.Pid)), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := h.lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := h.terminate(); !os.IsNotExist(err) {
		t.Errorf("told process %d to end: %v", stranger.Process.Pid, err)
	}
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error(err)
	}
}

// TestBeginsNot holds that a training whose record cannot be begun says why.
func TestBeginsNot(t *testing.T) {
	h := home{"a", t.TempDir()}
	if err := os.MkdirAll(filepath.Join(h.file(curveFile), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	l := &launch{dir: h.dir}
	if err := l.run(tiny(t, golden.PureGo(t)), tinySums(t, 2)); err == nil || !strings.Contains(err.Error(), curveFile) || l.trains.Load() {
		t.Errorf("%v", err)
	}
}
