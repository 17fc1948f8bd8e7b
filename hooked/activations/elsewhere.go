package activations

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/underway"
	"gopherlens/internal/weights"
)

// A Fleet computes the shards of harvests elsewhere, as package fleet does on other machines.
type Fleet interface {
	// Shards computes all of the shards, in any order: it takes one after the other from next, and
	// gives what [About.Compute] wrote of it to keep.
	Shards(ctx context.Context, m *hooked.Model, about About, shards *Shards) error

	// Backend is what the workers compute with, as [About.Backend]; empty for the model's own.
	Backend() string
}

// A Shard is the rows of tokens of a shard that is to be computed.
type Shard struct {
	Number int
	Rows   [][]int
}

// Shards are those that a harvest lacks. Its methods are called one at a time.
type Shards struct {
	h      *harvest
	rows   *rowReader
	sums   *sums
	memory *filling
	number int  // the next one
	over   bool // there are no more
}

// Of is how many shards are to be computed, those that were already taken too; 0 if that is not
// known.
func (s *Shards) Of() int {
	if s.h.want == 0 {
		return 0
	}
	n := 0
	for number := 0; number*s.h.cfg.Shard < s.h.want; number++ {
		if !s.h.present(number) {
			n++
		}
	}
	return n
}

// Next is the next shard, and false where there is none any more.
func (s *Shards) Next() (Shard, bool, error) {
	h := s.h
	for ; !s.over && h.wanted(s.number); s.number++ {
		if h.present(s.number) {
			continue
		}
		first, n := s.number*h.cfg.Shard, h.cfg.Shard
		if h.want > 0 {
			n = min(n, h.want-first)
		}
		rows, err := s.rows.read(first, n)
		if err != nil {
			return Shard{}, false, brief.Errorf("the rows of tokens: %w", err)
		}
		h.ended = h.ended || len(rows) < n
		if len(rows) == 0 {
			break
		}
		shard := Shard{s.number, rows}
		s.number++
		s.over = h.ended
		return shard, true, nil
	}
	s.over = true
	return Shard{}, false, nil
}

// maxShards is more than any harvest has.
const maxShards = 1 << 40

// Keep puts what was computed of a shard into the folder, on whose behalf so many workers are at
// work. What is not of this shard, truncated or no finite numbers, is an
// [hooked.ErrUnsupportedFile] and changes nothing; any other error ends the harvest.
func (s *Shards) Keep(shard Shard, content io.Reader, workers int) error {
	h := s.h
	f := s.memory.again(h.index, shard.Number)
	s.memory = f
	if err := f.receive(shard, content); err != nil {
		return fault.Mark(brief.Errorf("shard %d: %w", shard.Number, err), fault.ErrUnsupportedFile)
	}
	if err := h.finishShard(f); err != nil {
		return err
	}
	if err := s.sums.advance(h.cfg.Folder, h.index); err != nil {
		return err
	}
	h.progressed(f.rows, workers)
	return nil
}

// elsewhere harvests what is missing in a fleet.
func (h *harvest) elsewhere(ctx context.Context) error {
	if h.index.Key != h.index.About.key() {
		return errors.New("another version of this program has begun this store: a fleet cannot go on with it, Config.On must be nil")
	}
	length := h.index.About.Context
	h.step = underway.Begin("harvesting")
	defer h.step.End()
	h.started, h.done = time.Now(), Progress{Tokens: h.index.rows() * length, Of: h.want * length}
	sums, err := loadSums(h.cfg.Folder, h.index)
	if err != nil {
		return err
	}
	s := &Shards{h: h, rows: &rowReader{contexts: h.contexts}, sums: sums}
	defer s.rows.close()
	err = h.cfg.On.Shards(ctx, h.m, h.index.About, s)
	if err := fault.Ended(ctx, "it was ended after %d tokens (harvest again to go on)", h.done.Tokens); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	return h.end(sums)
}

// receive fills a shard with what was computed elsewhere. All but the values is known, and held
// against what comes.
func (f *filling) receive(shard Shard, content io.Reader) error {
	f.rows = len(shard.Rows)
	f.setTokens(0, shard.Rows)
	in := &incoming{from: content}
	named := f.named()
	for i := range f.values {
		values := f.values[i][:f.rows*f.about.Context*f.about.Sites[i].Width()*f.codec.size]
		named[1+i].Write = func(w io.Writer) error { return in.fill(values, w) }
	}
	if err := weights.EncodeSafetensors(in, shardMetadata(f.key, f.number), named); err != nil {
		return err
	}
	if n, _ := io.ReadFull(content, make([]byte, 1)); n > 0 {
		return errors.New("there is more than the shard has")
	}
	for i, s := range f.about.Sites {
		if !f.codec.finite(f.values[i][:f.rows*f.about.Context*s.Width()*f.codec.size]) {
			return brief.Errorf("%s has values that are not finite", s.Name)
		}
	}
	return nil
}

