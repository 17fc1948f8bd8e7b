package train_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"
	"gopherlens/resident"
)

// killedEnv names the folder of a training that this program, called by TestKilled, is to begin or
// to go on with.
const killedEnv = "GOPHERLENS_TEST_KILLED_TRAINING"

// longTraining is one that a test can kill.
func longTraining(t testing.TB, folder string) train.Config {
	cfg := sums(t, 40)
	cfg.Folder, cfg.Every = folder, 1
	return cfg
}

// TestKilled kills a training's process at several moments, one after the other, and resumes it to
// the weights of one that ran through.
func TestKilled(t *testing.T) {
	if folder := os.Getenv(killedEnv); folder != "" {
		cfg := longTraining(t, folder)
		cfg.OnStep = func(*train.Report) error { time.Sleep(5 * time.Millisecond); return nil }
		begin := train.Run
		if _, err := os.Stat(filepath.Join(folder, "run.json")); err == nil {
			begin = train.Resume
		}
		if _, err := begin(context.Background(), toy(t, golden.PureGo(t)), cfg); err != nil {
			t.Fatal(err)
		}
		return
	}
	folder := filepath.Join(t.TempDir(), "run")
	some := func() int { all, _ := train.Checkpoints(folder); return len(all) }
	matches := func(pattern string) bool {
		found, _ := filepath.Glob(filepath.Join(folder, pattern))
		return len(found) > 0
	}
	for _, moment := range []struct {
		what string
		is   func() bool
	}{
		{"before the first checkpoint", func() bool { return matches("run.json") }},
		{"in the middle of a checkpoint", func() bool { return matches(".step-*/model.safetensors") }},
		{"after some checkpoints", func() bool { return some() >= 8 }},
		{"between later ones", func() bool { return some() >= 16 }},
	} {
		child := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		child.Env = append(os.Environ(), killedEnv+"="+folder)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		for start := time.Now(); !moment.is() && time.Since(start) < time.Minute; {
			time.Sleep(50 * time.Microsecond)
		}
		child.Process.Kill()
		if err := child.Wait(); err == nil || some() == 40 {
			t.Fatalf("killed %s: it ended with %v after %d checkpoints", moment.what, err, some())
		}
	}
	be := golden.PureGo(t)
	resumed, err := train.Resume(context.Background(), toy(t, be), longTraining(t, folder))
	if err != nil {
		t.Fatal(err)
	}
	sameWeights(t, "killed and resumed", resumed.Model, mustRun(t, toy(t, be), sums(t, 40)).Model)
	if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// ownWorker gives a test a resident worker of its own. It runs in `make test-resident`.
func ownWorker(t *testing.T) (connect func() compute.Backend) {
	t.Helper()
	if os.Getenv(resident.BinEnv) == "" {
		t.Skipf("%s names no worker", resident.BinEnv)
	}
	session := filepath.Join(t.TempDir(), "session")
	if err := os.Mkdir(session, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(resident.DirEnv, session)
	t.Cleanup(func() { resident.Stop() })
	return func() compute.Backend {
		be, err := resident.New("go:ops_sequential")
		if err != nil {
			t.Fatal(err)
		}
		return be
	}
}

// killWorker ends this session's worker without a word.
func killWorker() error {
	state, err := resident.Status()
	if err != nil {
		return err
	}
	return syscall.Kill(state.PID, syscall.SIGKILL)
}

// TestWorkerKilled kills the resident worker at several moments: the error says so, and the
// training goes on in another worker to the weights of one that ran through.
func TestWorkerKilled(t *testing.T) {
	worker := ownWorker(t)
	at := func(step int) func(train.Config) train.Config {
		return func(cfg train.Config) train.Config {
			cfg.OnStep = func(r *train.Report) error {
				if r.Step == step {
					return killWorker()
				}
				return nil
			}
			return cfg
		}
	}
	for _, c := range []struct {
		what string
		set  func(train.Config) train.Config
		want []string
	}{
		{"before the first checkpoint", at(3), []string{"step 4"}},
		{"after some", at(25), []string{"step 26", "checkpoint of step 20"}},
		{"before a checkpoint", at(20), []string{"checkpoint of step 20"}},
		{"before an evaluation", func(cfg train.Config) train.Config {
			data := cfg.Eval.Data
			cfg.Eval.Data = func(yield func(train.Batch, error) bool) {
				if err := killWorker(); err != nil {
					yield(train.Batch{}, err)
					return
				}
				data(yield)
			}
			return cfg
		}, []string{"evaluation after step 16"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			cfg := longTraining(t, filepath.Join(t.TempDir(), "run"))
			cfg.Every = 10
			cfg.Eval = train.Evaluation{Data: additions(t).Full(), Every: 16}
			out, err := train.Run(context.Background(), toy(t, worker()), c.set(cfg))
			if !errors.Is(err, hooked.ErrWorkerGone) {
				t.Fatalf("%v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("want %q in %v", w, err)
				}
			}
			if out != nil {
				t.Errorf("what the worker held is gone, and Run returned a result of %d steps", out.Steps)
			}
			be := worker()
			resumed, err := train.Resume(context.Background(), toy(t, be), cfg)
			if err != nil {
				t.Fatal(err)
			}
			sameWeights(t, "resumed in another worker", resumed.Model, mustRun(t, toy(t, be), sums(t, 40)).Model)
		})
	}
}

// TestStartWorker holds that a detached training has a worker of its own, so that the notebook's
// can end; and that it says so when its own is killed, and goes on in another.
func TestStartWorker(t *testing.T) {
	worker := ownWorker(t)
	ownCache(t)
	t.Setenv(compute.ConfigEnvVar, "resident:go:")
	t.Setenv(cachedir.Variable, shortFolder(t)) // for a socket
	worker()
	runCell(t, "in the worker")
	run := found(t, "sums")
	waitFor(t, run, "the first steps", func() bool { return run.Step > 12 })
	if err := killWorker(); err != nil {
		t.Fatal(err)
	}
	at := run.Step
	waitFor(t, run, "more steps", func() bool { return run.Step > at+3 })

	inOwn(t, run, func() {
		if err := killWorker(); err != nil {
			t.Fatal(err)
		}
	})
	if err := run.Wait(context.Background()); !errors.Is(err, hooked.ErrWorkerGone) || run.State != train.Failed {
		t.Fatalf("%v, %s", err, run)
	}
	runCell(t, "in the worker")
	waitFor(t, run, "to go on", func() bool { return run.State == train.Running && run.Step > at })
	kill(t, run) // and its worker ends with it
	waitFor(t, run, "death", func() bool { return run.State == train.Died })
	inOwn(t, run, func() {
		waitFor(t, run, "the end of its worker", func() bool { _, err := resident.Status(); return errors.Is(err, resident.ErrNoWorker) })
	})
	runCell(t, "in the worker")
	if err := run.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	be := worker()
	m, err := run.Model(hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	sameWeights(t, "with workers that were killed", m, mustRun(t, toy(t, be), sums(t, 120)).Model)
}

// inOwn does something in the session of a training's own worker.
func inOwn(t *testing.T, run *train.Training, do func()) {
	t.Helper()
	own, err := filepath.Glob(filepath.Join(filepath.Dir(run.Log), "worker-*"))
	if err != nil || len(own) != 1 {
		t.Fatal(own, err)
	}
	before := os.Getenv(resident.DirEnv)
	t.Setenv(resident.DirEnv, own[0])
	do()
	t.Setenv(resident.DirEnv, before)
}

// shortFolder is a folder whose name leaves room for that of a socket.
func shortFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
