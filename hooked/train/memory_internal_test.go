package train

import (
	"errors"
	"strings"
	"testing"
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
