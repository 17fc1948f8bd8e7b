package fleet

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ending is what a caller tells the workers when its job is over.
type ending struct {
	Last uint64 `json:"last"` // the number of the queue's last task: later ones are of another call
	Done bool   `json:"done"` // all results were taken, and none is wanted any more
}

// endings are what a worker knows of jobs that are over. A result that comes late, of a worker that
// was suspended or of a task that was given out twice, is removed by who published it: nobody else
// would before the stream's own age does.
type endings struct {
	mu    sync.Mutex
	over  map[string]overAt
	fresh []published
}

type overAt struct {
	ending
	at time.Time
}

// published is a result that a worker has published a short time ago.
type published struct {
	job    string
	task   uint64 // the number of its task
	number uint64 // its own, in the stream of results
	body   parcel
	at     time.Time
}

// remembered is how long a worker knows that a job is over, and what it has published: longer than
// a message may be under way.
const remembered = time.Minute

// isOver tells that the call that gave out a task is over.
func (e *endings) isOver(job string, task uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, over := e.of(job, task)
	return over
}

// of is the end of the call that gave out a task; over is false if that has not come. e.mu is
// locked.
func (e *endings) of(job string, task uint64) (end ending, over bool) {
	at, known := e.over[job]
	return at.ending, known && task <= at.Last
}

// hear notes the end of a job, and returns the results that nobody wants any more.
func (e *endings) hear(job string, end ending) (unwanted []published) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget()
	if e.over == nil {
		e.over = make(map[string]overAt)
	}
	e.over[job] = overAt{end, time.Now()}
	kept := e.fresh[:0]
	for _, p := range e.fresh {
		if p.job == job && p.task <= end.Last && end.Done {
			unwanted = append(unwanted, p)
		} else {
			kept = append(kept, p)
		}
	}
	e.fresh = kept
	return unwanted
}

// note notes a result, and tells whether anybody wants it.
func (e *endings) note(p published) (wanted bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget()
	if end, over := e.of(p.job, p.task); over && end.Done {
		return false
	}
	p.at = time.Now()
	e.fresh = append(e.fresh, p)
	return true
}

// forget drops what is old.
func (e *endings) forget() {
	old := time.Now().Add(-remembered)
	for job, over := range e.over {
		if over.at.Before(old) {
			delete(e.over, job)
		}
	}
	n := 0
	for n < len(e.fresh) && e.fresh[n].at.Before(old) {
		n++
	}
	e.fresh = append(e.fresh[:0], e.fresh[n:]...)
}

// hear gives up what is under way for a job that is over, and removes what came too late.
func (w *worker) hear(msg *nats.Msg) {
	var end ending
	if strictly(msg.Data, &end) != nil {
		return
	}
	job := strings.TrimPrefix(msg.Subject, endedSubject)
	unwanted := w.endings.hear(job, end)
	w.giveUp(job)
	go func() {
		for _, p := range unwanted {
			w.c.unpublish(p)
		}
	}()
}

// deliver publishes a result, and removes it again if its job ended meanwhile.
func (w *worker) deliver(ctx context.Context, job, key string, task uint64, body parcel, text []byte) error {
	number, err := w.c.publishNumbered(ctx, resultSubject(job, key), text, resultsStream)
	if err != nil {
		return err
	}
	if p := (published{job: job, task: task, number: number, body: body}); !w.endings.note(p) {
		w.c.unpublish(p)
	}
	return nil
}

// unpublish removes a result, unless that has happened, and what it points at.
func (c *conn) unpublish(p published) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	again(ctx, patience, func(ctx context.Context) error { return c.results.DeleteMsg(ctx, p.number) })
	c.drop(p.body)
}

// end removes what is left of the job from the queue, and tells the workers.
func (j *job) end() {
	ctx, cancel := context.WithTimeout(context.Background(), callTime)
	defer cancel()
	j.c.tasks.Purge(ctx, jetstream.WithPurgeSubject(taskSubject("*", j.key, ">")))
	j.c.dead.Purge(ctx, jetstream.WithPurgeSubject(begunPrefix+"."+j.key+".>"))
	done := j.ended && len(j.out) == 0
	if info, err := j.c.tasks.Info(ctx); err == nil {
		if text, err := json.Marshal(ending{info.State.LastSeq, done}); err == nil {
			j.c.nc.Publish(endedSubject+j.key, text)
		}
	}
	for _, g := range j.out {
		j.c.drop(g.body)
	}
	if done { // after the workers were told: what comes later is removed by them
		j.c.results.Purge(ctx, jetstream.WithPurgeSubject(resultSubject(j.key, ">")))
	}
}
