package train_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/golden"
)

// cellEnv names what this program, called by a test, does in the place of a notebook's cell.
const cellEnv = "GOPHERLENS_TEST_TRAINING_CELL"

// slowly is a training that takes its time.
func slowly(cfg train.Config) train.Config {
	cfg.OnStep = func(*train.Report) error { time.Sleep(10 * time.Millisecond); return nil }
	return cfg
}

// cells are programs that start a training.
var cells = map[string]func(t *testing.T) error{
	"whole": func(t *testing.T) error {
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), sums(t, 40))
		return err
	},
	"slow": func(t *testing.T) error {
		fmt.Println("printed before Start")
		cfg := slowly(sums(t, 120))
		cfg.Every = 10
		cfg.Eval = train.Evaluation{Data: additions(t).Full(), Every: 15}
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), cfg)
		return err
	},
	"in the worker": func(t *testing.T) error {
		cfg := slowly(sums(t, 120))
		cfg.Every = 10
		_, err := train.Start("sums", toy(t, nil), cfg)
		return err
	},
	// the idiom of a cell that is run again and again
	"if not found": func(t *testing.T) error {
		run, err := train.Find("sums")
		if errors.Is(err, train.ErrNoTraining) {
			run, err = train.Start("sums", toy(t, golden.PureGo(t)), sums(t, 40))
		}
		if err != nil {
			return err
		}
		fmt.Println(run)
		return nil
	},
	// the same, as the documentation has it
	"again": func(t *testing.T) error {
		run, err := train.Start("sums", toy(t, golden.PureGo(t)), sums(t, 40))
		if errors.Is(err, train.ErrRunning) || errors.Is(err, train.ErrFinished) {
			err = nil
		}
		fmt.Println("again:", run)
		return err
	},
	"anew": func(t *testing.T) error {
		if err := train.Remove("sums"); err != nil {
			return err
		}
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), sums(t, 30))
		return err
	},
	// each process takes steps of one training, the second of which begins with the first's model
	"two": func(t *testing.T) error {
		be := golden.PureGo(t)
		first, err := train.Start("first", toy(t, be), sums(t, 5))
		if err != nil {
			return err
		}
		if err := first.Wait(context.Background()); err != nil {
			return err
		}
		m, err := first.Model(hooked.LoadOptions{Backend: be})
		if err != nil {
			return err
		}
		_, err = train.Start("second", m, sums(t, 5))
		return err
	},
	"first for longer": func(t *testing.T) error {
		_, err := train.Start("first", toy(t, golden.PureGo(t)), sums(t, 7))
		return err
	},
	"lost": func(t *testing.T) error {
		if os.Getenv("GOPHERLENS_TEST_LOST") != "" {
			fmt.Println("took another way")
			return nil
		}
		os.Setenv("GOPHERLENS_TEST_LOST", "1")
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), sums(t, 40))
		return err
	},
	"panics": func(t *testing.T) error {
		cfg := sums(t, 40)
		cfg.Every = 5
		cfg.OnStep = func(r *train.Report) error {
			if r.Step == 12 {
				go func() { panic("a mistake of the user's") }()
				time.Sleep(time.Second)
			}
			return nil
		}
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), cfg)
		return err
	},
	"diverges": func(t *testing.T) error {
		cfg := sums(t, 40)
		cfg.LearningRate, cfg.Optimizer, cfg.Schedule = 1e30, train.SGD{}, nil
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), cfg)
		return err
	},
	"refused": func(t *testing.T) error {
		cfg := sums(t, 40)
		cfg.Clip = -1
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), cfg)
		return err
	},
	"live": func(t *testing.T) error {
		cfg := sums(t, 40)
		cfg.Live = &picture{}
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), cfg)
		return err
	},
	// a process that trains is asked for another training in the middle
	"in the middle": func(t *testing.T) error {
		cfg := sums(t, 10)
		cfg.OnStep = func(r *train.Report) error {
			if r.Step == 3 {
				run, err := train.Start("a chain", toy(t, golden.PureGo(t)), sums(t, 5))
				fmt.Println("in the middle:", run, err)
			}
			return nil
		}
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), cfg)
		return err
	},
	"progress": func(t *testing.T) error {
		cfg := sums(t, 40)
		cfg.Progress = os.Stdout
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), cfg)
		return err
	},
	"another": func(t *testing.T) error {
		cfg := sums(t, 60)
		cfg.Optimizer = train.SGD{}
		_, err := train.Start("sums", toy(t, golden.PureGo(t)), cfg)
		return err
	},
}

