package models_test

import (
	"fmt"

	"gopherlens/hooked"
	"gopherlens/notebooks/models"
)

// The two-layer model of notebook 05, trained here and committed, is loaded and knows that a
// repeated half comes again.
func Example() {
	model := hooked.Must(models.Load("two-layers"))
	fmt.Println(hooked.Must(models.Of("two-layers")).About)
	losses := hooked.Must(model.Loss(models.TwoLayersRepeats(4, 1), hooked.LossPerToken())).Mean("batch")
	n := losses.Shape()[0]
	first, second := losses.At(hooked.Range{To: n / 2}).Mean().Item(), losses.At(hooked.Range{From: n/2 + 1}).Mean().Item()
	fmt.Println("the second half is foreseen:", first > 4*second)
	// Output:
	// two layers of attention alone, for ARENA 1.2
	// the second half is foreseen: true
}
