package resident_test

import (
	"fmt"
	"os"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/resident"
)

// A table of primes is costly to make (say), so that the first process to want
// it keeps it, and each later one, such as the next cell of a notebook, gets it
// back in a moment. Sums of it are computed where it lies; a sum that was
// computed before is remembered.
func Example() {
	dir, _ := os.MkdirTemp("", "resident") // in a notebook none of these four
	defer os.RemoveAll(dir)                // lines is needed
	os.Setenv(resident.DirEnv, dir)
	os.Setenv(resident.BinEnv, os.Args[0])

	for range 2 { // as two processes would
		report, err := sumOfPrimes()
		if err != nil {
			report = err.Error()
		}
		fmt.Println(report)
	}
	resident.Stop()
	// Output:
	// made, sum 77
	// attached, sum 77
}

// sumOfPrimes connects to the worker as if nothing had happened before.
func sumOfPrimes() (string, error) {
	backend, err := resident.New("go:")
	if err != nil {
		return "", err
	}
	defer backend.Finalize()

	how := "attached"
	_, _, buffers, ok, err := backend.Attach("primes")
	if err == nil && !ok {
		how = "made"
		buffers, err = makePrimes(backend)
	}
	if err != nil {
		return "", err
	}
	primes, err := tensors.FromBuffer(buffers[0])
	if err != nil {
		return "", err
	}
	sum, err := graph.CallOnce(backend, func(x *graph.Node) *graph.Node { return graph.ReduceAllSum(x) }, primes)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, sum %v", how, sum.Value()), nil
}

func makePrimes(backend *resident.Backend) ([]compute.Buffer, error) {
	primes := []float32{2, 3, 5, 7, 11, 13, 17, 19}
	buffer, err := backend.BufferFromFlatData(0, primes, shapes.Make(dtypes.Float32, len(primes)))
	if err != nil {
		return nil, err
	}
	buffers := []compute.Buffer{buffer}
	return buffers, backend.Keep("primes", nil, []string{"primes"}, buffers)
}
