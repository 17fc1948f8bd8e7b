package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gopherlens/internal/brief"
)

// A reply is a message of the job's in one of the streams.
type reply struct {
	subject string
	data    []byte
}

// follower reads the messages of a job in a stream, in order, each once. Its consumer is a
// short-lived one, made anew after the last message read whenever servers or connections fail.
type follower struct {
	c       *conn
	stream  jetstream.Stream
	subject string
	next    uint64 // the number in the stream from which it reads
	replies chan<- reply
}

// follow gives the messages of the job in a stream, those from a number on.
func (j *job) follow(ctx context.Context, stream jetstream.Stream, prefix string, next uint64) <-chan reply {
	replies := make(chan reply)
	f := &follower{c: j.c, stream: stream, subject: prefix + "." + j.key + ".>", next: next, replies: replies}
	go func() {
		for ctx.Err() == nil {
			rest(ctx, f.read(ctx))
		}
	}()
	return replies
}

// end is the number that the next message of a stream gets.
func (c *conn) end(ctx context.Context, stream jetstream.Stream) (next uint64, err error) {
	err = again(ctx, patience, func(ctx context.Context) error {
		info, err := stream.Info(ctx)
		if err == nil {
			next = info.State.LastSeq + 1
		}
		return err
	})
	if err != nil {
		return 0, brief.Errorf("fleet: the stream %s: %w", stream.CachedInfo().Config.Name, denied(err))
	}
	return next, nil
}

// How messages are fetched: so many at once, for so long, with a sign of the server's life in
// between, without which the consumer is given up.
const (
	fetchMost = 256
	fetchTime = 5 * time.Second
	fetchSign = time.Second
)

// errGap says that messages were lost on the way, or may have been.
var errGap = errors.New("messages were lost")

// read makes a consumer and reads from it until something fails.
func (f *follower) read(ctx context.Context) error {
	made, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	connection := f.c.nc.Stats().Reconnects
	consumer, err := f.stream.CreateConsumer(made, jetstream.ConsumerConfig{FilterSubject: f.subject, AckPolicy: jetstream.AckNonePolicy,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: f.next, MemoryStorage: true, Replicas: 1, InactiveThreshold: time.Minute})
	if err != nil {
		return err
	}
	defer f.remove(consumer)
	for last := uint64(0); ; {
		batch, err := consumer.Fetch(fetchMost, jetstream.FetchMaxWait(fetchTime), jetstream.FetchHeartbeat(fetchSign))
		if err != nil {
			return err
		}
		if last, err = f.pass(ctx, batch, last); err != nil {
			return err
		}
		if f.c.nc.Stats().Reconnects != connection {
			return errGap // what was sent to the connection before counts as delivered
		}
	}
}

// pass passes a batch on; last is the number of the latest message as the consumer counts.
func (f *follower) pass(ctx context.Context, batch jetstream.MessageBatch, last uint64) (uint64, error) {
	for {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case msg, more := <-batch.Messages():
			if !more {
				if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
					return last, err
				}
				return last, nil
			}
			meta, err := msg.Metadata()
			if err != nil || meta.Sequence.Consumer != last+1 {
				return last, errGap
			}
			select {
			case f.replies <- reply{msg.Subject(), msg.Data()}:
				last, f.next = meta.Sequence.Consumer, meta.Sequence.Stream+1
			case <-ctx.Done():
				return last, ctx.Err()
			}
		}
	}
}

// remove removes a consumer that is of no more use; one that cannot be removed now goes by itself.
func (f *follower) remove(consumer jetstream.Consumer) {
	name := consumer.CachedInfo().Name
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), callTime)
		defer cancel()
		f.stream.DeleteConsumer(ctx, name)
	}()
}

// ask looks for what came of a task in the streams themselves: what is there, and was not heard of,
// would be waited for in vain.
func (j *job) ask(ctx context.Context, key string) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	msg, err := j.c.results.GetLastMsgForSubject(ctx, resultSubject(j.key, key))
	if err != nil {
		return false, nil // there is none, or no server just now
	}
	return true, j.result(ctx, reply{msg.Subject, msg.Data})
}
