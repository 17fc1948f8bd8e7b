package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// A parcel is a body, in the message itself or as an object.
type parcel struct {
	Data   []byte `json:"data,omitempty"`
	Object string `json:"object,omitempty"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Bounds of bodies.
const (
	inline     = 64 << 10 // larger ones are objects
	maxTask    = 64 << 20
	maxResult  = 4 << 30
	maxMessage = 1 << 20 // of a message as it is read
)

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// pack makes a parcel of bytes; a large one is put into the store under a name.
func (c *conn) pack(ctx context.Context, name string, body []byte) (parcel, error) {
	p := parcel{Bytes: int64(len(body)), SHA256: digest(body)}
	if len(body) <= inline {
		p.Data = body
		return p, nil
	}
	p.Object = name
	return p, c.put(ctx, name, func() io.Reader { return bytes.NewReader(body) })
}

// packWritten makes a parcel of what a function writes, which may be called several times.
func (c *conn) packWritten(ctx context.Context, name string, write func(io.Writer) error) (parcel, error) {
	head, sum := &bounded{limit: inline}, sha256.New()
	size := &counted{}
	if err := write(io.MultiWriter(head, sum, size)); err != nil {
		return parcel{}, err
	}
	p := parcel{Bytes: size.n, SHA256: hex.EncodeToString(sum.Sum(nil))}
	if size.n > maxResult {
		return parcel{}, brief.Errorf("it takes %d bytes, and no result may have more than %d", size.n, int64(maxResult))
	}
	if size.n <= inline {
		p.Data = head.Bytes()
		return p, nil
	}
	p.Object = name
	return p, c.put(ctx, name, func() io.Reader {
		r, w := io.Pipe()
		go func() { w.CloseWithError(write(w)) }()
		return r
	})
}

// bounded keeps the first bytes that are written to it.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, b.limit-b.Len()))])
	return len(p), nil
}

type counted struct{ n int64 }

func (c *counted) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// put stores an object; what is half stored has no name.
func (c *conn) put(ctx context.Context, name string, open func() io.Reader) error {
	err := slowly(ctx, func(ctx context.Context, moved func()) error {
		r := open()
		if closer, ok := r.(io.Closer); ok {
			defer closer.Close()
		}
		_, err := c.parcels.Put(ctx, jetstream.ObjectMeta{Name: name}, moving{r, moved})
		return err
	})
	if err != nil {
		return brief.Errorf("the bucket %s: %w", parcelsBucket, denied(err))
	}
	return nil
}

// moving is a reader that tells of each piece.
type moving struct {
	io.Reader
	moved func()
}

func (m moving) Read(p []byte) (int, error) {
	m.moved()
	return m.Reader.Read(p)
}

// unreachable is the error of a body that could not be fetched, through no fault of who made it.
type unreachable struct{ err error }

func (u *unreachable) Error() string { return u.err.Error() }
func (u *unreachable) Unwrap() error { return u.err }

// errGone says that a body was removed after it was announced.
var errGone = errors.New("its body is no longer in the queue")

// open reads a parcel. A body that is not the one of the parcel is an error of kind
// ErrUnsupportedFile at its end at the latest.
func (c *conn) open(ctx context.Context, p parcel, limit int64) (io.ReadCloser, error) {
	if p.Bytes < 0 || p.Bytes > limit {
		return nil, damaged("it says that it has %d bytes, and there may be %d", p.Bytes, limit)
	}
	if p.Object == "" {
		if int64(len(p.Data)) != p.Bytes || digest(p.Data) != p.SHA256 {
			return nil, damaged("its body is not the one that it says")
		}
		return io.NopCloser(bytes.NewReader(p.Data)), nil
	}
	var object jetstream.ObjectResult
	inner, moved, cancel := stalling(ctx)
	err := again(inner, patience, func(context.Context) (err error) {
		object, err = c.parcels.Get(inner, p.Object)
		return err
	})
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		cancel()
		return nil, errGone
	}
	if err != nil {
		cancel()
		return nil, &unreachable{err}
	}
	return &body{object: object, moved: moved, cancel: cancel, sum: sha256.New(), want: p}, nil
}

// damaged is the error about a body that is none of ours.
func damaged(format string, args ...any) error {
	return fault.Mark(brief.Errorf(format, args...), fault.ErrUnsupportedFile)
}

// body reads an object and holds it against its parcel.
type body struct {
	object jetstream.ObjectResult
	moved  func()
	cancel func()
	sum    interface {
		io.Writer
		Sum([]byte) []byte
	}
	n    int64
	want parcel
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.object.Read(p)
	b.moved()
	b.sum.Write(p[:n])
	b.n += int64(n)
	switch {
	case b.n > b.want.Bytes:
		return n, damaged("its body is longer than the %d bytes that it says", b.want.Bytes)
	case err == io.EOF && (b.n != b.want.Bytes || hex.EncodeToString(b.sum.Sum(nil)) != b.want.SHA256):
		return n, damaged("its body is not the one that it says (%d bytes of %d)", b.n, b.want.Bytes)
	case errors.Is(err, jetstream.ErrDigestMismatch):
		return n, damaged("its body is damaged")
	case err != nil && err != io.EOF:
		return n, &unreachable{err}
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel()
	return b.object.Close()
}

// unpack reads all of a parcel.
func (c *conn) unpack(ctx context.Context, p parcel, limit int64) ([]byte, error) {
	r, err := c.open(ctx, p, limit)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// drop removes a parcel's body, and leaves to its age what cannot be removed.
func (c *conn) drop(p parcel) {
	if p.Object == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	c.parcels.Delete(ctx, p.Object)
}

// publish puts a message into a stream, on its disk when it returns.
func (c *conn) publish(ctx context.Context, subject string, data []byte, stream string) error {
	_, err := c.publishNumbered(ctx, subject, data, stream)
	return err
}

// publishNumbered is publish that tells the message's number in the stream.
func (c *conn) publishNumbered(ctx context.Context, subject string, data []byte, stream string) (number uint64, err error) {
	err = again(ctx, patience, func(ctx context.Context) error {
		ack, err := c.js.PublishMsg(ctx, &nats.Msg{Subject: subject, Data: data}, jetstream.WithExpectStream(stream), jetstream.WithRetryAttempts(0))
		if err == nil {
			number = ack.Sequence
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("the stream %s: %w", stream, denied(err))
	}
	return number, nil
}
