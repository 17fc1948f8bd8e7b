package arena

import "fmt"

// A NotDone is what the stub of an exercise panics with.
type NotDone struct{ Exercise string }

// Error implements error.
func (n NotDone) Error() string {
	return fmt.Sprintf("exercise %q is not done yet: fill in its cell and run it", n.Exercise)
}

// Todo stands in a stub, as panic(arena.Todo("1.1 layer norm")), where the student's code is to be.
func Todo(exercise string) error { return NotDone{exercise} }
