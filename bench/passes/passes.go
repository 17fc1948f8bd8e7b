// Package passes has the inputs of the forward passes that are measured, and tells when one is
// done.
package passes

import "gopherlens/hooked"

// Prompts are up to 266 prompts that have no token in the same place.
func Prompts(batch, pos int) hooked.Tokens {
	tokens := make(hooked.Tokens, batch)
	for b := range tokens {
		for p := range pos {
			tokens[b] = append(tokens[b], (b*150+p*37+11)%40000)
		}
	}
	return tokens
}

// Done reads one logit of a run: until then a backend may still be computing.
func Done(logits *hooked.Tensor, err error) error {
	if err != nil {
		return err
	}
	return hooked.Try(func() { logits.At(0, 0, 0).Item() })
}
