package train_test

import (
	"context"
	"errors"
	"github.com/gomlx/compute"
	"gopherlens/hooked"
	"gopherlens/resident"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopherlens/hooked/train"
	"gopherlens/internal/golden"
)

// killedEnv names the folder of a training that this program, called by TestKilled, is to begin.
const killedEnv = "GOPHERLENS_TEST_KILLED_TRAINING"

// longTraining is one that a test can kill.
func longTraining(t testing.TB, folder string) train.Config {
	cfg := sums(t, 40)
	cfg.Folder, cfg.Every = folder, 1
	return cfg
}

// TestKilled kills a training's process between or within checkpoints, and resumes it to the
// weights of one that ran through.
func TestKilled(t *testing.T) {
	if folder := os.Getenv(killedEnv); folder != "" {
		cfg := longTraining(t, folder)
		cfg.OnStep = func(*train.Report) error { time.Sleep(5 * time.Millisecond); return nil }
		mustRun(t, toy(t, golden.PureGo(t)), cfg)
		return
	}
	folder := filepath.Join(t.TempDir(), "run")
	child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	child.Env = append(os.Environ(), killedEnv+"="+folder)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	some := func() int { all, _ := train.Checkpoints(folder); return len(all) }
	for start := time.Now(); some() < 5 && time.Since(start) < time.Minute; {
		time.Sleep(time.Millisecond)
	}
	child.Process.Kill()
	child.Wait()
	if n := some(); n < 5 || n == 40 {
		t.Fatalf("the process was killed after %d of 40 checkpoints", n)
	}
	be := golden.PureGo(t)
	resumed, err := train.Resume(context.Background(), toy(t, be), longTraining(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	whole := sums(t, 40)
	sameWeights(t, "killed and resumed", resumed.Model, mustRun(t, toy(t, be), whole).Model)
	if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestWorkerKilled kills the resident worker between two steps: the error says so, and the training
// goes on in another worker to the weights of one that ran through. It runs in `make
// test-resident`.
func TestWorkerKilled(t *testing.T) {
	if os.Getenv(resident.BinEnv) == "" {
		t.Skipf("%s names no worker", resident.BinEnv)
	}
	session := filepath.Join(t.TempDir(), "session") // a worker of its own
	if err := os.Mkdir(session, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(resident.DirEnv, session)
	worker := func() compute.Backend {
		be, err := compute.NewWithConfig("resident:go:ops_sequential")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resident.Stop() })
		return be
	}
	cfg := longTraining(t, filepath.Join(t.TempDir(), "run"))
	cfg.Every = 10
	cfg.OnStep = func(r *train.Report) error {
		if r.Step != 25 {
			return nil
		}
		state, err := resident.Status()
		if err != nil {
			return err
		}
		process, err := os.FindProcess(state.PID)
		if err != nil {
			return err
		}
		return process.Kill()
	}
	out, err := train.Run(context.Background(), toy(t, worker()), cfg)
	if !errors.Is(err, hooked.ErrWorkerGone) || !strings.Contains(err.Error(), "step 26") || !strings.Contains(err.Error(), "checkpoint of step 20") {
		t.Fatalf("%v", err)
	}
	if out != nil {
		t.Errorf("what the worker held is gone, and Run returned a result of %d steps", out.Steps)
	}
	cfg.OnStep = nil
	be := worker()
	resumed, err := train.Resume(context.Background(), toy(t, be), cfg)
	if err != nil {
		t.Fatal(err)
	}
	sameWeights(t, "resumed in another worker", resumed.Model, mustRun(t, toy(t, be), sums(t, 40)).Model)
}
