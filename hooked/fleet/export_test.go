package fleet

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"gopherlens/hooked"
	"gopherlens/internal/backend"
)

// Slow has every operation of this process's workers wait a while before it computes.
func Slow(d time.Duration) {
	for name, do := range operations {
		operations[name] = func(ctx context.Context, w *worker, m *hooked.Model, job string, t task) (func(io.Writer) error, error) {
			select {
			case <-time.After(d):
			case <-ctx.Done():
			}
			return do(ctx, w, m, job, t)
		}
	}
}

// Poison has the workers of this process fail at, or with kill die of, what an operation gets.
func Poison(operation string, matches func(part string) bool, fail func() error) {
	do := operations[operation]
	operations[operation] = func(ctx context.Context, w *worker, m *hooked.Model, job string, t task) (func(io.Writer) error, error) {
		if matches(string(t.Part)) {
			if err := fail(); err != nil {
				return nil, err
			}
		}
		return do(ctx, w, m, job, t)
	}
}

// Lie is a worker that returns bad results: cut off, no JSON, of another key, damaged, not as long
// as they say, and two of which each stands under the other's name. It ends after so many tasks.
// ready is called before the first.
func Lie(ctx context.Context, url string, tasks int, ready func()) (lies int, err error) {
	s := settings{url: url, ackWait: 2 * time.Second, slots: 1}
	c, err := s.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer c.close()
	be, _, err := backend.New()
	if err != nil {
		return 0, err
	}
	w := newWorker(c, backend.Kind(be.Description()), &s)
	w.name = "liar"
	silent, err := w.speak(ctx) // so that it removes lies that come late, as results
	if err != nil {
		return 0, err
	}
	defer silent()
	consumer, err := w.consumer(ctx)
	if err != nil {
		return 0, err
	}
	ready()
	var held []jetstream.Msg
	for n := 0; n < tasks && ctx.Err() == nil; {
		msg, err := consumer.Next(jetstream.FetchMaxWait(time.Second))
		if err != nil {
			continue
		}
		job, key, err := keysOf(msg.Subject())
		if err != nil {
			return lies, err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return lies, err
		}
		t, err := w.open(ctx, msg, key)
		if err != nil {
			return lies, err
		}
		write, err := w.compute(ctx, t, job)
		if err != nil {
			return lies, err
		}
		var right capture
		if err := write(&right); err != nil {
			return lies, err
		}
		body, r := []byte(right), result{Key: key, Worker: w.name}
		switch n % 6 {
		case 0: // cut off, and consistently so
			body = body[:len(body)-9]
		case 1: // another's key
			r.Key = digest(nil)[:keyLength]
		case 2: // damaged where it is checked
			body = append([]byte{1, 2, 3}, body[3:]...)
		case 3: // no JSON at all, below
		case 4: // longer than it should be
			body = append(body, 0)
		case 5: // two that stand under each other's names
			if held = append(held, msg); len(held) < 2 {
				if n == tasks-1 {
					tasks++
				}
				continue
			}
			_, r.Key, _ = keysOf(held[0].Subject())
			held[0].DoubleAck(ctx)
		}
		if r.Body, err = c.pack(ctx, "liar/"+key, body); err != nil {
			return lies, err
		}
		text, _ := json.Marshal(r)
		if n%6 == 3 {
			text = []byte(`{"key":`)
		}
		if n%6 == 0 && len(right) > inline { // an object shorter than it says, too
			r.Body.Bytes++
			text, _ = json.Marshal(r)
		}
		if n%6 != 1 {
			key = r.Key
		}
		if err := w.deliver(ctx, job, key, meta.Sequence.Stream, r.Body, text); err != nil {
			return lies, err
		}
		msg.DoubleAck(ctx)
		n++
		lies++
	}
	return lies, nil
}

type capture []byte

func (c *capture) Write(p []byte) (int, error) {
	*c = append(*c, p...)
	return len(p), nil
}

// Left counts what is left of all jobs in the queue.
func Left(ctx context.Context, url string) (tasks, results, dead, objects uint64, err error) {
	c, err := (&settings{url: url}).connect(ctx)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	defer c.close()
	for into, stream := range map[*uint64]jetstream.Stream{&tasks: c.tasks, &results: c.results, &dead: c.dead} {
		info, err := stream.Info(ctx)
		if err != nil {
			return 0, 0, 0, 0, err
		}
		*into = info.State.Msgs
	}
	list, err := c.parcels.List(ctx)
	if err != nil && err != jetstream.ErrNoObjectsFound {
		return 0, 0, 0, 0, err
	}
	return tasks, results, dead, uint64(len(list)), nil
}

// Nothing is an operation that computes nothing, and gives as many bytes as its job says.
const Nothing = "nothing"

// WithNothing gives the workers of this process the operation [Nothing].
func WithNothing() {
	operations[Nothing] = func(_ context.Context, _ *worker, _ *hooked.Model, _ string, t task) (func(io.Writer) error, error) {
		bytes, err := strconv.Atoi(string(t.Job))
		return func(w io.Writer) error { _, err := w.Write(make([]byte, bytes)); return err }, err
	}
}

// Run has so many tasks of [Nothing] done, and tells of each.
func (f *Fleet) Run(ctx context.Context, m *hooked.Model, tasks, bytes int, done func(tasks int)) error {
	return f.run(ctx, m, Nothing, backend.Kind(m.Backend().Description()), bytes, &counting{n: tasks, done: done})
}

type counting struct {
	n, given, taken int
	done            func(tasks int)
}

func (c *counting) of() int { return c.n }

func (c *counting) next() (*part, bool, error) {
	if c.given == c.n {
		return nil, false, nil
	}
	c.given++
	return &part{name: "nothing", data: c.given, limit: maxResult, take: func(_ string, r io.Reader, _ int) error {
		_, err := io.Copy(io.Discard, r)
		c.taken++
		c.done(c.taken)
		return err
	}}, true, nil
}

// Through sends a body through the store of a queue and back.
func Through(ctx context.Context, url string, body []byte) error {
	c, err := (&settings{url: url}).connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	p, err := c.pack(ctx, "measured", body)
	if err != nil {
		return err
	}
	defer c.drop(p)
	_, err = c.unpack(ctx, p, maxResult)
	return err
}
