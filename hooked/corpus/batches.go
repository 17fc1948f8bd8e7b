package corpus

import (
	"gopherlens/hooked/train"
	"gopherlens/internal/brief"
)

// Batches are contexts as the data of a training, so many rows at a time, from the first to the
// last. A training begins again with the first when it has read all. What makes no whole batch at
// the end is left out, since a batch of another size would be another program.
func Batches(c Contexts, size int) train.Data {
	return func(yield func(train.Batch, error) bool) {
		switch {
		case c == nil:
			yield(train.Batch{}, brief.Errorf("corpus: the contexts are nil: look at the error of the call that should have made them"))
			return
		case size < 1:
			yield(train.Batch{}, brief.Errorf("corpus: batches of %d rows: want 1 or more", size))
			return
		}
		var batch train.Batch
		some := false
		for row, err := range c.From(0) {
			if err != nil {
				yield(train.Batch{}, err)
				return
			}
			if batch.Tokens = append(batch.Tokens, row); len(batch.Tokens) < size {
				continue
			}
			if !yield(batch, nil) {
				return
			}
			batch, some = train.Batch{}, true
		}
		if !some {
			yield(train.Batch{}, brief.Errorf("corpus: there are %d rows, which make no batch of %d", len(batch.Tokens), size))
		}
	}
}
