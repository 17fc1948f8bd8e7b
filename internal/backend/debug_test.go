package backend_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/backend"
)

func TestWithDebug(t *testing.T) {
	for value, want := range map[string]string{
		"":               "cpu.fma=off",
		"madvdontneed=1": "madvdontneed=1,cpu.fma=off",
		"cpu.fma=on":     "cpu.fma=on",
	} {
		env := backend.WithDebug([]string{"A=1", "GODEBUG=old", "GODEBUG=" + value, "B=2"})
		if !slices.Equal(env, []string{"A=1", "B=2", "GODEBUG=" + want}) {
			t.Errorf("%q becomes %q", value, env)
		}
	}
}

// childEnv makes this program the child of TestExpIsFast.
const childEnv = "GOPHERLENS_TEST_EXP"

// TestExpIsFast measures the exponentials that come after products in a process that has the
// setting. Without it they take 500 ns each in the mean, as they are slow on every thread that a
// product was computed on.
func TestExpIsFast(t *testing.T) {
	if os.Getenv(childEnv) != "" {
		t.Logf("nanoseconds: %.0f", expNanoseconds(t))
		return
	}
	child := exec.Command(os.Args[0], "-test.v", "-test.run=^TestExpIsFast$")
	child.Env = backend.WithDebug(append(os.Environ(), childEnv+"=1"))
	output, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	var each float64
	_, figure, _ := strings.Cut(string(output), "nanoseconds: ")
	if _, err := fmt.Sscan(figure, &each); err != nil || !(each < 150) { // about 10 on an idle machine
		t.Errorf("an exponential takes %v ns of a processor: %s", each, output)
	}
}

// expNanoseconds is the processor's time for an exponential: the wall's would tell how busy the
// machine is.
func expNanoseconds(t *testing.T) float64 {
	be, err := compute.NewWithConfig(backend.PureGo)
	if err != nil {
		t.Fatal(err)
	}
	const n, runs = 512, 20
	x := make([][]float32, n)
	for i := range x {
		x[i] = slices.Repeat([]float32{-0.001}, n)
	}
	input := tensors.FromValue(x)
	product := graph.MustNewExec(be, func(x *graph.Node) *graph.Node { return graph.MatMul(x, x) })
	exp := graph.MustNewExec(be, func(x *graph.Node) *graph.Node { return graph.Exp(x) })
	var spent time.Duration
	for range runs {
		product.MustCall1(input)
		start := processorTime(t)
		exp.MustCall1(input)
		spent += processorTime(t) - start
	}
	return float64(spent) / (n * n * runs)
}

func processorTime(t *testing.T) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
