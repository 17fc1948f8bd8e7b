package hooked

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"gopherlens/internal/cell"
)

// failed panics with err. It returns where a variable's initialiser calls its caller directly, has
// failed in an earlier cell too, and is of no use to this one: see [Must].
func failed(err error) {
	v, ok := cell.Initialiser(1)
	if !ok {
		panic(err)
	}
	if v.FailedBefore() && v.Direct && !v.Needed() {
		// A cell that fails for what an earlier one did wrong is worse than a library that prints.
		fmt.Fprintf(os.Stderr, "%s left out: %v; correct the declaration, or forget it with %%rm %s\n",
			strings.Join(v.Names, ", ")+isOrAre(v.Names), err, v.Names[0])
		return
	}
	panic(inInitialiser(err, v))
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
