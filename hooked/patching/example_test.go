package patching_test

import (
	"fmt"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
)

// Which positions of the residual stream carry what distinguishes the two prompts? The model here
// is a random one of three layers, so only the shape of the answer means something.
func Example() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing))
	prompts := []string{"When John and Mary went to the shops, John gave the bag to", "When John and Mary went to the shops, Mary gave the bag to"}
	clean := hooked.Must(model.ToTokens(prompts))
	corrupted := hooked.Tokens{clean[1], clean[0]}
	answers := hooked.Must(model.ToSingleTokens([][]string{{" Mary", " John"}, {" John", " Mary"}}))

	sweep := patching.Sweep{
		Kind:   patching.ResidPre,
		Base:   corrupted,
		Source: patching.FromTokens(clean),
		Metric: hooked.LogitDiff(answers),
	}
	grid := hooked.Must(sweep.Run(model))
	fmt.Println(grid.AxisNames(), grid.Shape())
	fmt.Printf("%q is the first that can matter: %t, %t\n", grid.AxisLabels(1)[10], grid.At(0, 9) == grid.At(0, 1), grid.At(0, 10) != grid.At(0, 1))
	// Output:
	// [layer pos] [3 15]
	// " Mary 10" is the first that can matter: true, true
}

// Any site and any of its axes can be swept. Here every head is replaced by its mean over the
// prompts, layer by layer. The prompts are of unequal length, so that one is padded.
func ExampleKind() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing))
	prompts := hooked.Must(model.ToTokens([]string{"John gave the bag to Mary", "Mary gave the bag to John"}, hooked.PaddingSide(hooked.Left)))
	sweep := patching.Sweep{
		Kind:   patching.Kind{Site: hooked.AttnZ, Over: "layer head"},
		Base:   prompts,
		Source: patching.Mean{Of: prompts, Over: "batch"},
		Metric: hooked.LogitDiff(hooked.Tokens{{5, 6}, {6, 5}}),
	}
	grid := hooked.Must(sweep.Run(model, patching.PaddingSide(hooked.Left)))
	fmt.Println(grid.AxisNames(), grid.Shape())
	// Output: [layer head] [3 3]
}
