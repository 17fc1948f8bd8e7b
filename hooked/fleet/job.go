package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/underway"
)

// A source cuts a job into parts.
type source interface {
	// next is the next part; nil and true where it depends on results that are still to come, nil
	// and false at the end
	next() (*part, bool, error)

	of() int // how many parts there are; 0 if that is not known
}

// A part is what becomes a task.
type part struct {
	name  string // for messages: "shard 17"
	data  any
	limit int64 // bytes that its result may have
	// take takes the result over. An error of kind ErrUnsupportedFile refuses it, any other ends
	// the job.
	take func(key string, content io.Reader, workers int) error
}

// job is a caller's side of some work: it gives out tasks, a few ahead of what the workers do, and
// takes what comes back.
type job struct {
	c         *conn
	s         *settings
	operation string
	backend   string
	model     modelRef
	spec      json.RawMessage
	src       source

	key     string
	workers *listeners
	out     map[string]*given // tasks that are under way, by key
	early   map[string]reply  // results of tasks that are not given out yet: an earlier caller's
	ended   bool              // there are no more parts
	unsent  []string          // tasks for which the queue had no room

	done, again int
	started     time.Time
	step        *underway.Step
	told        time.Time
	alone       time.Time // since when no worker is heard
	moved       time.Time // when a task was sent or done the last time
	seconds     []float64 // that the latest tasks took
}

// given is a task that was given out.
type given struct {
	part    *part
	body    parcel
	at      time.Time
	allowed time.Duration // before it is given out again
	copies  int
	refused int
}

// run gives out all parts and takes all results.
func (j *job) run(ctx context.Context) (err error) {
	text, err := json.Marshal([]any{format, j.operation, j.model, j.spec})
	if err != nil {
		return err
	}
	j.key = digest(text)[:keyLength]
	j.out, j.early = make(map[string]*given), make(map[string]reply)
	workers, sub, err := j.c.listen()
	if err != nil {
		return brief.Errorf("fleet: %w", err)
	}
	defer sub.Unsubscribe()
	j.workers = workers
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	dead, err := j.c.end(ctx, j.c.dead) // an earlier call's are not ours
	if err != nil {
		return err
	}
	results, deaths := j.follow(inner, j.c.results, resultPrefix, 1), j.follow(inner, j.c.dead, deadPrefix, dead)
	defer j.end()
	return j.loop(ctx, results, deaths)
}

// lookEvery is how often a job looks for tasks that take too long, and tells how far it is.
const lookEvery = 200 * time.Millisecond

// loop is the job, in one goroutine.
func (j *job) loop(ctx context.Context, results, deaths <-chan reply) error {
	j.started, j.step = time.Now(), underway.Begin("the fleet's job")
	defer j.step.End()
	j.alone, j.moved = j.started, j.started
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		if err := j.giveOut(ctx); err != nil {
			return j.stopped(ctx, err)
		}
		if j.ended && len(j.out) == 0 {
			j.tell(true)
			return nil
		}
		var err error
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case msg := <-results:
			err = j.result(ctx, msg)
		case msg := <-deaths:
			err = j.death(msg)
		case <-j.workers.changed:
		case <-ticker.C:
			err = j.look(ctx)
		}
		if err != nil {
			return j.stopped(ctx, err)
		}
	}
}

// stopped is why the job has ended before its time.
func (j *job) stopped(ctx context.Context, err error) error {
	if ended := fault.Ended(ctx, "fleet: %s: it was ended when %d tasks were done", j.operation, j.done); ended != nil {
		return ended
	}
	return brief.Errorf("fleet: %s: %w", j.operation, err)
}

// The number of tasks that are given out ahead.
const (
	aheadOfSlot = 3 // for each slot of a worker
	aheadAtOnce = 4 // before a worker is heard
)

