//go:build !gopherlens_cell

package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gopherlens/internal/fault"
)

// permanent marks an error that another attempt cannot mend.
type permanent struct{ error }

// Unwrap keeps the kind of the error visible.
func (p permanent) Unwrap() error { return p.error }

// advanced marks an error after part of a file has arrived: the count begins anew,
// so that a large file gets through a bad line piece by piece.
type advanced struct{ error }

// Unwrap keeps the kind of the error visible.
func (a advanced) Unwrap() error { return a.error }

// retry calls attempt until it succeeds, fails for good, or has failed too often.
func (c *client) retry(ctx context.Context, attempt func() error) error {
	wait := c.o.backoff.first
	for i := 1; ; i++ {
		err := attempt()
		if err == nil {
			return nil
		}
		if a := (advanced{}); errors.As(err, &a) {
			i, wait = 1, c.o.backoff.first
		}
		if ctx.Err() != nil {
			return fault.Ended(ctx, "hub: %s: interrupted", c.repo)
		}
		if p := (permanent{}); errors.As(err, &p) || !temporary(err) || i == c.o.backoff.attempts {
			return fmt.Errorf("hub: %w", err)
		}
		sleep(ctx, max(wait, askedFor(err, c.o.backoff.longest)))
		if err := fault.Ended(ctx, "hub: %s: interrupted", c.repo); err != nil {
			return err
		}
		wait = min(2*wait, c.o.backoff.longest)
	}
}

// askedFor is the hub's own wish (Retry-After), within reason.
func askedFor(err error, longest time.Duration) time.Duration {
	var status *statusError
	if errors.As(err, &status) {
		return min(status.after, longest)
	}
	return 0
}

// sleep waits, and ends at once when the caller gives up.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// errSilent is the cause when a connection stays open and says nothing.
var errSilent = errors.New("the connection went silent")

// watched reads from a connection and cancels it when nothing comes for too long:
// a read of its own would wait for ever.
type watched struct {
	r     io.Reader
	timer *time.Timer
	limit time.Duration
}

// watch begins to count the silence.
func watch(r io.Reader, limit time.Duration, cancel context.CancelCauseFunc) *watched {
	return &watched{r: r, limit: limit, timer: time.AfterFunc(limit, func() { cancel(errSilent) })}
}

// Read begins the count anew.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.timer.Reset(w.limit)
	return n, err
}

// stop ends the count: the body is read.
func (w *watched) stop() { w.timer.Stop() }
