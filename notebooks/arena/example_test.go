package arena_test

import (
	"errors"
	"fmt"

	"gopherlens/notebooks/arena"
)

// A student's function begins as a stub. A check that calls it, arena.Check(exercise, ...), says
// that it is not done yet, and the notebook goes on.
func Example() {
	double := func(x float64) float64 { panic(arena.Todo("1.1 double")) }
	defer func() {
		var missing arena.NotDone
		if err, ok := recover().(error); ok && errors.As(err, &missing) {
			fmt.Printf("%q is not done yet\n", missing.Exercise)
		}
	}()
	fmt.Println(double(2))
	// Output: "1.1 double" is not done yet
}