// giveOut gives out tasks until enough are under way.
func (j *job) giveOut(ctx context.Context) error {
	if err := j.sendUnsent(ctx); err != nil {
		return err
	}
	_, slots := j.workers.of(j.backend)
	for ahead := max(aheadAtOnce, aheadOfSlot*slots); !j.ended && len(j.unsent) == 0 && len(j.out) < ahead; {
		p, more, err := j.src.next()
		if err != nil {
			return err
		}
		j.ended = p == nil && !more
		if p == nil {
			return nil
		}
		if err := j.give(ctx, p); err != nil {
			return brief.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// give gives out a part as a task.
func (j *job) give(ctx context.Context, p *part) error {
	data, err := json.Marshal(p.data)
	if err != nil {
		return err
	}
	content, key, err := task{Format: format, Operation: j.operation, Model: j.model, Job: j.spec, Part: data}.encode()
	if err != nil {
		return err
	}
	if len(content) > maxTask {
		return brief.Errorf("it takes %d bytes, and no task may have more than %d: make it smaller", len(content), maxTask)
	}
	if j.out[key] != nil {
		return brief.Errorf("it is the same as %s", j.out[key].part.name)
	}
	g := &given{part: p}
	if g.body, err = j.c.pack(ctx, j.key+"/task/"+key, content); err != nil {
		return err
	}
	j.out[key] = g
	if msg, came := j.early[key]; came {
		delete(j.early, key)
		return j.result(ctx, msg)
	}
	return j.send(ctx, key, g)
}

// sendUnsent sends what the queue had no room for, and ends the job if it has none for long.
func (j *job) sendUnsent(ctx context.Context) error {
	for len(j.unsent) > 0 {
		key := j.unsent[0]
		j.unsent = j.unsent[1:]
		g := j.out[key]
		if g == nil {
			continue
		}
		before := len(j.unsent)
		if err := j.send(ctx, key, g); err != nil {
			return brief.Errorf("%s: %w", g.part.name, err)
		}
		if len(j.unsent) > before {
			return nil
		}
	}
	return nil
}

// send puts a task into the queue, perhaps once more. Where that has no room now, it is for later.
func (j *job) send(ctx context.Context, key string, g *given) error {
	text, err := json.Marshal(g.body)
	if err != nil {
		return err
	}
	msg := &nats.Msg{Subject: taskSubject(backendToken(j.backend), j.key, key), Data: text, Header: nats.Header{}}
	if g.copies > 0 {
		msg.Header.Set(againHeader, "1")
	}
	err = again(ctx, patience, func(ctx context.Context) error {
		_, err := j.c.js.PublishMsg(ctx, msg, jetstream.WithExpectStream(tasksStream), jetstream.WithRetryAttempts(0))
		return err
	})
	switch {
	case full(err) && time.Since(j.moved) < j.s.wait:
		j.unsent = append(j.unsent, key)
		return nil
	case err != nil:
		return brief.Errorf("the stream %s: %w", tasksStream, denied(err))
	}
	g.copies++
	g.at, j.moved = time.Now(), time.Now()
	if g.copies > 1 {
		j.again++
	}
	g.allowed = j.allowance() << min(2*(g.copies-1), mostDoublings)
	return nil
}

// How long a task may be under way before it is given out again: as many times as long as what is
// before it in the queue should take, and never less than a while.
const (
	slack      = 3
	slackLeast = 3 * time.Second

	mostDoublings = 6 // of a task that was given out again and again
)

// allowance is what a task gets that is given out now.
func (j *job) allowance() time.Duration {
	_, slots := j.workers.of(j.backend)
	rounds := float64(len(j.out))/float64(max(1, slots)) + 1
	longest := 0.0
	if len(j.seconds) > 0 {
		longest = slices.Max(j.seconds)
	}
	return max(slackLeast, time.Duration(slack*rounds*longest*float64(time.Second)))
}

// result takes what came of a task.
func (j *job) result(ctx context.Context, msg reply) error {
	job, key, err := keysOf(msg.subject)
	if err != nil || job != j.key {
		return nil // nobody's of this job
	}
	g := j.out[key]
	if g == nil {
		if len(j.early) < maxEarly {
			j.early[key] = msg
		}
		return nil
	}
	r, err := j.read(ctx, key, msg, g)
	var away *unreachable
	switch {
	case err == nil:
		delete(j.out, key)
		j.done++
		j.moved = time.Now()
		j.seconds = append(j.seconds[max(0, len(j.seconds)-31):], min(r.Seconds, 1e6))
		go func() {
			j.c.drop(r.Body)
			j.c.drop(g.body)
		}()
		j.tell(false)
		return nil
	case errors.Is(err, errGone):
		return j.redo(ctx, key, g)
	case errors.As(err, &away) && ctx.Err() == nil:
		g.refused++
		if g.refused >= tries {
			return brief.Errorf("%s: what came of it cannot be fetched: %w", g.part.name, err)
		}
		return j.redo(ctx, key, g)
	case errors.Is(err, fault.ErrUnsupportedFile):
		if g.refused++; g.refused >= tries {
			return brief.Errorf("%s: %d results were refused, the last from worker %s: %w", g.part.name, g.refused, brief.Text(r.Worker), err)
		}
		return j.redo(ctx, key, g)
	}
	return brief.Errorf("%s: %w", g.part.name, err)
}

// maxEarly bounds the results that are remembered before their tasks are given out.
const maxEarly = 1 << 12

// read checks a result and takes it over.
func (j *job) read(ctx context.Context, key string, msg reply, g *given) (r result, err error) {
	if len(msg.data) > maxMessage {
		return r, damaged("its message has %d bytes", len(msg.data))
	}
	if err := strictly(msg.data, &r); err != nil {
		return r, err
	}
	if r.Key != key || !(r.Seconds >= 0) {
		return r, damaged("it says that it is of the task %s", brief.Text(r.Key))
	}
	content, err := j.c.open(ctx, r.Body, g.part.limit)
	if err != nil {
		return r, err
	}
	defer content.Close()
	workers, _ := j.workers.of(j.backend)
	return r, g.part.take(key, content, workers)
}

// redo removes a result and gives its task out again. A better one that came meanwhile is removed,
// too: then the task is done once more.
func (j *job) redo(ctx context.Context, key string, g *given) error {
	err := again(ctx, patience, func(ctx context.Context) error {
		return j.c.results.Purge(ctx, jetstream.WithPurgeSubject(resultSubject(j.key, key)))
	})
	if err != nil {
		return brief.Errorf("removing what came of %s: %w", g.part.name, err)
	}
	return j.send(ctx, key, g)
}

// death ends the job for a task that was given up.
func (j *job) death(msg reply) error {
	job, key, err := keysOf(msg.subject)
	var d death
	if err != nil || job != j.key || j.out[key] == nil || strictly(msg.data, &d) != nil {
		return nil
	}
	return brief.Errorf("%s was given up after %d tries, the last by worker %s: %s (the stream %s has it as %s)", j.out[key].part.name, d.Tries,
		brief.Text(d.Worker), reason(d.Reason), deadStream, msg.subject)
}

// reason is a worker's message within bounds.
func reason(text string) string {
	const most = 600
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " ..."
	}
	return text
}

// look gives out again what takes too long, and ends the job if nobody is there.
func (j *job) look(ctx context.Context) error {
	workers, _ := j.workers.of(j.backend)
	if workers > 0 || len(j.out) == 0 {
		j.alone = time.Now()
	}
	if waited := time.Since(j.alone); waited > j.s.wait {
		return j.nobody(waited)
	}
	j.tell(false)
	for key, g := range j.out {
		allowed := g.allowed
		if !j.ended {
			allowed *= 2 // others are still to come: nothing waits for it
		}
		if workers == 0 || g.copies == 0 || time.Since(g.at) <= allowed {
			continue
		}
		if came, err := j.ask(ctx, key); came || err != nil {
			return err
		}
		if err := j.send(ctx, key, g); err != nil {
			return brief.Errorf("%s: %w", g.part.name, err)
		}
	}
	return nil
}

// nobody is the error of a job without workers.
func (j *job) nobody(waited time.Duration) error {
	others := ""
	if names := j.workers.others(); len(names) > 0 {
		others = brief.Sprintf("; there are some for %s: fleet.Backend takes one of these", brief.Names(names))
	}
	return brief.Errorf("no worker for the backend %q was heard for %v: start `gopherlens worker --nats %s` where there is one%s",
		j.backend, waited.Round(time.Second), shown(j.s.url), others)
}

// tellEvery is the least time between two calls of a progress function.
const tellEvery = 200 * time.Millisecond

// tell tells how far the job is.
func (j *job) tell(last bool) {
	if !last && time.Since(j.told) < tellEvery {
		return
	}
	j.told = time.Now()
	workers, _ := j.workers.of(j.backend)
	elapsed := time.Since(j.started)
	p := Progress{Operation: j.operation, Done: j.done, Of: j.src.of(), Workers: workers, Again: j.again,
		PerSecond: float64(j.done) / max(elapsed.Seconds(), 1e-9), Elapsed: elapsed}
	j.step.Sayf("%v", p)
	if j.s.progress != nil {
		j.s.progress(p)
	}
}
