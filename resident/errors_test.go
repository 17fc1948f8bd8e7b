package resident_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	backends "gopherlens/internal/backend"
	"gopherlens/resident"
)

func TestConfigurations(t *testing.T) {
	newSession(t)
	for config, want := range map[string]string{
		"resident:go:": `runs no backend "resident"`,
		"nothing:x":    `can't find backend "nothing"`,
		"xla:/no/file": "there is no plugin file",
	} {
		if _, err := resident.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%q): %v; want an error with %q", config, err, want)
		}
	}
	b, err := resident.New("go")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Finalize()
	if got := status(t).Backends; !slices.Equal(got, []string{"go:ops_sequential"}) {
		t.Errorf("the worker has open %q, want the pure Go backend that runs operations one after the other", got)
	}
}

// TestAlone runs a program that imports this package and no other backend: GoMLX's own call finds
// what computes, as doctor would.
func TestAlone(t *testing.T) {
	newSession(t)
	program := filepath.Join(t.TempDir(), "alone")
	if out, err := exec.Command("go", "build", "-o", program, "./testdata/alone").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	choice, err := backends.ChooseInNotebook()
	if err != nil {
		t.Fatal(err)
	}
	for config, want := range map[string]string{
		"":                          strings.TrimPrefix(choice.Config, "resident:"),
		"resident":                  strings.TrimPrefix(choice.Config, "resident:"),
		"resident:go":               "go:ops_sequential",
		"gopherlens":                strings.TrimPrefix(choice.Config, "resident:"),
		"go":                        "go:ops_sequential",
		"resident:go:parallelism=1": "go:parallelism=1,ops_sequential",
	} {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), compute.ConfigEnvVar+"="+config, "GONB_PIPE=")
		out, err := cmd.CombinedOutput()
		if want := "[19] of one backend in " + want + "\n"; err != nil || string(out) != want {
			t.Errorf("GOMLX_BACKEND=%s: %v, printed %q; want %q", config, err, out, want)
		}
		resident.Stop()
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), compute.ConfigEnvVar+"=xla:tpu")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), `no PJRT plugin for "tpu"`) {
		t.Errorf("another backend: %v, printed %q", err, out)
	}
}

func TestNoProgram(t *testing.T) {
	newSession(t)
	t.Setenv(resident.BinEnv, "")
	t.Setenv("PATH", "")
	t.Setenv("HOME", t.TempDir())
	if _, err := resident.New("go:"); !errors.Is(err, resident.ErrNoWorker) || !strings.Contains(err.Error(), "make setup") {
		t.Errorf("without the program: %v", err)
	}
	t.Setenv(resident.BinEnv, "/no/such/program")
	if _, err := resident.New("go:"); !errors.Is(err, resident.ErrNoWorker) || !strings.Contains(err.Error(), "does not name the program") {
		t.Errorf("with a name of nothing: %v", err)
	}
	t.Setenv(resident.BinEnv, "/bin/false")
	if _, err := resident.New("go:"); !errors.Is(err, resident.ErrNoWorker) || !strings.Contains(err.Error(), "did not start") {
		t.Errorf("with another program: %v", err)
	}
}

