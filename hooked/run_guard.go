package hooked

import (
	"fmt"
	"runtime"

	"gopherlens/internal/brief"
	"gopherlens/internal/cell"
	"gopherlens/internal/fault"
)

// This file turns panics into errors. Graph functions and tensor methods panic with errors, as
// GoMLX's do; whatever else panics is a bug, of this library or of a function of the user's.

// Try runs f and returns as an error what a tensor method, a graph function or [Must] panicked
// with, and a fault of this library's own. A fault of the program itself, such as an index out of
// range in f, goes on as a panic.
func Try(f func()) (err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if bug := fault.BugOf(r); bug != nil {
			err = bug
			return
		}
		_, slip := r.(runtime.Error)
		e, ok := r.(error)
		if slip || !ok {
			panic(r)
		}
		if declared, ok := e.(initialiserError); ok {
			e = declared.err // whoever handles it knows where it is
		}
		err = e
	}()
	f()
	return nil
}

// fail is how tensor methods and the like panic, with an error that may wrap another.
func fail(format string, args ...any) { panicWith(brief.Errorf("hooked: "+format, args...)) }

// panicWith panics with err, which names the declaration that it happened in, if any.
func panicWith(err error) {
	if v, ok := cell.Initialiser(0); ok {
		err = inInitialiser(err, v)
	}
	panic(err)
}

// guard, deferred where the package is called, returns what its code panicked with: so no bug ends
// the program.
func guard(err *error) {
	if r := recover(); r != nil {
		*err = fault.Recovered(r)
	}
}

// guarded is f's error, or what it panicked with.
func guarded(f func() error) (err error) {
	defer guard(&err)
	return f()
}

// named runs a function of the user's, such as an edit, and says in whatever it panics with what it
// is and in which line that was. GoMLX's functions panic with errors, a slip in the function itself
// with one of Go's, and some authors panic with a text: each becomes an error of the run. line is
// where the function was given, for where it panics in none of its own.
func named(what, line string, f func()) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if at := fault.PanickedAt("gopherlens/hooked.named"); at != "" {
			line = at
		}
		panic(fmt.Errorf("%s: %w", placed(what, line), fault.Recovered(r)))
	}()
	f()
}

// placed is what, and in which line of the user's code.
func placed(what, line string) string {
	if line == "" {
		return what
	}
	return fmt.Sprintf("%s (%s)", what, line)
}
