package corpus

import "iter"

// Contexts are rows of token ids, all of one length, in a fixed order that can be read again from
// any row.
type Contexts interface {
	// Length is the number of tokens in a row.
	Length() int

	// From gives the rows from this one on, to the end; none where row is their number. An error is
	// the last that it gives. A row belongs to whoever gets it: it is not written to again.
	From(row int) iter.Seq2[[]int, error]

	// Key says what rows these are: the same key, the same rows in the same order.
	Key() string
}
