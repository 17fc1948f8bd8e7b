package arena

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gopherlens/hooked"
	"gopherlens/internal/course"
	"gopherlens/internal/fault"
)

// What a check can find.
const (
	done       = "done"
	notDone    = "not done yet"
	wrongShape = "wrong shape"
	wrong      = "wrong"
	failed     = "failed"
)

// A verdict is what a check found, and the panic that ends it.
type verdict struct {
	kind string
	text string   // what is wrong, in a sentence
	look []string // at what to look
}

// A T is what a check's function reports to. Its methods end the check at the first that does not
// hold.
type T struct {
	tolerance float64 // in parts of the largest number that is wanted
	amount    float64 // and in any case
}

// Where a check's line goes, and what ends the cell: tests have their own.
var (
	out  io.Writer = os.Stdout
	exit           = os.Exit
)

// Check runs the check of an exercise and prints a line with what it found. In a folder that make
// course has made it is recorded too. A wrong answer ends the cell; a stub does not.
func Check(exercise string, check func(t *T)) {
	v := judge(check)
	fmt.Fprint(out, line(exercise, v))
	if err := course.Note(".", exercise, v.kind, v.kind == done); err != nil {
		fmt.Fprintln(out, "  (this could not be recorded:", err, ")")
	}
	if v.kind != done && v.kind != notDone {
		exit(1)
	}
}

// judge runs a check. What its function panics with is the verdict.
func judge(check func(t *T)) (v verdict) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if found, ok := r.(verdict); ok {
			v = found
			return
		}
		err := fault.Recovered(r)
		var missing NotDone
		if errors.As(err, &missing) {
			v = verdict{kind: notDone, text: fmt.Sprintf("%q has its stub still", missing.Exercise)}
			return
		}
		text := err.Error()
		if at := fault.PanickedAt("gopherlens/notebooks/arena.judge"); at != "" {
			text = fmt.Sprintf("%s (%s)", text, at)
		}
		v = verdict{kind: failed, text: text}
		if errors.Is(err, hooked.ErrAxes) {
			v.kind = wrongShape
		}
	}()
	check(&T{tolerance: defaultTolerance})
	return verdict{kind: done}
}

// line is what is printed.
func line(exercise string, v verdict) string {
	switch v.kind {
	case done:
		return fmt.Sprintf("✓ %s\n", exercise)
	case notDone:
		text := ""
		if v.text != fmt.Sprintf("%q has its stub still", exercise) {
			text = " (" + v.text + ")"
		}
		return fmt.Sprintf("… %s: %s%s\n", exercise, notDone, text)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "✗ %s: %s: %s\n", exercise, v.kind, v.text)
	for _, look := range v.look {
		fmt.Fprintf(&b, "  look at: %s\n", look)
	}
	return b.String()
}

// fail ends the check.
func (t *T) fail(kind string, look []string, format string, args ...any) {
	panic(verdict{kind, fmt.Sprintf(format, args...), look})
}
