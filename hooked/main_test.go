package hooked_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"gopherlens/resident/worker"
)

// TestMain makes the test binary also the program that a notebook's cell starts as its worker: its
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
