package train

import (
	"errors"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	mltrain "github.com/gomlx/gomlx/ml/train"

	"gopherlens/internal/golden"
)

// TestFits holds a step's size against the memory that there is.
func TestFits(t *testing.T) {
	size := stepSize{held: 3e9, gradients: 1e9, activations: 5e8}
	if err := size.fits(4.5e9); err != nil {
		t.Error(err)
	}
	err := size.fits(4e9)
	if !errors.Is(err, errTooLarge) {
		t.Fatalf("%v", err)
	}
	for _, part := range []string{"4.50 GB at least", "activations 0.50 GB", "there are 4.00 GB", "Accumulate"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
}

// TestPresent holds that in the second program of a training all but the batch is there already:
// weights, and what the optimizer remembers of them.
func TestPresent(t *testing.T) {
	cfg := tinySums(t, 2)
	f, err := newFit(tiny(t, golden.PureGo(t)), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.begin(); err != nil {
		t.Fatal(err)
	}
	var held, there []int
	note := func(g *Graph, s stepSize) error {
		held, there = append(held, s.held), append(there, present(f.store, g))
		return nil
	}
	f.trainer = mltrain.NewTrainer(f.main.graphs.Backend(), f.store, f.modelFn, nil, guarded{f.cfg.Optimizer, 0, note}, nil, nil)
	for b, err := range cfg.Data {
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{8, 4} { // rows: two programs
			if _, err := f.train(b.rows([]int{0, 1, 2, 3, 4, 5, 6, 7}[:n])); err != nil {
				t.Fatal(err)
			}
		}
		break
	}
	weights := 0
	for _, shape := range f.main.graphs.Weights() {
		weights += int(shape.ByteSize())
	}
	const small = 1000 // batch, norm, numbers of steps
	if len(held) != 2 || there[0] > weights+small || there[1] < 3*weights/2 || held[1]-there[1] > small {
		t.Errorf("of %d bytes %d are there, with weights of %d", held, there, weights)
	}
}
