package corpus

import (
	"fmt"
	"iter"
	"math"

	"gopherlens/internal/brief"
	"gopherlens/internal/permute"
)

// Shuffled are texts in an order that follows from the seed: any of all orders, as far as 64 bits
// tell. The order itself takes no memory. The texts have to be [Indexed]; others have
// [ShuffledWithin].
func Shuffled(texts Texts, seed uint64) (Indexed, error) {
	t, ok := texts.(Indexed)
	if !ok {
		return nil, brief.Errorf("corpus: texts of type %T are read one after the other and cannot be shuffled as a whole: use ShuffledWithin", texts)
	}
	if t.Len() == 0 {
		return nil, brief.Errorf("corpus: there are no texts to shuffle")
	}
	return &shuffled{t, permute.Order{N: t.Len(), Seed: seed}}, nil
}

// shuffled are texts in another order.
type shuffled struct {
	texts Indexed
	order permute.Order
}

// Len implements [Indexed].
func (s *shuffled) Len() int { return s.texts.Len() }

// At implements [Indexed].
func (s *shuffled) At(i int) (Document, error) {
	if err := checkAt(i, s.Len()); err != nil {
		return Document{}, err
	}
	return s.texts.At(s.order.At(i))
}

// From implements [Texts].
func (s *shuffled) From(document int) iter.Seq2[Document, error] { return fromIndexed(s, document) }

// Key implements [Texts].
func (s *shuffled) Key() string { return fmt.Sprintf("shuffled %d: %s", s.order.Seed, s.texts.Key()) }

// ShuffledWithin are texts of which each so many (the window) are read, and given in an order that
// follows from the seed. The memory is that of a window; documents that lie further apart keep
// their order.
func ShuffledWithin(texts Texts, window int, seed uint64) (Texts, error) {
	if texts == nil {
		return nil, brief.Errorf("corpus: the texts are nil: look at the error of the call that should have made them")
	}
	if window < 2 {
		return nil, brief.Errorf("corpus: a window of %d documents shuffles nothing: want 2 or more", window)
	}
	return &windowed{texts, window, seed}, nil
}

// windowed are texts that are shuffled in windows.
type windowed struct {
	texts  Texts
	window int
	seed   uint64
}

// Key implements [Texts].
func (w *windowed) Key() string {
	return fmt.Sprintf("shuffled %d within %d: %s", w.seed, w.window, w.texts.Key())
}

// From implements [Texts].
func (w *windowed) From(document int) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if document < 0 {
			yield(Document{}, brief.Errorf("corpus: there is no document %d", document))
			return
		}
		number, skip := document/w.window, document%w.window
		var held []Document
		give := func() bool {
			order := permute.Order{N: len(held), Seed: permute.Mix(w.seed + uint64(number))}
			for i := skip; i < len(held); i++ {
				if !yield(held[order.At(i)], nil) {
					return false
				}
			}
			number, skip, held = number+1, max(skip-len(held), 0), held[:0]
			return true
		}
		for d, err := range w.texts.From(number * w.window) {
			if err != nil {
				yield(Document{}, err)
				return
			}
			if held = append(held, d); len(held) == w.window && !give() {
				return
			}
		}
		if give() && skip > 0 {
			yield(Document{}, checkFrom(document, document-skip))
		}
	}
}

// Split divides texts by documents: a share of them, chosen by the seed, and the others, in the
// order that they have. Of [Indexed] texts the share is exact to a document, and both sides are
// Indexed, too, with 8 bytes of memory for each document; of others each document is drawn for
// itself.
func Split(texts Texts, share float64, seed uint64) (first, rest Texts, err error) {
	if texts == nil {
		return nil, nil, brief.Errorf("corpus: the texts are nil: look at the error of the call that should have made them")
	}
	if !(share > 0 && share < 1) {
		return nil, nil, brief.Errorf("corpus: a share of %v leaves one side empty: want one between 0 and 1", share)
	}
	name := fmt.Sprintf("share %v of %d", share, seed)
	t, ok := texts.(Indexed)
	if !ok {
		if !(share >= leastDrawn && share <= 1-leastDrawn) {
			return nil, nil, brief.Errorf("corpus: a share of %v of texts that are read one after the other: want one between %v and %v", share, leastDrawn, 1-leastDrawn)
		}
		drawn := func(i int) bool { return float64(permute.Mix(seed^permute.Mix(uint64(i)))>>11)/(1<<53) < share }
		return &side{texts, drawn, name}, &side{texts, func(i int) bool { return !drawn(i) }, "not " + name}, nil
	}
	n, order := int(math.Round(share*float64(t.Len()))), permute.Order{N: t.Len(), Seed: seed}
	if n == 0 || n == t.Len() {
		return nil, nil, brief.Errorf("corpus: a share of %v of %d documents leaves one side empty", share, t.Len())
	}
	a, b := &picked{texts: t, name: name}, &picked{texts: t, name: "not " + name}
	for i := range t.Len() {
		if order.At(i) < n {
			a.at = append(a.at, i)
		} else {
			b.at = append(b.at, i)
		}
	}
	return a, b, nil
}

// leastDrawn bounds how many numbers are looked at for one that is drawn.
const leastDrawn = 1e-6

// picked are some of the documents.
type picked struct {
	texts Indexed
	at    []int
	name  string
}

// Len implements [Indexed].
func (p *picked) Len() int { return len(p.at) }

// At implements [Indexed].
func (p *picked) At(i int) (Document, error) {
	if err := checkAt(i, len(p.at)); err != nil {
		return Document{}, err
	}
	return p.texts.At(p.at[i])
}

// From implements [Texts].
func (p *picked) From(document int) iter.Seq2[Document, error] { return fromIndexed(p, document) }

// Key implements [Texts].
func (p *picked) Key() string { return p.name + ": " + p.texts.Key() }

// side are some of the documents of texts whose number nobody knows.
type side struct {
	texts Texts
	has   func(document int) bool
	name  string
}

// Key implements [Texts].
func (s *side) Key() string { return s.name + ": " + s.texts.Key() }

// From implements [Texts].
func (s *side) From(document int) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if document < 0 {
			yield(Document{}, brief.Errorf("corpus: there is no document %d", document))
			return
		}
		i := 0
		for before := 0; before < document; i++ {
			if s.has(i) {
				before++
			}
		}
		for d, err := range s.texts.From(i) {
			if (err != nil || s.has(i)) && !yield(d, err) {
				return
			}
			i++
		}
	}
}
