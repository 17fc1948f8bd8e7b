package hooked

import (
	"fmt"

	"gopherlens/internal/brief"
)

// named runs a function of the user's, such as an edit, and says in whatever it panics with where
// that was. GoMLX's functions panic with errors, a slip in the function itself with one of Go's,
// and some authors panic with a text: each becomes an error of the run.
func named(where string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			panic(fmt.Errorf("%s: %w", where, asError(r)))
		}
	}()
	f()
}

// asError is what a function panicked with as an error.
func asError(panicked any) error {
	if err, ok := panicked.(error); ok {
		return err
	}
	return brief.Errorf("%v", panicked)
}