// TestCell is no test but the cell that other tests run.
func TestCell(t *testing.T) {
	name := os.Getenv(cellEnv)
	if name == "" {
		t.Skip("run by other tests")
	}
	if err := cells[name](t); err != nil {
		fmt.Fprintln(os.Stderr, "the cell fails:", err)
		os.Exit(1)
	}
}

// cell is a process that does what cells has under the name. Its environment is this process's.
func cell(t *testing.T, name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestCell$", "-test.v")
	cmd.Env = append(os.Environ(), cellEnv+"="+name)
	return cmd
}

// runCell is what a cell prints; it must end well.
func runCell(t *testing.T, name string) string {
	t.Helper()
	out, err := cell(t, name).CombinedOutput()
	if err != nil {
		t.Fatalf("cell %q: %v\n%s", name, err, out)
	}
	return string(out)
}

// failCell runs a cell that must fail with all of this.
func failCell(t *testing.T, name string, want ...string) {
	t.Helper()
	out, err := cell(t, name).CombinedOutput()
	if err == nil {
		t.Fatalf("cell %q ended well:\n%s", name, out)
	}
	for _, w := range want {
		if !strings.Contains(string(out), w) {
			t.Errorf("cell %q: want %q in\n%s", name, w, out)
		}
	}
}

// ownCache gives a test trainings of its own, which end with it.
func ownCache(t *testing.T) {
	t.Helper()
	t.Setenv(cachedir.Variable, t.TempDir())
	t.Cleanup(func() {
		all, err := train.Trainings()
		if err != nil {
			t.Error(err)
		}
		for _, run := range all {
			if err := run.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
}

func found(t *testing.T, name string) *train.Training {
	t.Helper()
	run, err := train.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// waitFor looks at a training until it is as wanted.
func waitFor(t *testing.T, run *train.Training, what string, is func() bool) {
	t.Helper()
	for start := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatalf("%s: still %s", what, run)
		}
		if err := run.Refresh(); err != nil {
			t.Fatal(err)
		}
	}
}

// foundModel is the model that a training has come to.
func foundModel(t *testing.T, run *train.Training) *hooked.Model {
	t.Helper()
	m, err := run.Model(hooked.LoadOptions{Backend: golden.PureGo(t)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestStart holds that a training goes on when the cell that began it has ended, and comes to the
// weights and the curve of one that was not detached.
func TestStart(t *testing.T) {
	ownCache(t)
	runCell(t, "whole")
	run := found(t, "sums")
	if err := run.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := mustRun(t, toy(t, golden.PureGo(t)), sums(t, 40))
	if run.State != train.Finished || run.Alive() || run.Step != 40 || run.Steps != 40 || run.Ended.IsZero() || run.Loss() != want.Curve[39].Loss {
		t.Errorf("%s, %+v", run, run)
	}
	if !reflect.DeepEqual(run.Curve, want.Curve) {
		t.Error("the curve differs")
	}
	sameWeights(t, "detached", foundModel(t, run), want.Model)
	failCell(t, "whole", train.ErrFinished.Error(), "sums: finished, step 40 of 40", "train.Remove")
	if out := runCell(t, "again"); !strings.Contains(out, "again: sums: finished, step 40 of 40") {
		t.Errorf("%s", out)
	}

	runCell(t, "anew")
	run = found(t, "sums")
	if err := run.Wait(context.Background()); err != nil || run.Step != 30 || len(run.Curve) != 30 {
		t.Errorf("%v, %s", err, run)
	}
	if err := train.Remove("sums"); err != nil {
		t.Fatal(err)
	}
	if _, err := train.Find("sums"); !errors.Is(err, train.ErrNoTraining) {
		t.Errorf("removed and found: %v", err)
	}
}

// TestStartLives holds that neither an interrupted cell nor the end of its process group ends a
// training, that a second Start leaves it alone, and that Stop keeps what was reached, from which
// Start goes on to the weights of an unbroken training.
func TestStartLives(t *testing.T) {
	ownCache(t)
	cmd := cell(t, "slow")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begun := func() bool {
		run, err := train.Find("sums")
		if err != nil {
			return false
		}
		_, err = os.Stat(filepath.Join(filepath.Dir(run.Log), "pid"))
		return err == nil
	}
	for start := time.Now(); !begun() && time.Since(start) < time.Minute; {
		time.Sleep(time.Millisecond)
	}
	syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	cmd.Wait()
	run := found(t, "sums")
	waitFor(t, run, "the first steps", func() bool { return run.Step > 3 })
	if run.State != train.Running || !strings.Contains(run.String(), "left") {
		t.Errorf("%s", run)
	}
	failCell(t, "slow", train.ErrRunning.Error(), "of 120", "Stop")
	if runtime.GOOS == "linux" { // whose call gives 20 less the niceness
		if got, err := syscall.Getpriority(syscall.PRIO_PROCESS, processOf(t, run)); err != nil || got != 20-10 {
			t.Errorf("the process has the priority %d, %v", got, err)
		}
	}
	if err := train.Remove("sums"); !errors.Is(err, train.ErrRunning) {
		t.Errorf("removed while it runs: %v", err)
	}
	if err := run.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if run.State != train.Stopped || run.Err != nil || run.Step < 4 || run.Step > 110 || len(run.Curve) != run.Step {
		t.Fatalf("%s, %d points", run, len(run.Curve))
	}
	reached := run.Step
	if log, err := os.ReadFile(run.Log); err != nil || !strings.Contains(string(log), "printed before Start") {
		t.Errorf("the log holds %q, %v", log, err)
	}
	short := sums(t, 120)
	short.OnStep = func(r *train.Report) error {
		if r.Step == reached {
			return train.ErrStop
		}
		return nil
	}
	be := golden.PureGo(t)
	sameWeights(t, "stopped", foundModel(t, run), mustRun(t, toy(t, be), short).Model)

	runCell(t, "slow")
	if err := run.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	cfg := sums(t, 120)
	cfg.Eval = train.Evaluation{Data: additions(t).Full(), Every: 15}
	want := mustRun(t, toy(t, be), cfg)
	sameWeights(t, "stopped and gone on", foundModel(t, run), want.Model)
	if !reflect.DeepEqual(run.Curve, want.Curve) {
		t.Error("the curve of a training that went on differs")
	}
}

// TestStartDied kills the training's process: whoever looks is told so, and Start goes on to the
// weights of an unbroken training.
func TestStartDied(t *testing.T) {
	ownCache(t)
	be := golden.PureGo(t)
	want := mustRun(t, toy(t, be), sums(t, 120))
	runCell(t, "slow")
	for _, step := range []int{3, 37, 60} { // before the first checkpoint, after some, later
		run := found(t, "sums")
		waitFor(t, run, "steps", func() bool { return run.Step >= step })
		kill(t, run)
		waitFor(t, run, "death", func() bool { return !run.Alive() })
		if run.State != train.Died || run.Err == nil || run.Step < step || !strings.Contains(run.Err.Error(), fmt.Sprintf("after step %d", run.Step)) {
			t.Errorf("killed at step %d: %s", step, run)
		}
		if err := run.Wait(context.Background()); err == nil {
			t.Error("nothing wrong with a training that died")
		}
		runCell(t, "slow")
	}
	run := found(t, "sums")
	if err := run.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	sameWeights(t, "killed three times", foundModel(t, run), want.Model)
	for i, p := range run.Curve {
		if p.Step != i+1 || p.Loss != want.Curve[i].Loss {
			t.Fatalf("point %d of the curve is %+v", i, p)
		}
	}
}

// kill ends a training's process without a word.
func kill(t *testing.T, run *train.Training) {
	t.Helper()
	if err := syscall.Kill(processOf(t, run), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// processOf is the number of a training's process.
func processOf(t *testing.T, run *train.Training) int {
	t.Helper()
	pid, err := os.ReadFile(filepath.Join(filepath.Dir(run.Log), "pid"))
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if _, err := fmt.Sscan(string(pid), &n); err != nil || n < 2 {
		t.Fatal(string(pid), err)
	}
	return n
}

// TestStartCells holds what a program does before its call of Start, which is done again in the
// process that trains.
func TestStartCells(t *testing.T) {
	ownCache(t)
	runCell(t, "if not found")
	run := found(t, "sums")
	if err := run.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	if out := runCell(t, "if not found"); !strings.Contains(out, "sums: finished, step 40 of 40") {
		t.Errorf("%s", out)
	}
	runCell(t, "two")
	second := found(t, "second")
	if err := second.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	be := golden.PureGo(t)
	first := mustRun(t, toy(t, be), sums(t, 5)).Model
	sameWeights(t, "the second of two", foundModel(t, second), mustRun(t, first, sums(t, 5)).Model)
	all, err := train.Trainings()
	if err != nil || len(all) != 3 {
		t.Errorf("%v, %v", all, err)
	}
}

// TestStartNoChain holds that nothing which comes of a training begins another.
func TestStartNoChain(t *testing.T) {
	ownCache(t)
	runCell(t, "in the middle")
	run := found(t, "sums")
	if err := run.Wait(context.Background()); err != nil || run.Step != 10 {
		t.Errorf("%v, %s", err, run)
	}
	if log, err := os.ReadFile(run.Log); err != nil || !strings.Contains(string(log), train.ErrNoTraining.Error()) {
		t.Errorf("the log holds %q, %v", log, err)
	}
	if err := train.Remove("sums"); err != nil {
		t.Fatal(err)
	}

	t.Setenv("GOPHERLENS_INSIDE_TRAINING", "1")
	failCell(t, "whole", "was begun by a training")
	t.Setenv("GOPHERLENS_INSIDE_TRAINING", "")
	t.Setenv("GOPHERLENS_TRAINING", t.TempDir())
	t.Setenv("GOPHERLENS_TRAINING_LAUNCH", "1")
	failCell(t, "whole", "does not hold its lock")
	os.Unsetenv("GOPHERLENS_TRAINING")
	os.Unsetenv("GOPHERLENS_TRAINING_LAUNCH")
	if all, err := train.Trainings(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// TestStartDamaged holds that a damaged curve hides no other training, and that the name can be
// used.
func TestStartDamaged(t *testing.T) {
	ownCache(t)
	runCell(t, "two")
	if err := found(t, "second").Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	run := found(t, "first")
	damage := func() {
		if err := os.WriteFile(filepath.Join(filepath.Dir(run.Log), "curve.csv"), []byte("1,much\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damage()
	if _, err := train.Find("first"); err == nil || !strings.Contains(err.Error(), "curve.csv is damaged") {
		t.Error(err)
	}
	if all, err := train.Trainings(); err == nil || len(all) != 1 || all[0].Name != "second" {
		t.Errorf("%v, %v", all, err)
	}
	runCell(t, "first for longer")
	if err := run.Wait(context.Background()); err != nil || run.Step != 7 || len(run.Curve) != 2 {
		t.Errorf("%v, %s", err, run)
	}
	damage()
	if err := train.Remove("first"); err != nil {
		t.Error(err)
	}
	if _, err := train.Find("first"); !errors.Is(err, train.ErrNoTraining) {
		t.Error(err)
	}
}

// TestStartFails holds that a training which cannot begin, diverges or panics says so, first in its
// cell and then to those who find it.
func TestStartFails(t *testing.T) {
	ownCache(t)
	if _, err := train.Find("sum"); !errors.Is(err, train.ErrNoTraining) {
		t.Error(err)
	}
	failCell(t, "refused", "Config.Clip")
	failCell(t, "live", "Watch")
	failCell(t, "progress", "Config.Progress")
	failCell(t, "lost", "before it trained", "took another way")
	if run := found(t, "sums"); run.State != train.Failed || run.Err == nil {
		t.Errorf("%s", run)
	}
	if _, err := train.Find("sum"); err == nil || !strings.Contains(err.Error(), `"sums"`) {
		t.Errorf("no hint: %v", err)
	}
	if _, err := found(t, "sums").Model(); err == nil || !strings.Contains(err.Error(), "no model") {
		t.Error(err)
	}

	runCell(t, "diverges")
	run := found(t, "sums")
	if err := run.Wait(context.Background()); !errors.Is(err, train.ErrDiverged) || run.State != train.Failed || !math.IsNaN(run.Loss()) && run.Step == 0 {
		t.Errorf("%v, %s", err, run)
	}
	if err := train.Remove("sums"); err != nil {
		t.Fatal(err)
	}

	runCell(t, "panics")
	run = found(t, "sums")
	waitFor(t, run, "panic", func() bool { return !run.Alive() })
	if run.State != train.Died || !strings.Contains(run.Err.Error(), "a mistake of the user's") || !strings.Contains(run.Err.Error(), "checkpoint of step 10") {
		t.Errorf("%s", run)
	}
	failCell(t, "another", "SGD", "train.Remove")
	for _, name := range []string{"", ".", "..", strings.Repeat("x", 81)} {
		if _, err := train.Find(name); err == nil || errors.Is(err, train.ErrNoTraining) {
			t.Errorf("%q is a name: %v", name, err)
		}
	}
}

// picture keeps the lines that it is to draw.
type picture struct {
	lines map[string][][2]float64
	ends  int
}

func (p *picture) Add(line string, x, y float64) {
	if p.lines == nil {
		p.lines = make(map[string][][2]float64)
	}
	p.lines[line] = append(p.lines[line], [2]float64{x, y})
}

func (p *picture) End() { p.ends++ }

func (p *picture) shows(t *testing.T, curve []train.Point) {
	t.Helper()
	want := make(map[string][][2]float64)
	for _, point := range curve {
		want["loss"] = append(want["loss"], [2]float64{float64(point.Step), point.Loss})
		if point.Eval != nil {
			want["evaluation"] = append(want["evaluation"], [2]float64{float64(point.Step), point.Eval["loss"]})
		}
	}
	if len(want["evaluation"]) == 0 || !reflect.DeepEqual(p.lines, want) || p.ends != 1 {
		t.Errorf("the picture ended %d times and shows %v", p.ends, p.lines)
	}
}

// TestLive holds that a picture gets each step once, and each evaluation.
func TestLive(t *testing.T) {
	cfg := sums(t, 20)
	cfg.Eval = train.Evaluation{Data: additions(t).Full(), Every: 8}
	live := &picture{}
	cfg.Live = live
	live.shows(t, mustRun(t, toy(t, golden.PureGo(t)), cfg).Curve)
}

// TestWatch follows a detached training to its end.
func TestWatch(t *testing.T) {
	ownCache(t)
	runCell(t, "slow")
	run := found(t, "sums")
	if err := run.Watch(context.Background(), nil); err == nil {
		t.Error("watched without a picture")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if err := run.Watch(ctx, &picture{}); !errors.Is(err, context.DeadlineExceeded) || !run.Alive() {
		t.Errorf("%v, %s", err, run)
	}
	live := &picture{}
	if err := run.Watch(context.Background(), live); err != nil {
		t.Fatal(err)
	}
	if run.State != train.Finished {
		t.Errorf("%s", run)
	}
	live.shows(t, run.Curve)
}
