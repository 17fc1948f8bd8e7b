package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"gopherlens/hooked"
	"gopherlens/internal/backend"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// tries is how often a task is given out before it is given up.
const tries = 3

// worker takes tasks and computes them.
type worker struct {
	c        *conn
	name     string
	backend  string // kind
	slots    int
	ackWait  time.Duration
	models   models
	gate     sync.Mutex // held by whoever computes
	prepared prepared   // while that is held
	report   func(Event)

	// alone is held by tasks that came before and did not end well, so that one which kills its
	// worker takes no other with it twice; and shared by all others
	alone sync.RWMutex

	mu   sync.Mutex
	jobs map[string]map[*under]bool // tasks under way, by job

	endings endings
}

// under is a task under way.
type under struct {
	cancel context.CancelCauseFunc
}

// An Event is something that a worker has done, for whoever watches it.
type Event struct {
	Task    string // its key
	What    string // its operation, or what happened
	Elapsed time.Duration
	Err     error
}

// Work takes tasks from the queue at [NATS] and computes them, until the context ends. What is
// under way then goes back to the queue. report, if not nil, is told of each task.
//
// It returns an error only if it cannot begin; afterwards it waits for servers that are away.
func Work(ctx context.Context, report func(Event), options ...Option) error {
	var s settings
	if s.of(options, workerTakes, "a worker"); s.err == nil && s.url == "" {
		s.refuse("a worker needs the address of a queue: NATS(\"nats://queue:4222\")")
	}
	if s.err != nil {
		return s.err
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	be, _, err := backend.New()
	if err != nil {
		return err
	}
	if err := s.fits(be); err != nil {
		return err
	}
	w := newWorker(c, backend.Kind(be.Description()), &s)
	w.report = report
	return w.work(ctx)
}

func newWorker(c *conn, kind string, s *settings) *worker {
	host, _ := os.Hostname()
	return &worker{c: c, name: fmt.Sprintf("%.60s-%d-%s", host, os.Getpid(), nuid.Next()[16:]), backend: kind, slots: s.slots, ackWait: s.ackWait,
		models: models{on: s.devices}, jobs: make(map[string]map[*under]bool)}
}

// work runs the slots.
func (w *worker) work(ctx context.Context) error {
	consumer, err := w.consumer(ctx)
	if err != nil {
		return err
	}
	stop, err := w.speak(ctx)
	if err != nil {
		return brief.Errorf("fleet: %w", err)
	}
	defer stop()
	w.tell(Event{What: fmt.Sprintf("%s waits for tasks for the backend %s", w.name, w.backend)})
	var slots sync.WaitGroup
	for range w.slots {
		slots.Go(func() { w.slot(ctx, consumer) })
	}
	slots.Wait()
	return nil
}

// consumer is what all workers of a backend share.
func (w *worker) consumer(ctx context.Context) (jetstream.Consumer, error) {
	token := backendToken(w.backend)
	var consumer jetstream.Consumer
	err := again(ctx, patience, func(ctx context.Context) (err error) {
		consumer, err = w.c.tasks.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: token, FilterSubject: taskPrefix + "." + token + ".>",
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: w.ackWait, MaxAckPending: 1 << 16, MaxWaiting: 1 << 14})
		return err
	})
	if err != nil {
		return nil, brief.Errorf("fleet: the stream %s: %w", tasksStream, denied(err))
	}
	return consumer, nil
}

// speak lets callers hear the worker, and hears which jobs have ended.
func (w *worker) speak(ctx context.Context) (stop func(), err error) {
	text, err := json.Marshal(beat{w.name, w.backend, w.slots})
	if err != nil {
		return nil, err
	}
	called, err := w.c.nc.Subscribe(callSubject, func(*nats.Msg) { w.c.nc.Publish(beatSubject, text) })
	if err != nil {
		return nil, err
	}
	ended, err := w.c.nc.Subscribe(endedSubject+"*", w.hear)
	if err != nil {
		return nil, err
	}
	w.c.nc.Publish(beatSubject, text)
	silent := every(beatEvery, func() { w.c.nc.Publish(beatSubject, text) })
	return func() {
		silent()
		called.Unsubscribe()
		ended.Unsubscribe()
	}, nil
}

func (w *worker) tell(e Event) {
	if w.report != nil {
		w.report(e)
	}
}

