package examples_test

import (
	"context"
	"fmt"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/examples"
)

// What makes a neuron fire? The model here is a random one, so only the form of the result means
// something.
func ExampleFind() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing))
	contexts := hooked.Must(corpus.FromTokens([][]int{{5, 1, 4}, {2, 6, 5}, {3, 1, 9}, {7, 3, 1}}))
	found := hooked.Must(examples.Find(context.Background(), model, contexts, examples.Config{Top: 2}, examples.Neurons(0)))
	neuron := hooked.Must(found.Feature("L0N7"))
	fmt.Printf("%d neurons on %d contexts\n", len(found.Features), found.Seen())
	for _, e := range neuron.Top {
		fmt.Printf("row %d, tokens %v: largest at position %d\n", e.Row, e.Tokens, e.Pos)
	}
	// Output:
	// 96 neurons on 4 contexts
	// row 0, tokens [5 1 4]: largest at position 2
	// row 1, tokens [2 6 5]: largest at position 1
}
