package fault

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"gopherlens/internal/brief"
)

// A Bug is a runtime error, such as an index out of range, that this library's own code has run
// into. Printed with %+v it shows the stack.
type Bug struct {
	err   error
	at    []string // the last lines of ours, the nearest first
	stack []byte
}

// Error says whose fault it is and where it lies.
func (b *Bug) Error() string {
	return fmt.Sprintf("this is a bug in gopherlens, please report it: %v, at %s", b.err, strings.Join(b.at, ", called at "))
}

// Unwrap returns the runtime error.
func (b *Bug) Unwrap() error { return b.err }

// Format shows the stack where %+v asks for it.
func (b *Bug) Format(s fmt.State, verb rune) {
	io.WriteString(s, b.Error())
	if verb == 'v' && s.Flag('+') {
		fmt.Fprintf(s, "\n%s", b.stack)
	}
}

// BugOf is what a deferred function has recovered, where it is a runtime error and arose in code of
// this library, or of GoMLX below it; nil where it is anything else.
func BugOf(recovered any) *Bug {
	err, ok := recovered.(runtime.Error)
	if !ok {
		return nil
	}
	var at []string
	for _, f := range panicked() {
		if !isOurs(f) || len(at) == mostLines {
			break
		}
		at = append(at, line(f))
	}
	if at == nil {
		return nil
	}
	return &Bug{err: err, at: at, stack: debug.Stack()}
}

// Recovered is what a deferred function at the edge of a package has recovered, as an error.
func Recovered(recovered any) error {
	if bug := BugOf(recovered); bug != nil {
		return bug
	}
	if err, ok := recovered.(error); ok {
		return err
	}
	return brief.Errorf("%v", recovered)
}

// PanickedAt is the line of the user's own code in which the panic arose that a deferred function
// is recovering, or that has called what panicked, such as "/tmp/gonb_1/main.go:12", in which GoNB
// finds the cell; empty if the library has called none below the function called until.
func PanickedAt(until string) string {
	for _, f := range panicked() {
		switch {
		case f.Function == until:
			return ""
		case !isOurs(f):
			return line(f)
		}
	}
	return ""
}

// UsersLine is the line of the user's own code that has called this library; empty if there is
// none.
func UsersLine() string {
	for _, f := range callers() {
		if !isOurs(f) {
			return line(f)
		}
	}
	return ""
}

const (
	mostFrames = 64 // of the callers that are looked through
	mostLines  = 3  // that a message names
)

// callers are the functions that are being called, the innermost first, but for what this library
// is made of and what does nothing but recover.
func callers() []runtime.Frame {
	pcs := make([]uintptr, mostFrames)
	next := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	var found []runtime.Frame
	for more := true; more; {
		var f runtime.Frame
		if f, more = next.Next(); f.Function == "runtime.gopanic" || !isBelow(f) {
			found = append(found, f)
		}
	}
	return found
}

// panicked are the functions that were being called when the panic arose that is being recovered.
func panicked() []runtime.Frame {
	found := callers()
	for i, f := range found {
		if f.Function == "runtime.gopanic" {
			return slices.DeleteFunc(found[i:], func(f runtime.Frame) bool { return f.Function == "runtime.gopanic" })
		}
	}
	return nil
}

// line names a place: of ours by its path in the repository, of others by the whole one.
func line(f runtime.Frame) string {
	if isOurs(f) {
		return fmt.Sprintf("%s:%d", strings.TrimPrefix(f.File, root), f.Line)
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}

// root is where this library's files lie, as the compiler has called them.
var root = func() string {
	_, file, _, _ := runtime.Caller(0)
	return strings.TrimSuffix(file, "internal/fault/bug.go")
}()

// packages are the folders of the library's own code.
var packages = []string{"hooked/", "tokenize/", "plots/", "resident/", "internal/", "xla/"}

// isOurs tells functions of this library, but for its tests'. It goes by the file: a function
// literal in what was inlined is called after the function that it was inlined into.
func isOurs(f runtime.Frame) bool {
	file, ok := strings.CutPrefix(f.File, root)
	return ok && !strings.HasSuffix(file, "_test.go") && hasPrefixOf(file, packages)
}

// isBelow tells functions that this library is made of, and those that recover.
func isBelow(f runtime.Frame) bool {
	return hasPrefixOf(f.Function, below) || strings.Contains(f.File, "/github.com/gomlx/")
}

var below = []string{"gopherlens/internal/fault.", "gopherlens/hooked.guard", "gopherlens/hooked.Try.func", "gopherlens/hooked.named.func",
	"runtime.", "runtime/", "reflect.", "slices.", "maps.", "sync.", "strings.", "sort.", "iter.", "internal/", "github.com/gomlx/",
	"github.com/pkg/errors"}

func hasPrefixOf(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