// slot takes one task after the other.
func (w *worker) slot(ctx context.Context, consumer jetstream.Consumer) {
	for ctx.Err() == nil {
		msg, err := consumer.Next(jetstream.FetchContext(ctx))
		if err == nil {
			w.take(ctx, msg)
			continue
		}
		if rest(ctx, err) {
			continue
		}
		// A server that came back may have lost the consumer, and then nobody would ever get a task.
		if anew, err := w.consumer(ctx); err == nil {
			consumer = anew
		}
	}
}

// rest waits a little after there was no server; idle says that there was only no message.
func rest(ctx context.Context, err error) (idle bool) {
	if errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, jetstream.ErrNoMessages) {
		return true
	}
	select {
	case <-time.After(200 * time.Millisecond):
	case <-ctx.Done():
	}
	return false
}

// errJobEnded is why a task is given up whose job is over.
var errJobEnded = errors.New("its job has ended")

// giveUp ends what is under way for a job.
func (w *worker) giveUp(job string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for u := range w.jobs[job] {
		u.cancel(errJobEnded)
	}
}

// begin notes a task.
func (w *worker) begin(ctx context.Context, job string) (inner context.Context, end func()) {
	inner, cancel := context.WithCancelCause(ctx)
	u := &under{cancel}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.jobs[job] == nil {
		w.jobs[job] = make(map[*under]bool)
	}
	w.jobs[job][u] = true
	return inner, func() {
		cancel(nil)
		w.mu.Lock()
		defer w.mu.Unlock()
		if delete(w.jobs[job], u); len(w.jobs[job]) == 0 {
			delete(w.jobs, job)
		}
	}
}

// take computes the task of a message.
func (w *worker) take(ctx context.Context, msg jetstream.Msg) {
	started := time.Now()
	meta, err := msg.Metadata()
	if err != nil {
		return // no message of the stream's
	}
	job, key, err := keysOf(msg.Subject())
	if err != nil {
		msg.Term()
		return
	}
	inner, end := w.begin(ctx, job)
	defer end()
	if w.endings.isOver(job, meta.Sequence.Stream) { // a message that was under way then
		msg.Ack()
		return
	}
	defer w.atWork(msg)()
	a := attempt{job: job, key: key, task: meta.Sequence.Stream, delivered: int(meta.NumDelivered), number: 1}
	what, err := w.handle(inner, msg, &a)
	w.tell(Event{key, what, time.Since(started), err})
	switch {
	case err == nil || errors.Is(context.Cause(inner), errJobEnded):
		msg.Ack() // if that is lost the task comes again, and changes nothing
	case ctx.Err() != nil:
		w.giveBack(msg)
	case a.number >= tries || errors.Is(err, fault.ErrUnsupportedFile):
		w.bury(ctx, msg, job, death{Key: key, Worker: w.name, Tries: a.number, Reason: err.Error()})
	case full(err):
		msg.NakWithDelay(fullDelay)
	default:
		msg.NakWithDelay(nakDelay)
	}
}

// An attempt is a task that a worker has.
type attempt struct {
	job, key  string
	task      uint64 // its number in the queue
	delivered int    // how often it was given to a worker, this time included
	number    int    // how often it was begun
}

// begun counts an attempt at a task that came before. One that was with a worker who died of
// another task was not begun.
func (w *worker) begun(ctx context.Context, a *attempt) error {
	subject := begunPrefix + "." + a.job + "." + a.key
	msg, err := w.c.dead.GetLastMsgForSubject(ctx, subject)
	switch {
	case err == nil:
		before, _ := strconv.Atoi(string(msg.Data))
		a.number = before + 1
	case errors.Is(err, jetstream.ErrMsgNotFound):
		a.number = 2 // the first one is not written down
	default:
		return err
	}
	if a.number > tries {
		a.number = tries
		return damaged("%d workers have begun it, and nothing came of it: they were killed, or had no memory", tries)
	}
	return w.c.publish(ctx, subject, []byte(strconv.Itoa(a.number)), deadStream)
}

// How long a task that has failed waits until it is given out again.
const (
	nakDelay  = 500 * time.Millisecond
	fullDelay = 5 * time.Second // for others' results to be fetched
)

