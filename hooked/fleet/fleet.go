package fleet

import (
	"context"
	"encoding/json"
	"sync"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/internal/backend"
	"gopherlens/internal/brief"
)

// A Fleet is the machines that a queue leads to. It is what the field On of [activations.Config]
// and the option patching.On take. It connects when it is first used, and is safe for concurrent
// use.
type Fleet struct {
	s settings

	mu       sync.Mutex
	c        *conn
	embedded *embedded
}

var _ activations.Fleet = (*Fleet)(nil)

// New is the fleet that options lead to; without [NATS] this process alone, with the same queue
// inside it. What is wrong with the options is told by whatever uses the fleet.
func New(options ...Option) *Fleet {
	f := new(Fleet)
	f.s.of(options, callerTakes, "a fleet")
	return f
}

// Backend implements [activations.Fleet].
func (f *Fleet) Backend() string {
	if f == nil {
		return ""
	}
	return f.s.backend
}

// Close ends the connection, and the queue if it is in this process.
func (f *Fleet) Close() error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.c.close()
	f.embedded.close()
	f.c, f.embedded = nil, nil
	return nil
}

// connected is the connection, made if there is none.
func (f *Fleet) connected(ctx context.Context) (*conn, error) {
	if f == nil || f.s.wait == 0 {
		return nil, brief.Errorf("fleet: the fleet is nil, or fleet.Fleet{}: make it with fleet.New")
	}
	if f.s.err != nil {
		return nil, f.s.err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.c != nil {
		return f.c, nil
	}
	var err error
	if f.s.url == "" {
		f.embedded, f.c, err = embed(ctx, f.s.folder)
	} else {
		f.c, err = f.s.connect(ctx)
	}
	return f.c, err
}

// run has a job computed.
func (f *Fleet) run(ctx context.Context, m *hooked.Model, operation, kind string, spec any, src source) error {
	c, err := f.connected(ctx)
	if err != nil {
		return err
	}
	j := &job{c: c, s: &f.s, operation: operation, backend: kind, src: src}
	if j.spec, err = json.Marshal(spec); err != nil {
		return err
	}
	if f.s.url == "" {
		return f.runHere(ctx, m, j)
	}
	if j.model, err = c.refer(ctx, m, f.s.share); err != nil {
		return brief.Errorf("fleet: %w", err)
	}
	return j.run(ctx)
}

// hereName stands for the model in tasks that do not leave the process.
const hereName = "here"

// runHere has a job computed by a worker in this process, with the caller's own model.
func (f *Fleet) runHere(ctx context.Context, m *hooked.Model, j *job) error {
	hash, err := m.WeightsHash()
	if err != nil {
		return err
	}
	j.model = modelRef{Name: hereName, Weights: hash}
	w := newWorker(j.c, backend.Kind(m.Backend().Description()), &settings{slots: defaultSlots, ackWait: defaultAckWait})
	w.models.given = m
	inner, cancel := context.WithCancel(ctx)
	failed := make(chan error, 1)
	go func() { failed <- w.work(inner) }()
	err = j.run(ctx)
	cancel()
	if begun := <-failed; begun != nil {
		return begun
	}
	return err
}