// TestKernelNamesTheProgram holds that the environment of an installed kernel
// is looked into, for programs that are started outside of it.
func TestKernelNamesTheProgram(t *testing.T) {
	newSession(t)
	data := t.TempDir()
	if err := os.MkdirAll(data+"/kernels/gonb", 0o755); err != nil {
		t.Fatal(err)
	}
	spec := `{"argv": ["gonb"], "env": {"GOPHERLENS_BIN": "` + os.Getenv(resident.BinEnv) + `"}}`
	if err := os.WriteFile(data+"/kernels/gonb/kernel.json", []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(resident.BinEnv, "")
	t.Setenv("PATH", "")
	t.Setenv("JUPYTER_DATA_DIR", data)
	checkWorks(t)
}

// TestNotImplementedCrosses holds that callers can tell what the fronted
// backend lacks from what is wrong: GoMLX falls back on that.
func TestNotImplementedCrosses(t *testing.T) {
	newSession(t)
	main := connect(t, "go:").Builder("fft").Main()
	x, err := main.Parameter("x", shapes.Make(dtypes.Float32, 8), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := main.FFT(x, compute.FFTForwardReal, []int{8}); !compute.IsNotImplemented(err) {
		t.Errorf("FFT, which the pure Go backend lacks: %v", err)
	}
	// The refused operation leaves no trace in the program.
	twice, err := main.Add(x, x)
	if err != nil {
		t.Fatal(err)
	}
	if err := main.Return([]compute.Value{twice}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := main.Builder().Compile(); err != nil {
		t.Error(err)
	}
}

func TestErrorsAtOnce(t *testing.T) {
	newSession(t)
	b := connect(t, "go:")
	main := b.Builder("p").Main()
	parameter := func(name string, dims ...int) compute.Value {
		v, err := main.Parameter(name, shapes.Make(dtypes.Float32, dims...), nil)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	x, y := parameter("x", 2, 3), parameter("y", 4, 5)
	foreign, err := b.Builder("q").Main().Parameter("z", shapes.Make(dtypes.Float32), nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"shapes that do not fit", second(main.Add(x, y)), "cannot be broadcast"},
		{"a value of another program", second(main.Add(x, foreign)), `a value of the program "q" is used in the program "p"`},
		{"no value", second(main.Neg(nil)), "nil"},
		{"something else", second(main.Neg(3)), "a int is no value"},
		{"the same name again", second(main.Parameter("x", shapes.Make(dtypes.Float32), nil)), `there is a parameter "x"`},
		{"a constant of another size", second(main.Constant([]float32{1, 2}, 3)), "cannot have 2 values"},
		{"a constant that is no slice", second(main.Constant(1.5)), "a flat slice"},
		{"no outputs", main.Return(nil, nil), "at least one output"},
		{"compiling what has not returned", second(main.Builder().Compile()), "has not returned"},
		{"an upload of another size", second(b.BufferFromFlatData(0, []float32{1}, shapes.Make(dtypes.Float32, 2))), "4 bytes given"},
		{"an upload of another type", second(b.BufferFromFlatData(0, []int32{1}, shapes.Make(dtypes.Float32, 1))), "[]int32"},
		{"keeping without names", b.Keep("k", nil, nil, []compute.Buffer{upload(t, b, 1, 1)}), "0 names for 1 buffers"},
	}
	for _, test := range tests {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: %v; want an error with %q", test.name, test.err, test.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A picky backend is the pure Go one, but refuses to negate, without a word
// about it in its capabilities. The worker, which is this binary, has it, too.
type picky struct{ compute.Backend }

type pickyBuilder struct{ compute.Builder }

type pickyFunction struct{ compute.Function }

func init() {
	compute.Register("picky", func(string) (compute.Backend, error) {
		b, err := compute.NewWithConfig("go:")
		return picky{b}, err
	})
}

func (p picky) Builder(name string) compute.Builder { return pickyBuilder{p.Backend.Builder(name)} }

func (p pickyBuilder) Main() compute.Function { return pickyFunction{p.Builder.Main()} }

func (p pickyFunction) Neg(compute.Value) (compute.Value, error) {
	return nil, errors.New("never negative")
}

// TestLateErrorNamesItsPlace holds that an operation which the rules let pass
// and the backend refuses is named, with its place, when that comes out: at the
// next question to the worker or when the program is compiled.
func TestLateErrorNamesItsPlace(t *testing.T) {
	newSession(t)
	b := connect(t, "picky:")
	for _, ask := range []bool{false, true} {
		builder := b.Builder("late")
		main := builder.Main()
		x, err := main.Parameter("x", shapes.Make(dtypes.Float32, 2), nil)
		if err == nil {
			x, err = main.Neg(x)
		}
		if err == nil && ask {
			_, err = main.FusedSoftmax(x, 0)
		}
		if err == nil {
			err = main.Return([]compute.Value{x}, nil)
		}
		if err == nil {
			_, err = builder.Compile()
		}
		for _, want := range []string{"Neg, recorded at ", "errors_test.go:", "never negative"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("asking before: %v: the error lacks %q: %v", ask, want, err)
			}
		}
	}
}
