package examples_test

import (
	"context"
	"fmt"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/examples"
)

// What makes a neuron fire? The model here is a random one, so only the form of the result means
// something.
func Example() {
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

// What makes a feature of a dictionary fire? It is an entry of the site that a splice makes.
func Example_dictionary() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	d := hooked.Must(dictionary.Load("../dictionary/testdata/saes/transcoder_mlp"))
	contexts := hooked.Must(corpus.FromTokens([][]int{{5, 1, 4}, {2, 6, 5}, {3, 1, 9}, {7, 3, 1}}))
	config := examples.Config{Top: 1, Edits: []hooked.Option{dictionary.Splice(d)}}
	found := hooked.Must(examples.Find(context.Background(), model, contexts, config, examples.Entries(d.Acts(), 91, 7)))
	for _, feature := range found.Features {
		e := feature.Top[0]
		fmt.Printf("%s: row %d, tokens %v, largest at position %d\n", feature.Label, e.Row, e.Tokens, e.Pos)
	}
	// Output:
	// blocks.1.hook_mlp_out.hook_sae_acts_post[91]: row 2, tokens [3 1 9], largest at position 0
	// blocks.1.hook_mlp_out.hook_sae_acts_post[7]: row 2, tokens [3 1 9], largest at position 2
}
