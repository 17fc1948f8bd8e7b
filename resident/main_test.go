package resident_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	_ "github.com/gomlx/go-xla/compute/xla"

	"gopherlens/resident"
	"gopherlens/resident/worker"
)

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
