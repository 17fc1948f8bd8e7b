package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// A beat is what a worker says of itself every now and then. Nothing depends on it but the number
// of tasks that are given out ahead, and what a caller is told.
type beat struct {
	Worker  string `json:"worker"`
	Backend string `json:"backend"`
	Slots   int    `json:"slots"`
}

const (
	beatEvery = 2 * time.Second
	beatLasts = 3*beatEvery + time.Second // without another one
)

// listeners are the workers that a caller has heard.
type listeners struct {
	mu      sync.Mutex
	heard   map[string]heard
	changed chan struct{} // gets something when one is heard for the first time
}

type heard struct {
	beat
	at time.Time
}

// maxHeard bounds what is remembered of whoever sends beats.
const maxHeard = 1 << 14

// listen hears workers, until the subscription ends with the connection.
func (c *conn) listen() (*listeners, *nats.Subscription, error) {
	l := &listeners{heard: make(map[string]heard), changed: make(chan struct{}, 1)}
	sub, err := c.nc.Subscribe(beatSubject, func(msg *nats.Msg) {
		var b beat
		if len(msg.Data) > inline || json.Unmarshal(msg.Data, &b) != nil || len(b.Worker) > 256 || len(b.Backend) > 256 {
			return
		}
		l.hear(b)
	})
	if err == nil {
		err = c.nc.Publish(callSubject, nil)
	}
	return l, sub, err
}

func (l *listeners) hear(b beat) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.heard[b.Worker]; !known {
		if len(l.heard) >= maxHeard {
			return
		}
		select {
		case l.changed <- struct{}{}:
		default:
		}
	}
	l.heard[b.Worker] = heard{b, time.Now()}
}

// of counts the workers with a backend that were heard lately, and their slots.
func (l *listeners) of(backend string) (workers, slots int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, h := range l.heard {
		switch {
		case time.Since(h.at) > beatLasts:
			delete(l.heard, name)
		case h.Backend == backend:
			workers, slots = workers+1, slots+min(max(1, h.Slots), 64)
		}
	}
	return workers, slots
}

// others names the backends of the workers that are there.
func (l *listeners) others() (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.heard {
		if !slices.Contains(names, h.Backend) {
			names = append(names, h.Backend)
		}
	}
	slices.Sort(names)
	return names
}

// Progress tells how far a job is.
type Progress struct {
	Operation string // "harvest" or "sweep"
	Done, Of  int    // tasks; Of is 0 if that is not known
	Workers   int    // that were heard lately
	Again     int    // tasks that were given out once more, as they took long or came damaged
	PerSecond float64
	Elapsed   time.Duration
}

// String is "harvest: 12 of 64 tasks, 4 workers, 1.3 tasks/s".
func (p Progress) String() string {
	text := fmt.Sprintf("%s: %d tasks", p.Operation, p.Done)
	if p.Of > 0 {
		text = fmt.Sprintf("%s: %d of %d tasks", p.Operation, p.Done, p.Of)
	}
	text += fmt.Sprintf(", %d workers, %.3g tasks/s", p.Workers, p.PerSecond)
	if p.Again > 0 {
		text += fmt.Sprintf(", %d given out again", p.Again)
	}
	if p.Workers == 0 {
		text += "; waiting for a worker"
	}
	return text
}
