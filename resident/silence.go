package resident

import (
	"fmt"
	"os"
	"strings"
	"time"

	"gopherlens/resident/internal/wire"
)

// silent is the error for a worker that has said nothing for a time.
func silent(pid int, since time.Duration) error {
	return fmt.Errorf("%w since %s: process %d%s; what it holds is not lost: wait and try again, "+
		"or end it with \"gopherlens resident stop\"", ErrSilent, since.Round(time.Second/10), pid, stopped(pid))
}

// stopped tells of a suspended process, where the system says so.
func stopped(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// the name may hold anything
	_, state, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	if strings.HasPrefix(state, "T") || strings.HasPrefix(state, "t") {
		return fmt.Sprintf(" is suspended (kill -CONT %d lets it go on)", pid)
	}
	return " runs, and may be slow because the machine has too much to do"
}

// While a call waits, however long it takes, the worker is greeted anew every
// heartbeat. If it has not answered that for silenceLimit, the call fails. Variables for
// tests.
var (
	heartbeat    = 5 * time.Second
	silenceLimit = 30 * time.Second
)

// A vigil watches over one call.
type vigil struct {
	pool  *pool
	conn  *wire.Conn
	done  chan struct{}
	given error // why the call was given up; set before its connection's deadline
}

// keepVigil begins to watch. It costs a timer; most calls are over before the first beat.
func (p *pool) keepVigil(conn *wire.Conn) (end func() error) {
	v := &vigil{pool: p, conn: conn, done: make(chan struct{})}
	finished := make(chan struct{})
	timer := time.AfterFunc(heartbeat, func() { v.watch(); close(finished) })
	return func() error {
		if timer.Stop() {
			return nil
		}
		close(v.done)
		<-finished
		return v.given
	}
}

// watch beats until the call is over or the worker has been silent for too long.
func (v *vigil) watch() {
	last := time.Now()
	for {
		if v.pool.beat(v.done) {
			last = time.Now()
		}
		if since := time.Since(last); since > silenceLimit {
			v.given = silent(v.pool.pid, since)
			v.conn.Unix().SetDeadline(time.Unix(1, 0)) // ends the call
			return
		}
		select {
		case <-v.done:
			return
		case <-time.After(heartbeat):
		}
	}
}

// beat greets the worker on a connection of its own, and reports whether it answered. It
// ends early when the call is over.
func (p *pool) beat(done <-chan struct{}) bool {
	answered := make(chan bool, 1)
	go func() {
		conn, _, err := p.place.reach(p.client)
		pid := 0
		if conn != nil {
			pid, _ = wire.PeerIsMe(conn.Unix())
			conn.Close()
		}
		// Where its socket is gone or another's, the worker will end, and the call with it.
		answered <- err == nil && pid == p.pid
	}()
	select {
	case <-done:
		return true
	case ok := <-answered:
		return ok
	}
}