// atWork tells the server that somebody is, until the function that it returns is called.
func (w *worker) atWork(msg jetstream.Msg) (stop func()) {
	return every(w.ackWait/3, func() { msg.InProgress() })
}

// every calls f again and again, until the function that it returns is called.
func every(d time.Duration, f func()) (stop func()) {
	ticker, done := time.NewTicker(d), make(chan struct{})
	go func() {
		for {
			select {
			case <-ticker.C:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
	}
}

// giveBack puts a task that was interrupted into the queue as a new one: it has not failed.
func (w *worker) giveBack(msg jetstream.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	if w.c.publish(ctx, msg.Subject(), msg.Data(), tasksStream) == nil {
		msg.Ack()
	}
}

// bury gives a task up.
func (w *worker) bury(ctx context.Context, msg jetstream.Msg, job string, d death) {
	if len(msg.Data()) <= inline {
		json.Unmarshal(msg.Data(), &d.Task)
	}
	text, err := json.Marshal(d)
	if err == nil {
		err = w.c.publish(ctx, deadSubject(job, d.Key), text, deadStream)
	}
	if err != nil {
		msg.NakWithDelay(nakDelay) // so that somebody else does
		return
	}
	msg.Term()
}

// handle computes a task and publishes its result.
func (w *worker) handle(ctx context.Context, msg jetstream.Msg, a *attempt) (what string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.Recovered(r)
		}
	}()
	if a.delivered > 1 || msg.Headers().Get(againHeader) != "" {
		_, err := w.c.results.GetLastMsgForSubject(ctx, resultSubject(a.job, a.key))
		if err == nil {
			return "done already", nil
		}
	}
	if a.delivered > 1 {
		w.alone.Lock()
		defer w.alone.Unlock()
		if err := w.begun(ctx, a); err != nil {
			return "begun again", err
		}
	} else {
		w.alone.RLock()
		defer w.alone.RUnlock()
	}
	t, err := w.open(ctx, msg, a.key)
	if err != nil {
		return "refused", err
	}
	started := time.Now()
	write, err := w.compute(ctx, t, a.job)
	if err != nil {
		return t.Operation, err
	}
	r := result{Key: a.key, Worker: w.name, Seconds: time.Since(started).Seconds()}
	if time.Since(started) > longTask && w.unasked(ctx, a) {
		return "done already, or its job is over", nil
	}
	if r.Body, err = w.c.packWritten(ctx, a.job+"/result/"+a.key, write); err != nil {
		return t.Operation, err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return t.Operation, err
	}
	return t.Operation, w.deliver(ctx, a.job, a.key, a.task, r.Body, text)
}

// longTask is how long a task takes in which a worker may have been suspended, or cut off from its
// servers, so that it did not hear the end of the job.
const longTask = time.Second

// unasked tells that a task has left the queue: another worker was given it and has done it, or its
// job is over.
func (w *worker) unasked(ctx context.Context, a *attempt) bool {
	err := again(ctx, patience, func(ctx context.Context) error {
		_, err := w.c.tasks.GetMsg(ctx, a.task)
		return err
	})
	return errors.Is(err, jetstream.ErrMsgNotFound)
}

// againHeader marks a task that was given out before.
const againHeader = "Gopherlens-Again"

// open reads the task of a message.
func (w *worker) open(ctx context.Context, msg jetstream.Msg, key string) (t task, err error) {
	var p parcel
	if err := strictly(msg.Data(), &p); err != nil {
		return t, err
	}
	content, err := w.c.unpack(ctx, p, maxTask)
	if err != nil {
		return t, err
	}
	return decodeTask(content, key)
}

// An operation computes tasks. It names what the task's data say, and none of it is code.
type operation func(ctx context.Context, w *worker, m *hooked.Model, job string, t task) (write func(io.Writer) error, err error)

// operations are all that a worker does.
var operations = map[string]operation{harvestOperation: computeShard, sweepOperation: computePart}

// compute does what a task names.
func (w *worker) compute(ctx context.Context, t task, job string) (func(io.Writer) error, error) {
	do, known := operations[t.Operation]
	if !known {
		return nil, damaged("the operation %s is not known here: update the worker", brief.Text(t.Operation))
	}
	m, err := w.models.find(ctx, w.c, t.Model)
	if err != nil {
		return nil, err
	}
	return do(ctx, w, m, job, t)
}
