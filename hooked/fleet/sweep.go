package fleet

import (
	"context"
	"fmt"
	"io"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/backend"
)

// sweepOperation computes rows of a sweep, or measures some of its patches. Its job is
// [patching.Job], its part [patching.Part]; what comes of it stands behind the task's key.
const sweepOperation = "sweep"

var _ patching.Fleet = (*Fleet)(nil)

// Patches implements [patching.Fleet].
func (f *Fleet) Patches(ctx context.Context, m *hooked.Model, job patching.Job, parts *patching.Parts) error {
	kind := f.Backend()
	if kind == "" {
		kind = backend.Kind(m.Backend().Description())
	}
	return f.run(ctx, m, sweepOperation, kind, job, &sweepSource{parts})
}

// sweepSource gives a sweep's parts to a job.
type sweepSource struct{ parts *patching.Parts }

func (s *sweepSource) of() int { return s.parts.Of() }

func (s *sweepSource) next() (*part, bool, error) {
	p, more := s.parts.Next()
	if p == nil {
		return nil, more, nil
	}
	limit := keyLength + s.parts.Bytes(p)
	return &part{name: fmt.Sprintf("part %d", p.Number), data: p, limit: int64(limit),
		take: func(key string, content io.Reader, workers int) error {
			body, err := io.ReadAll(content)
			switch {
			case err != nil:
				return err
			case len(body) < keyLength || string(body[:keyLength]) != key:
				return damaged("its body is another task's")
			}
			return s.parts.Take(p, body[keyLength:], workers)
		}}, true, nil
}

// prepared is the sweep that a worker is at, with its base and source run.
type prepared struct {
	job  string
	work *patching.Prepared
}

// computePart is the operation.
func computePart(ctx context.Context, w *worker, m *hooked.Model, _ string, t task) (func(io.Writer) error, error) {
	var part patching.Part
	if err := strictly(t.Part, &part); err != nil {
		return nil, err
	}
	w.gate.Lock()
	defer w.gate.Unlock()
	work, err := w.prepare(ctx, m, t)
	if err != nil {
		return nil, err
	}
	content, err := work.Compute(ctx, &part)
	if err != nil {
		return nil, err
	}
	_, key, err := t.encode()
	return func(out io.Writer) error {
		_, err := out.Write(append([]byte(key), content...))
		return err
	}, err
}

// prepare runs base and source of a sweep, unless they are those of the task before.
func (w *worker) prepare(ctx context.Context, m *hooked.Model, t task) (*patching.Prepared, error) {
	job := digest(t.Job) + t.Model.Weights
	if w.prepared.job == job {
		return w.prepared.work, nil
	}
	var j patching.Job
	if err := strictly(t.Job, &j); err != nil {
		return nil, err
	}
	w.prepared = prepared{}
	work, err := j.Prepare(ctx, m)
	if err != nil {
		return nil, err
	}
	w.prepared = prepared{job, work}
	return work, nil
}
