package hooked

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/cell"
)

// failed panics with err. It returns where a variable's initialiser calls its caller directly, has
// failed in an earlier cell too, and is of no use to this one: see [Must].
func failed(err error) {
	v, ok := cell.Initialiser(1)
	if !ok {
		panic(err)
	}
	if !leftOut(v, err) {
		panic(inInitialiser(err, v))
	}
}

// leftOut reports whether the cell goes on without a variable whose initialiser failed, and says
// so.
func leftOut(v cell.Variable, why any) bool {
	if before := v.FailedBefore(); !before || !v.Direct || !v.Whole || v.Needed() {
		return false
	}
	var told initialiserError
	if err, ok := why.(error); ok && errors.As(err, &told) {
		why = told.err
	}
	// A cell that fails for what an earlier one did wrong is worse than a library that prints.
	fmt.Fprint(os.Stderr, brief.Sprintf("%s left out: %v; correct the declaration, or forget it with %%rm %s\n",
		strings.Join(v.Names, ", ")+isOrAre(v.Names), why, v.Names[0]))
	return true
}

func isOrAre(names []string) string {
	if len(names) > 1 {
		return " are"
	}
	return " is"
}

// inInitialiser adds to what stops a cell which declaration it came from.
func inInitialiser(err error, v cell.Variable) error {
	var told initialiserError
	if errors.As(err, &told) {
		return err
	}
	return initialiserError{err, v.Names}
}

// initialiserError is what went wrong in a declaration that later cells will run again.
type initialiserError struct {
	err   error
	names []string
}

func (e initialiserError) Error() string {
	return fmt.Sprintf("%v (in the declaration of %s, which every later cell runs again: correct it, or forget it with %%rm %s)",
		e.err, strings.Join(e.names, ", "), e.names[0])
}

func (e initialiserError) Unwrap() error { return e.err }
