package activations

import (
	"context"
	"iter"
	"sync"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/underway"
)

// A harvest is three stages at work at once: one runs the model on batches of rows, one encodes
// what comes out into the shard that is being filled, one writes full shards and sums them up. Two
// shards at most are in memory.

// batch is some rows of a shard with their activations on the device.
type batch struct {
	shard  int
	rows   [][]int
	values []*hooked.Tensor // of each site
}

// stages run together; the first error ends all of them.
type stages struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	wait   sync.WaitGroup
}

func (s *stages) run(stage func(ctx context.Context) error) {
	s.wait.Go(func() {
		defer func() {
			if r := recover(); r != nil {
				s.cancel(fault.Recovered(r))
			}
		}()
		if err := stage(s.ctx); err != nil {
			s.cancel(err)
		}
	})
}

// send gives v to the next stage, unless all of them end.
func send[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// receive is what the stage before has sent, and whether there was anything more.
func receive[T any](ctx context.Context, from <-chan T) (v T, ok bool, err error) {
	select {
	case v, ok = <-from:
		return v, ok, nil
	case <-ctx.Done():
		return v, false, context.Cause(ctx)
	}
}

// run computes, encodes and writes what is missing.
func (h *harvest) run(ctx context.Context) error {
	length := h.index.About.Context
	h.step = underway.Begin("harvesting")
	defer h.step.End()
	h.started, h.done = time.Now(), Progress{Tokens: h.index.rows() * length, Of: h.want * length}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &stages{ctx: inner, cancel: cancel}
	batches, full, empty := make(chan batch, 1), make(chan *filling), make(chan *filling, 2)
	s.run(func(ctx context.Context) error { return h.compute(ctx, batches) })
	s.run(func(ctx context.Context) error { return h.encode(ctx, batches, full, empty) })
	s.run(func(ctx context.Context) error { return h.finish(ctx, full, empty) })
	s.wait.Wait()
	if err := fault.Ended(ctx, "it was ended after %d tokens (harvest again to go on)", h.done.Tokens); err != nil {
		return err
	}
	return context.Cause(inner)
}

// compute runs the model over the rows of all shards that are missing.
func (h *harvest) compute(ctx context.Context, out chan<- batch) error {
	rows := &rowReader{contexts: h.contexts}
	defer rows.close()
	for number := 0; h.wanted(number); number++ {
		if h.present(number) {
			continue
		}
		more, err := h.computeShard(ctx, number, rows, out)
		if err != nil {
			return err
		}
		if !more {
			h.ended = true
			break
		}
	}
	close(out) // not where there is an error: the shard that is being filled is not to be written
	return nil
}

// wanted reports whether there is to be a shard of this number, as far as is known.
func (h *harvest) wanted(number int) bool {
	if h.want > 0 && number*h.cfg.Shard >= h.want {
		return false
	}
	return !h.index.Ended || number < h.kept
}

// present reports whether a shard need not be computed.
func (h *harvest) present(number int) bool { return number < h.kept && !h.missing[number] }

// computeShard runs the model over the rows of a shard, and reports whether more may follow.
func (h *harvest) computeShard(ctx context.Context, number int, rows *rowReader, out chan<- batch) (more bool, err error) {
	end := (number + 1) * h.cfg.Shard
	if h.want > 0 {
		end = min(end, h.want)
	}
	for from := number * h.cfg.Shard; from < end; from += h.cfg.Batch {
		n := min(h.cfg.Batch, end-from)
		b := batch{shard: number}
		if b.rows, err = rows.read(from, n); err != nil {
			return false, brief.Errorf("the rows of tokens: %w", err)
		}
		if len(b.rows) > 0 {
			if b.values, err = h.activations(ctx, b.rows); err != nil {
				return false, brief.Errorf("rows %d to %d: %w", from, from+len(b.rows)-1, err)
			}
			if err := send(ctx, out, b); err != nil {
				return false, err
			}
		}
		if len(b.rows) < n {
			return false, nil
		}
	}
	return true, nil
}

// activations are those of some rows, on the device and perhaps still being computed.
func (h *harvest) activations(ctx context.Context, rows [][]int) ([]*hooked.Tensor, error) {
	cache, err := h.m.Cache(hooked.Tokens(rows), hooked.Names(h.sites), hooked.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	out := make([]*hooked.Tensor, len(h.sites))
	for i, s := range h.sites {
		if out[i], err = cache.Lookup(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// encode fills shards.
func (h *harvest) encode(ctx context.Context, in <-chan batch, full chan<- *filling, empty chan *filling) error {
	for range cap(empty) {
		empty <- nil // a shard that is to be allocated
	}
	var current *filling
	for {
		b, ok, err := receive(ctx, in)
		if err != nil {
			return err
		}
		if current != nil && (!ok || b.shard != current.number) {
			if err := send(ctx, full, current); err != nil {
				return err
			}
			current = nil
		}
		if !ok {
			close(full)
			return nil
		}
		if current == nil {
			if current, _, err = receive(ctx, empty); err != nil {
				return err
			}
			current = current.again(h.index, b.shard)
		}
		if err := h.encodeBatch(current, b); err != nil {
			return err
		}
	}
}

// encodeBatch adds a batch to the shard that is being filled.
func (h *harvest) encodeBatch(f *filling, b batch) (err error) {
	values := make([][]float32, len(b.values))
	err = hooked.Try(func() {
		for i, t := range b.values {
			values[i] = t.Float32s()
		}
	})
	if err != nil {
		return err
	}
	for _, t := range b.values { // the collector would come for them late
		if err := t.GoMLX().FinalizeAll(); err != nil {
			return err
		}
	}
	if err := f.add(b.rows, values); err != nil {
		return err
	}
	h.progressed(len(b.rows), 0)
	return nil
}

// progressed tells of rows that were computed, in a fleet by so many workers.
func (h *harvest) progressed(rows, workers int) {
	fresh := rows * h.index.About.Context
	h.done.Tokens, h.done.Fresh, h.done.Elapsed = h.done.Tokens+fresh, h.done.Fresh+fresh, time.Since(h.started)
	h.done.Workers = workers
	h.step.Sayf("%v", h.done)
	if h.cfg.Progress != nil {
		h.cfg.Progress(h.done)
	}
}

// finish writes full shards, notes them in the index and sums them up.
func (h *harvest) finish(ctx context.Context, full <-chan *filling, empty chan<- *filling) error {
	sums, err := loadSums(h.cfg.Folder, h.index)
	if err != nil {
		return err
	}
	for {
		f, ok, err := receive(ctx, full)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := h.finishShard(f); err != nil {
			return err
		}
		if err := sums.advance(h.cfg.Folder, h.index); err != nil {
			return err
		}
		empty <- f // there are never more than it has room for
	}
	return h.end(sums)
}

// finishShard writes a shard and notes it in the index.
func (h *harvest) finishShard(f *filling) error {
	x := h.index
	if last := f.number >= h.kept-1; !last && f.rows < x.About.Shard {
		return brief.Errorf("the rows of tokens end at row %d, and there were more when the later shards were made", f.number*x.About.Shard+f.rows)
	}
	if h.grows { // until its file is another: whoever is killed in between would leave one that is not the index's
		if err := x.write(h.cfg.Folder); err != nil {
			return err
		}
		h.grows = false
	}
	e, err := f.write(h.cfg.Folder)
	if err != nil {
		return err
	}
	shardWritten(f.number)
	for len(x.Shards) <= f.number {
		x.Shards = append(x.Shards, entry{})
	}
	x.Shards[f.number] = e
	return x.write(h.cfg.Folder)
}

// shardWritten is called before the index gets a shard whose file is there. Tests end a harvest in
// it.
var shardWritten = func(number int) {}

// end notes whether the rows have come to their end.
func (h *harvest) end(sums *sums) error {
	x := h.index
	if len(x.Shards) == 0 {
		return brief.Errorf("there are no rows of tokens to harvest")
	}
	if h.ended && !x.Ended {
		x.Ended = true
		if err := x.write(h.cfg.Folder); err != nil {
			return err
		}
	}
	if err := sums.advance(h.cfg.Folder, x); err != nil {
		return err
	}
	return sums.save(h.cfg.Folder, x)
}

// rowReader reads rows one after the other, and begins anew where others are wanted.
type rowReader struct {
	contexts corpus.Contexts
	next     func() ([]int, error, bool)
	stop     func()
	at       int
}

// read is n rows from one on, fewer at the end.
func (r *rowReader) read(from, n int) (rows [][]int, err error) {
	if r.next == nil || r.at != from {
		r.close()
		r.next, r.stop = iter.Pull2(r.contexts.From(from))
		r.at = from
	}
	for range n {
		row, err, ok := r.next()
		if !ok {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(row) != r.contexts.Length() {
			return nil, brief.Errorf("row %d has %d tokens, want %d", r.at, len(row), r.contexts.Length())
		}
		rows = append(rows, row)
		r.at++
	}
	return rows, nil
}

func (r *rowReader) close() {
	if r.stop != nil {
		r.stop()
	}
}
