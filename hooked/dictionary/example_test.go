package dictionary_test

import (
	"context"
	"fmt"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
)

// A dictionary's features are sites of a run like the model's own. The model here is a random one
// of three layers, so only the shape of the answer means something.
func Example() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	d := hooked.Must(dictionary.Load("testdata/saes/matryoshka_resid"))
	splice := dictionary.Splice(d, dictionary.SpliceOptions{ErrorTerm: true})

	text := "When John and Mary went to the shops"
	logits, cache := hooked.Must2(model.RunWithCache(text, splice))
	fmt.Println(d.Acts(), cache.Get(d.Acts()).Shape())

	strongest := hooked.Must(d.Features(model, text)).TopFeatures(1)[0].Feature
	without := hooked.Must(model.Run(text, splice, hooked.Edit(d.Acts(), hooked.Zero(hooked.Along("feature", strongest)))))
	fmt.Println("the feature matters:", without.Sub(logits).Abs().Max().Item() > 1e-3)
	// Output:
	// blocks.2.hook_resid_pre.hook_sae_acts_post [1 9 96]
	// the feature matters: true
}

func ExampleDictionary_Measure() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	d := hooked.Must(dictionary.Load("testdata/saes/standard_z"))
	contexts := hooked.Must(corpus.FromTokens([][]int{{0, 12, 8, 200, 31, 7}, {0, 5, 9, 200, 8, 8}}))
	m := hooked.Must(d.Measure(context.Background(), model, contexts))
	fmt.Printf("%d positions without the BOS, %.1f features at each\n", m.Positions, m.L0)
	fmt.Println("dead:", len(m.Dead()), "of", len(m.Fired))
	// Output:
	// 10 positions without the BOS, 37.9 features at each
	// dead: 36 of 96
}
