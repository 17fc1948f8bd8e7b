package underway

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
)

// A line is shown after two seconds, says how far the outermost step is that knows it, and is gone
// when the last step ends; nothing is shown of steps that are shorter.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		cell := &teller{show: func(text string) { lines = append(lines, text) }, notify: func(chan<- os.Signal) {}}
		for range 3 {
			s := cell.begin("short")
			time.Sleep(1900 * time.Millisecond)
			s.End()
		}
		if len(lines) > 0 {
			t.Fatalf("lines of short steps: %q", lines)
		}
		outer := cell.begin("loading")
		inner := cell.begin("reading")
		time.Sleep(2100 * time.Millisecond)
		inner.Sayf("%d of %d", 1, 30)
		time.Sleep(500 * time.Millisecond)
		inner.End()
		inner.End() // twice is once
		outer.Sayf("half")
		time.Sleep(500 * time.Millisecond)
		outer.End()
		want := []string{"… loading, 2 s", "… reading, 2 s: 1 of 30", "… loading, 3 s: half", ""}
		if !slices.Equal(lines, want) {
			t.Errorf("lines = %q, want %q", lines, want)
		}
	})
}

// Steps of many goroutines end in any order.
func TestConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		last := "none"
		cell := &teller{show: func(text string) { last = text }, notify: func(chan<- os.Signal) {}}
		var steps sync.WaitGroup
		for i := range 20 {
			steps.Go(func() {
				s := cell.begin(fmt.Sprint(i))
				s.Sayf("%d", i)
				time.Sleep(time.Duration(1+i*7%20) * time.Second)
				s.End()
			})
		}
		steps.Wait()
		if last != "" || len(cell.steps) > 0 {
			t.Errorf("the last line is %q, %d steps are left", last, len(cell.steps))
		}
	})
}

// An interrupt takes the line away and ends the process as it would without. The test runs itself
// as the cell.
func TestInterrupted(t *testing.T) {
	const child = "UNDERWAY_TEST_CELL"
	if os.Getenv(child) != "" {
		cell := &teller{show: func(text string) { fmt.Printf("%q\n", text) }, notify: interrupted}
		cell.begin("the sweep")
		time.Sleep(time.Minute)
		return
	}
	if signal.Ignored(os.Interrupt) {
		t.Skip("interrupts are ignored here, and so by children")
	}
	cmd := exec.Command(os.Args[0], "-test.run=TestInterrupted$")
	cmd.Env = append(os.Environ(), child+"=yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	var lines []string
	for in := bufio.NewScanner(out); in.Scan(); {
		if lines = append(lines, in.Text()); len(lines) == 1 {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = cmd.Wait()
	if last := lines[len(lines)-1]; last != `""` {
		t.Errorf("the last line is %s", last)
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("the process ended with %v, want by the interrupt", err)
	}
}

// Outside a notebook, and where it is turned off, there is nobody to tell.
func TestOutside(t *testing.T) {
	if gonbui.IsNotebook && os.Getenv(Variable) != "off" {
		t.Skip("in a notebook")
	}
	s := Begin("something")
	s.Sayf("%d", 1)
	s.End()
	if s != nil {
		t.Error("a step was begun")
	}
}
