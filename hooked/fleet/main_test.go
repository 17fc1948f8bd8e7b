package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/fleet"

	_ "gopherlens/internal/purego"
)

// Environment of this program where a test runs it as a worker: the queue's address, and how long
// it waits before each task.
const (
	childURL  = "GOPHERLENS_TEST_FLEET_WORKER"
	childSlow = "GOPHERLENS_TEST_FLEET_SLOW"
	// "2" to spread each model's batches over two devices
	childDevices = "GOPHERLENS_TEST_FLEET_DEVICES"
	// what becomes of shard 2: "fail" or "die"
	childPoison = "GOPHERLENS_TEST_FLEET_POISON"
)

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		beWorker(url)
	}
	os.Exit(m.Run())
}

// beWorker works until standard input ends, which it does with whoever has started it.
func beWorker(url string) {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if ms, _ := strconv.Atoi(os.Getenv(childSlow)); ms > 0 {
		fleet.Slow(time.Duration(ms) * time.Millisecond)
	}
	if how := os.Getenv(childPoison); how != "" {
		fleet.Poison("harvest", func(part string) bool { return strings.Contains(part, `"Number":2,`) }, func() error {
			if how == "die" {
				os.Exit(9)
			}
			return errors.New("a task that fails")
		})
	}
	options := []fleet.Option{fleet.NATS(url), fleet.AckWait(2 * time.Second)}
	if n, _ := strconv.Atoi(os.Getenv(childDevices)); n > 0 {
		options = append(options, fleet.Devices(hooked.Devices{Batch: n}))
	}
	err := fleet.Work(context.Background(), nil, options...)
	fmt.Fprintln(os.Stderr, "the worker has ended:", err)
	os.Exit(1)
}

// process is a worker in a process of its own.
type process struct {
	t   testing.TB
	cmd *exec.Cmd
}

// startWorker begins one; it ends with the test at the latest. env comes after what it has itself.
func startWorker(t testing.TB, url, cache string, slow time.Duration, env ...string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url, childSlow+"="+strconv.Itoa(int(slow.Milliseconds())), "GOPHERLENS_CACHE="+cache,
		"GOMLX_BACKEND=go", "GOPHERLENS_RESIDENT=off")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t, cmd}
	t.Cleanup(p.kill)
	return p
}

// kill ends the process as kill -9 does, suspended or not.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

func (p *process) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Error(err)
	}
}

// supervise keeps so many workers running until it is stopped, as whoever runs a cluster does.
func supervise(t testing.TB, url string, n int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	cache := os.Getenv("GOPHERLENS_CACHE")
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				p := startWorker(t, url, cache, 0)
				done := make(chan struct{})
				go func() { p.cmd.Wait(); close(done) }()
				select {
				case <-done:
				case <-ctx.Done():
					p.cmd.Process.Kill()
					<-done
				}
			}
		})
	}
	return func() {
		cancel()
		all.Wait()
	}
}
