package train

import (
	"iter"
	"math/rand/v2"

	"gopherlens/internal/brief"
)

// Data gives a batch for each step. A sequence that ends begins again with the next step; one that
// never ends, as [Batch.Shuffled]'s, decides itself what follows. The same batches in the same
// order make the same numbers, so a sequence of random batches takes its random numbers from a
// seed, and begins with them when it is ranged over: [Resume] ranges over it again and leaves out
// what the run has read.
type Data = iter.Seq2[Batch, error]

// From is a sequence of batches that cannot fail as [Data].
func From(batches iter.Seq[Batch]) Data {
	return func(yield func(Batch, error) bool) {
		for b := range batches {
			if !yield(b, nil) {
				return
			}
		}
	}
}

// Full is the whole set of examples in each step.
func (b Batch) Full() Data {
	return func(yield func(Batch, error) bool) {
		if err := b.checkRows(); err != nil {
			yield(Batch{}, err)
			return
		}
		yield(b, nil)
	}
}

// InOrder are the examples in batches of size rows, one after the other; the last may have fewer.
// It is for evaluation.
func (b Batch) InOrder(size int) Data {
	return func(yield func(Batch, error) bool) {
		if err := b.checkSize(size); err != nil {
			yield(Batch{}, err)
			return
		}
		for from := 0; from < len(b.Tokens); from += size {
			var at []int
			for k := from; k < min(from+size, len(b.Tokens)); k++ {
				at = append(at, k)
			}
			if !yield(b.rows(at), nil) {
				return
			}
		}
	}
}

// Shuffled are the examples in batches of size rows for ever: each epoch in another order, which
// follows from the seed. What makes no whole batch at an epoch's end is left out of it, since a
// batch of another size would be another program.
func (b Batch) Shuffled(size int, seed uint64) Data {
	return func(yield func(Batch, error) bool) {
		if err := b.checkSize(size); err != nil {
			yield(Batch{}, err)
			return
		}
		random := rand.New(rand.NewPCG(seed, 0))
		for {
			order := random.Perm(len(b.Tokens))
			for ; len(order) >= size; order = order[size:] {
				if !yield(b.rows(order[:size]), nil) {
					return
				}
			}
		}
	}
}

func (b Batch) checkSize(size int) error {
	if err := b.checkRows(); err != nil {
		return err
	}
	if size < 1 || size > len(b.Tokens) {
		return brief.Errorf("batches of %d rows: there are %d examples, so want 1 to %d", size, len(b.Tokens), len(b.Tokens))
	}
	return nil
}

// Split are two sets of examples: a share of them, chosen by the seed, and the others.
func (b Batch) Split(share float64, seed uint64) (first, rest Batch, err error) {
	if err := b.checkRows(); err != nil {
		return first, rest, err
	}
	n := int(share * float64(len(b.Tokens)))
	if !(share > 0 && share < 1) || n == 0 {
		return first, rest, brief.Errorf("a share of %v of %d examples leaves one side empty: want one between 0 and 1", share, len(b.Tokens))
	}
	order := rand.New(rand.NewPCG(seed, 0)).Perm(len(b.Tokens))
	return b.rows(order[:n]), b.rows(order[n:]), nil
}

// epochs is data that begins again when it ends.
func epochs[T any](data iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			some := false
			for b, err := range data {
				some = true
				if !yield(b, err) {
					return
				}
			}
			if !some {
				var none T
				yield(none, brief.Errorf("the data has no batches: if it is an iterator that can be read only once, make a new one each time it is ranged over"))
				return
			}
		}
	}
}
