package resident_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	_ "gopherlens/internal/purego"

	"gopherlens/resident"
	"gopherlens/resident/worker"
	_ "gopherlens/xla"
)

// roleEnv makes the test binary play another part in a test than running it.
const roleEnv = "RESIDENT_TEST_ROLE"

// TestMain makes the test binary also the program that the client starts: its
// arguments are then those of "gopherlens resident serve".
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "resident" && os.Args[2] == "serve" {
		if err := serve(os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if role := os.Getenv(roleEnv); role != "" {
		roles()[role]()
		return
	}
	os.Exit(m.Run())
}

func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	dir := flags.String("dir", "", "")
	watch := flags.Int("watch", 0, "")
	flags.Bool("ready", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return worker.Serve(ctx, worker.Config{Dir: *dir, Watch: *watch, Ready: os.NewFile(3, "ready")})
}

// newSession gives the test a worker of its own, which is ended with it.
func newSession(t testing.TB) (dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "resident") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(resident.DirEnv, dir)
	t.Setenv(resident.BinEnv, exe)
	t.Setenv("GONB_TMP_DIR", "")
	t.Cleanup(func() {
		resident.Stop()
		os.RemoveAll(dir)
	})
	return dir
}

// connect opens the backend that the configuration describes in the worker.
func connect(t testing.TB, config string) *resident.Backend {
	t.Helper()
	b, err := compute.NewWithConfig("resident:" + config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Finalize)
	return b.(*resident.Backend)
}

func status(t testing.TB) resident.State {
	t.Helper()
	st, err := resident.Status()
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// play starts the test binary in a role and returns it with its output.
func play(t testing.TB, role string, env ...string) (*exec.Cmd, *output) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, roleEnv+"="+role)...)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, out
}

// output collects what a process prints while the test reads it.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// eventually waits until ok returns true.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %s: %s", within, what)
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// sumOfSquares is a small program: [n] -> scalar.
func sumOfSquares(x *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.Mul(x, x)) }

// squares runs it on values and returns the result.
func squares(b compute.Backend, values []float32) (sum float32, err error) {
	exec, err := graph.NewExec(b, sumOfSquares)
	if err != nil {
		return 0, err
	}
	out, err := exec.Call(values)
	if err != nil {
		return 0, err
	}
	return tensors.ToScalar[float32](out[0]), nil
}
