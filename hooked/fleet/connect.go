package fleet

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gopherlens/internal/brief"
)

// conn is a connection to the queue, whose streams and buckets are there.
type conn struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	tasks   jetstream.Stream
	results jetstream.Stream
	dead    jetstream.Stream
	parcels jetstream.ObjectStore
	models  jetstream.ObjectStore
}

// connectTime is how long a server may take to answer.
const connectTime = 5 * time.Second

// connect reaches the servers of an address.
func (s *settings) connect(ctx context.Context) (*conn, error) {
	options := []nats.Option{nats.Timeout(connectTime)}
	for _, file := range []string{s.credentials, s.ca, s.crt, s.key} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			return nil, brief.Errorf("fleet: %w", err)
		}
	}
	if s.credentials != "" {
		options = append(options, nats.UserCredentials(s.credentials))
	}
	if s.ca != "" {
		options = append(options, nats.RootCAs(s.ca))
	}
	if s.crt != "" {
		options = append(options, nats.ClientCert(s.crt, s.key))
	}
	return dial(ctx, s.url, options)
}

// dial connects, and makes what is missing.
func dial(ctx context.Context, address string, options []nats.Option) (*conn, error) {
	options = append(options, nats.Name("gopherlens"), nats.MaxReconnects(-1), nats.ReconnectWait(200*time.Millisecond),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // which would print; whoever waits for an answer has the error
	nc, err := nats.Connect(address, options...)
	if err != nil {
		return nil, refused(address, err)
	}
	c := &conn{nc: nc}
	if c.js, err = jetstream.New(nc); err == nil {
		err = c.ensure(ctx)
	}
	if err != nil {
		nc.Close()
		return nil, brief.Errorf("fleet: the queue at %s: %w", shown(address), err)
	}
	return c, nil
}

// refused says why a server was not reached, and what to do.
func refused(address string, err error) error {
	what := "is a server there, and may this machine reach it?"
	text := strings.ToLower(err.Error())
	switch {
	case errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || strings.Contains(text, "authorization") || strings.Contains(text, "authentication"):
		what = "the credentials are not those of a user there: name the right file (fleet.Credentials, --credentials)"
	case strings.Contains(text, "certificate") || strings.Contains(text, "tls"):
		what = "name the authority's file (fleet.RootCA, --ca), and a certificate if the servers ask for one (fleet.Certificate, --cert and --key)"
	case strings.Contains(text, "parse") || strings.Contains(text, "missing port"):
		return brief.Errorf("fleet: %s is no address of NATS: want such as nats://queue:4222", shown(address))
	}
	return brief.Errorf("fleet: %s cannot be connected to: %w; %s", shown(address), err, what)
}

func (c *conn) close() {
	if c != nil && c.nc != nil {
		c.nc.Close()
	}
}

// callTime is how long one call of the server may take, stallTime for how long nothing of a body
// may move, and patience for how long both are repeated.
const (
	callTime  = 10 * time.Second
	stallTime = 30 * time.Second
	patience  = time.Minute
)

// again repeats what failed for a reason that passes, such as a server that restarts or an election
// among them.
func again(ctx context.Context, patience time.Duration, try func(ctx context.Context) error) error {
	return repeat(ctx, patience, 2*time.Second, func() error {
		inner, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		return try(inner)
	})
}

// slowly repeats what moves a whole body, and calls moved whenever a piece of it has moved.
func slowly(ctx context.Context, try func(ctx context.Context, moved func()) error) error {
	return repeat(ctx, patience, 200*time.Millisecond, func() error {
		inner, moved, cancel := stalling(ctx)
		defer cancel()
		if err := try(inner, moved); err == nil || context.Cause(inner) != errStalled {
			return err
		}
		return errStalled
	})
}

// errStalled is the error of a body of which nothing has moved for a while.
var errStalled = brief.Errorf("nothing of it has moved for %v", stallTime)

// stalling is a context that ends when nothing has moved for a while.
func stalling(ctx context.Context) (inner context.Context, moved, cancel func()) {
	inner, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(stallTime, func() { end(errStalled) })
	return inner, func() { timer.Reset(stallTime) }, func() { timer.Stop(); end(nil) }
}

// repeat tries until there is no error that passes, or patience is over. The pause between two
// tries doubles up to a longest one.
func repeat(ctx context.Context, patience, longest time.Duration, try func() error) error {
	deadline := time.Now().Add(patience)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, longest) {
		err := try()
		if err == nil || ctx.Err() != nil || !passes(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// passes tells errors that may pass.
func passes(err error) bool {
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api):
		return api.Code >= 500 && !full(err)
	case errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrConnectionReconnecting),
		errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrDisconnected),
		errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrStaleConnection), errors.Is(err, errStalled):
		return true
	}
	return false
}
