package lens_test

import (
	"fmt"

	"gopherlens/hooked"
	"gopherlens/hooked/lens"
)

// How likely is the answer, and what did the model think likelier? The model here is a random one,
// so only the form of the result means something.
func Example() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing))
	result := hooked.Must(lens.TestPrompt(model, "When John and Mary went to the shops, John gave the bag to", "Mary"))
	answer := result.Answer[0]
	fmt.Printf("%q is one of %d tokens asked about; the %d likeliest are listed\n", answer.Text, len(result.Answer), len(answer.Top))
	// Output: " Mary" is one of 1 tokens asked about; the 10 likeliest are listed
}

// Which heads look at the token before?
func ExampleDetectHead() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.DefaultProcessing))
	tokens := hooked.Must(model.ToTokens([]string{"When John and Mary went to the shops"}))
	scores := hooked.Must(lens.DetectHead(model, tokens, lens.PreviousToken, lens.Detection{ExcludeBOS: true}))
	fmt.Println(scores.AxisNames(), scores.Shape())
	// Output: [layer head] [3 3]
}
