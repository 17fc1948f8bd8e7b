package hooked

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// slip has a fault of this package's own code: it asks an array without axes for a value.
func slip() { (&Array{}).at(0, 0, 0) }

// TestBugs makes faults of our own and sees how they cross the edge: as errors that say that it is
// our bug and where, with the stack at hand.
func TestBugs(t *testing.T) {
	for what, err := range map[string]error{
		"guarded":       guarded(func() error { slip(); return nil }),
		"Try":           Try(func() { slip() }),
		"Try in Try":    Try(func() { Must(0, Try(func() { slip() })) }),
		"a loader":      inParallel(t.Context(), 3, func(i int) error { slip(); return nil }),
		"a method":      Try(func() { (&Cache{m: &Model{}, later: map[Site]computing{ResidPre: nil}}).add(ResidPre, nil) }),
		"another error": guarded(func() error { fail("axis %q", "x"); return nil }),
	} {
		var fault runtime.Error
		if what == "another error" {
			if errors.As(err, &fault) || err.Error() != `hooked: axis "x"` {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		text := fmt.Sprint(err)
		if !errors.As(err, &fault) || !strings.HasPrefix(text, "this is a bug in gopherlens, please report it: ") || !strings.Contains(text, ", at hooked/") {
			t.Errorf("%s: %v", what, err)
		}
		if what != "a method" && !strings.Contains(text, "index out of range [1] with length 0, at hooked/process_refactor.go:") {
			t.Errorf("%s does not say where: %v", what, err)
		}
		if stack := fmt.Sprintf("%+v", err); !strings.Contains(stack, "goroutine ") || !strings.Contains(stack, "hooked.TestBugs") && what != "a loader" {
			t.Errorf("%s: no stack in %s", what, stack)
		}
	}
}

// TestBugWhileCompiling makes a fault while a program is traced: it is told to whoever waits for
// the program too.
func TestBugWhileCompiling(t *testing.T) {
	e := newEngine(nil)
	for range 2 {
		_, err := e.program(programKey{kind: "test"}, func() (*program, error) { slip(); return nil, nil })
		if err == nil || !strings.Contains(err.Error(), "this is a bug") {
			t.Errorf("got %v", err)
		}
	}
}
