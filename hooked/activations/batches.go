package activations

import (
	"iter"
	"strings"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/permute"
)

// A Reading says in which order a store is read.
type Reading struct {
	Size int // activations in a batch; the last of an epoch has what is left

	// Shuffle reads in an order that follows from the Seed, another in each epoch: a permutation of
	// all activations, so that neighbours in the text are in different batches. It takes no memory.
	Shuffle bool
	Seed    uint64

	SkipFirst bool // without the first position of each row
	// Exclude leaves out the activations of these tokens, such as a BOS between two documents. What
	// is left is noted beforehand, in 8 bytes of memory for each.
	Exclude []int
	Epochs  int // how often everything is read; 1 unless given, -1 for ever

	// From leaves out so many batches, without reading them: [Batch.Next] of the last one read goes
	// on after it.
	From int

	// DropLast leaves out a last batch that is not full.
	DropLast bool
}

// A Batch is some activations of a site.
type Batch struct {
	Values []float32 // [size, width], row-major
	Site   Site

	Tokens    []int // the token of each
	Rows      []int // the row that it is in
	Positions []int // where in the row

	Epoch, Next int // of the batch; Next is [Reading.From] for what follows

	store *Store
}

// Batches reads the activations of a site. The slices of a batch are the reader's: each has its
// own.
func (s *Store) Batches(at hooked.Selector, r Reading) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		o, err := s.order(at, r)
		if err != nil {
			yield(nil, err)
			return
		}
		for number := r.From; o.epochs < 0 || number < o.epochs*o.batches; number++ {
			b, err := o.batch(number)
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// order is a reading under way.
type order struct {
	store   *Store
	site    int
	r       Reading
	n       int // activations in an epoch
	batches int // in an epoch
	epochs  int
	places  []int // of what Exclude leaves; nil for all
}

func (s *Store) order(at hooked.Selector, r Reading) (*order, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	site, err := s.index.About.site(at)
	if err != nil {
		return nil, err
	}
	o := &order{store: s, site: site, r: r, n: s.Tokens(), epochs: r.Epochs}
	if r.SkipFirst {
		o.n -= s.Rows()
	}
	if len(r.Exclude) > 0 {
		o.places = s.without(r)
		o.n = len(o.places)
	}
	if o.epochs == 0 {
		o.epochs = 1
	}
	switch {
	case r.Size < 1:
		return nil, brief.Errorf("Reading.Size is %d: want the number of activations in a batch", r.Size)
	case r.Seed != 0 && !r.Shuffle:
		return nil, brief.Errorf("Reading.Seed is %d without Shuffle: it would do nothing", r.Seed)
	case r.From < 0:
		return nil, brief.Errorf("Reading.From is %d: want the number of batches to leave out", r.From)
	case r.Epochs < -1:
		return nil, brief.Errorf("Reading.Epochs is %d: want a number, or -1 for ever", r.Epochs)
	case o.n == 0 && len(r.Exclude) > 0:
		return nil, brief.Errorf("Reading.Exclude leaves nothing: all %d activations are of its tokens", s.Tokens())
	case o.n == 0:
		return nil, brief.Errorf("rows of one token have nothing besides their first position")
	}
	if o.batches = o.n / r.Size; !r.DropLast && o.n%r.Size > 0 {
		o.batches++
	}
	if o.batches == 0 {
		return nil, brief.Errorf("the store has %d activations, and no full batch of %d: want smaller ones, or no DropLast", o.n, r.Size)
	}
	return o, nil
}

// without are the places of the activations that a reading leaves.
func (s *Store) without(r Reading) []int {
	a := s.index.About
	excluded := make(map[int]bool)
	for _, id := range r.Exclude {
		excluded[id] = true
	}
	var places []int
	for place := range s.Tokens() {
		sh, at := s.shards[place/(a.Shard*a.Context)], place%(a.Shard*a.Context)
		if !excluded[sh.token(at)] && !(r.SkipFirst && place%a.Context == 0) {
			places = append(places, place)
		}
	}
	return places
}

// batch is the batch of a number, counted over all epochs.
func (o *order) batch(number int) (*Batch, error) {
	if err := o.store.check(); err != nil {
		return nil, err
	}
	epoch, from := number/o.batches, number%o.batches*o.r.Size
	places := make([]int, min(o.r.Size, o.n-from))
	shuffled := permute.Order{N: o.n, Seed: permute.Mix(permute.Mix(o.r.Seed) + uint64(epoch))}
	for i := range places {
		places[i] = from + i
		if o.r.Shuffle {
			places[i] = shuffled.At(from + i)
		}
		if o.places != nil {
			places[i] = o.places[places[i]]
		} else if o.r.SkipFirst { // the i-th of those that are left
			places[i] += places[i]/(o.store.index.About.Context-1) + 1
		}
	}
	b := o.store.read(o.site, places)
	b.Epoch, b.Next = epoch, number+1
	return b, nil
}

// read reads activations by their places: row * context + position.
func (s *Store) read(site int, places []int) *Batch {
	a := s.index.About
	c, width := codecs[a.DType], a.Sites[site].Width()
	b := &Batch{Values: make([]float32, len(places)*width), Site: a.Sites[site], store: s,
		Tokens: make([]int, len(places)), Rows: make([]int, len(places)), Positions: make([]int, len(places))}
	inShard := a.Shard * a.Context
	for i, place := range places {
		sh, at := s.shards[place/inShard], place%inShard
		c.decode(b.Values[i*width:(i+1)*width], sh.values[site][at*width*c.size:(at+1)*width*c.size])
		b.Tokens[i], b.Rows[i], b.Positions[i] = sh.token(at), place/a.Context, place%a.Context
	}
	return b
}

// At are the same tokens' activations at another site of the store, [size, width].
func (b *Batch) At(at hooked.Selector) ([]float32, error) {
	if b == nil || b.store == nil {
		return nil, brief.Errorf("the batch is nil, or activations.Batch{}: look at the error that came with it")
	}
	if err := b.store.check(); err != nil {
		return nil, err
	}
	a := b.store.index.About
	site, err := a.site(at)
	if err != nil {
		return nil, err
	}
	places := make([]int, len(b.Rows))
	for i, row := range b.Rows {
		places[i] = row*a.Context + b.Positions[i]
	}
	return b.store.read(site, places).Values, nil
}

// Tensor is the batch as a tensor [batch, ...] with the site's axes, such as [batch, d_model].
func (b *Batch) Tensor() (*hooked.Tensor, error) {
	if b == nil || b.store == nil {
		return nil, brief.Errorf("the batch is nil, or activations.Batch{}: look at the error that came with it")
	}
	shape := append([]int{len(b.Rows)}, b.Site.Shape...)
	return hooked.NewTensor(&hooked.Array{Shape: shape, Data: b.Values}, strings.Join(append([]string{"batch"}, b.Site.Axes...), " "))
}

// ReadRows reads the activations of a site in whole rows, from one row up to another, which is not
// read.
func (s *Store) ReadRows(at hooked.Selector, from, to int) (*Batch, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	site, err := s.index.About.site(at)
	if err != nil {
		return nil, err
	}
	if from < 0 || to <= from || to > s.Rows() {
		return nil, brief.Errorf("there are no rows from %d to before %d: the store has %d", from, to, s.Rows())
	}
	length := s.index.About.Context
	places := make([]int, (to-from)*length)
	for i := range places {
		places[i] = from*length + i
	}
	return s.read(site, places), nil
}