// incoming is a writer that expects what is written to it to come from a reader.
type incoming struct {
	from   io.Reader
	filled bool // what is written next has come already
	buffer []byte
}

var errOther = errors.New("it is of another shard, or damaged")

func (in *incoming) Write(want []byte) (int, error) {
	if in.filled {
		in.filled = false
		return len(want), nil
	}
	in.buffer = append(in.buffer[:0], want...)
	if _, err := io.ReadFull(in.from, in.buffer); err != nil {
		return 0, cut(err)
	}
	if string(in.buffer) != string(want) {
		return 0, errOther
	}
	return len(want), nil
}

// fill reads values, and has w count them.
func (in *incoming) fill(values []byte, w io.Writer) error {
	if _, err := io.ReadFull(in.from, values); err != nil {
		return cut(err)
	}
	in.filled = true
	_, err := w.Write(values)
	return err
}

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it is cut off")
	}
	return err
}

// Compute runs a model over a shard's rows, and gives what writes the bytes of the shard's file as
// [Harvest] would. While the model runs it holds gate, if there is one, so that what is around it
// may be done for one shard while another is computed. A model, processing or backend other than
// those of a are an error that names which.
func (a About) Compute(ctx context.Context, m *hooked.Model, s Shard, gate sync.Locker) (write func(io.Writer) error, err error) {
	h, err := a.harvestOf(m, s)
	if err != nil {
		return nil, brief.Errorf("shard %d: %w", s.Number, err)
	}
	f, err := h.computed(ctx, s, gate)
	if err != nil {
		return nil, brief.Errorf("shard %d: %w", s.Number, err)
	}
	return func(w io.Writer) error {
		return weights.EncodeSafetensors(w, shardMetadata(f.key, f.number), f.named())
	}, nil
}

// harvestOf is the harvest that a shard belongs to, as it would be here.
func (a About) harvestOf(m *hooked.Model, s Shard) (*harvest, error) {
	if m == nil {
		return nil, errors.New("the model is nil")
	}
	x := &index{Format: storeFormat, Key: a.key(), About: a}
	if err := x.check(); err != nil {
		return nil, err
	}
	if err := s.check(a); err != nil {
		return nil, err
	}
	var found []hooked.Site
	var kept []Site
	failed := hooked.Try(func() {
		var err error
		if found, kept, err = sitesOf(m.Config(), names(a.Sites)); err != nil {
			panic(err)
		}
	})
	if failed != nil {
		return nil, failed
	}
	c := Config{DType: a.DType, Batch: a.Batch, Shard: a.Shard, NoCovariance: !a.Covariance}
	mine, err := aboutOf(m, a.Corpus, a.Context, kept, c)
	if err != nil {
		return nil, err
	}
	if err := mine.same(a); err != nil {
		return nil, err
	}
	return &harvest{m: m, contexts: theShard{s, a}, cfg: c, sites: found, index: x}, nil
}

// check refuses a shard that cannot be one of a's.
func (s Shard) check(a About) error {
	if s.Number < 0 || s.Number > maxShards || len(s.Rows) < 1 || len(s.Rows) > a.Shard {
		return brief.Errorf("a shard has 1 to %d rows, not %d", a.Shard, len(s.Rows))
	}
	for i, row := range s.Rows {
		if len(row) != a.Context {
			return brief.Errorf("row %d has %d tokens, want %d", i, len(row), a.Context)
		}
	}
	return nil
}

// computed runs and encodes at once.
func (h *harvest) computed(ctx context.Context, s Shard, gate sync.Locker) (*filling, error) {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	st := &stages{ctx: inner, cancel: cancel}
	batches, full, empty := make(chan batch, 1), make(chan *filling, 1), make(chan *filling, 1)
	h.want = s.Number*h.cfg.Shard + len(s.Rows)
	st.run(func(ctx context.Context) error {
		if gate != nil {
			gate.Lock()
			defer gate.Unlock()
		}
		rows := &rowReader{contexts: h.contexts}
		defer rows.close()
		if _, err := h.computeShard(ctx, s.Number, rows, batches); err != nil {
			return err
		}
		close(batches)
		return nil
	})
	st.run(func(ctx context.Context) error { return h.encode(ctx, batches, full, empty) })
	st.wait.Wait()
	if err := context.Cause(inner); err != nil {
		return nil, err
	}
	return <-full, nil
}

// theShard are the rows of one shard at their places among all.
type theShard struct {
	shard Shard
	about About
}

var _ corpus.Contexts = theShard{}

// Length implements [corpus.Contexts].
func (t theShard) Length() int { return t.about.Context }

// Key implements [corpus.Contexts].
func (t theShard) Key() string { return t.about.Corpus }

// From implements [corpus.Contexts].
func (t theShard) From(row int) iter.Seq2[[]int, error] {
	return func(yield func([]int, error) bool) {
		for _, r := range t.shard.Rows[row-t.shard.Number*t.about.Shard:] {
			if !yield(r, nil) {
				return
			}
		}
	}
}
