package resident

import (
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"gopherlens/internal/fault"
	"gopherlens/resident/internal/wire"
)

// A pool holds a process's connections to one worker. Each carries one call at
// a time, so that goroutines that call at once get one each.
type pool struct {
	place  place
	client string // the same on all connections
	pid    int    // the worker's, 0 if unknown

	mu     sync.Mutex
	idle   []*wire.Conn
	parked []*wire.Conn // of calls that were given up
	closed bool
	gone   error // set once the worker has ended

	freed      []uint64 // handles to let go of with the next request
	freedBytes int64
	held       int64 // bytes of arrays that handles of this process stand for
	collectAt  int64 // held bytes at which Go's collector is started
}

// Limits of what a pool saves up. A connection costs a goroutine in the worker;
// freed handles cost the memory that they stand for.
const (
	maxIdle         = 8
	flushFreedBytes = 64 << 20
	flushFreed      = 4096
	collectStep     = 512 << 20
)

func newPool() (*pool, error) {
	where, err := session()
	if err != nil {
		return nil, err
	}
	p := &pool{place: where, client: rand.Text(), collectAt: collectStep}
	conn, err := where.connect(p.client)
	if err != nil {
		return nil, err
	}
	p.pid, _ = wire.PeerIsMe(conn.Unix())
	p.idle = []*wire.Conn{conn}
	return p, nil
}

// get returns an idle connection or opens one. Only the first connection of a
// process may start a worker: a second would know nothing of its handles.
func (p *pool) get() (*wire.Conn, error) {
	conn, err := p.takeIdle()
	if conn != nil || err != nil {
		return conn, err
	}
	conn, _, err = p.place.reach(p.client)
	if err == nil {
		if pid, _ := wire.PeerIsMe(conn.Unix()); pid != p.pid {
			err = fmt.Errorf("process %d has taken its place", pid)
		} else {
			return conn, nil
		}
	}
	closeConn(conn)
	if errors.Is(err, ErrSilent) {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return nil, p.ended(err)
}

// takeIdle returns an idle connection, or nil if there is none.
func (p *pool) takeIdle() (*wire.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n := len(p.idle); {
	case p.closed:
		return nil, errors.New("resident: the backend was finalized")
	case p.gone != nil:
		return nil, p.gone
	case n > 0:
		conn := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return conn, nil
	}
	return nil, nil
}

func (p *pool) put(conn *wire.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		conn.Close()
		return
	}
	p.idle = append(p.idle, conn)
}

// park leaves a connection open that is of no more use: when the worker goes on, it must
// not find this process gone, and free all that it holds.
func (p *pool) park(conn *wire.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		conn.Close()
		return
	}
	p.parked = append(p.parked, conn)
}

// request begins a request with the handles that are to be freed.
func (p *pool) request() *wire.Encoder {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &wire.Encoder{}
	e.Uints(p.freed)
	p.freed, p.freedBytes = p.freed[:0], 0
	return e
}

// call sends a request and has read take the answer, which it must not keep.
// An error in the answer is returned before read is called.
func (p *pool) call(kind wire.Kind, e *wire.Encoder, data wire.Data, read func(*wire.Decoder, wire.Data) error) error {
	conn, err := p.get()
	if err != nil {
		return err
	}
	endVigil := p.keepVigil(conn)
	err = conn.Send(wire.Frame{Kind: kind, Body: e.Body(), Data: data})
	var answer wire.Frame
	if err == nil {
		answer, err = conn.Receive()
	}
	if given := endVigil(); given != nil {
		answer.Data.Close()
		p.park(conn)
		return given
	}
	if err != nil {
		conn.Close()
		return p.lost(err)
	}
	defer answer.Data.Close()
	d := wire.NewDecoder(answer.Body)
	err = d.Status()
	if errors.Is(err, wire.ErrMalformed) {
		conn.Close() // the worker does so, too
		return err
	}
	defer p.put(conn)
	if err != nil || read == nil {
		return err
	}
	return read(d, answer.Data)
}

// lost explains a connection that broke in the middle of a call.
func (p *pool) lost(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.New("resident: the backend was finalized during a call")
	}
	return p.ended(err)
}

// ended remembers that the worker is gone, and with it all that this process
// held there. The next process starts a new one.
func (p *pool) ended(err error) error {
	if p.gone == nil {
		err = fmt.Errorf("resident: the worker (process %d) has ended, and the values that it held are lost: "+
			"run the cell or program again, a new worker starts by itself; its log is %s (%w)", p.pid, p.place.log(), err)
		p.gone = fault.Mark(err, ErrWorkerGone)
	}
	p.closeConns()
	return p.gone
}

// free lets go of a handle with the next request, or with one of its own once
// enough has come together.
func (p *pool) free(handle uint64, size int64) {
	p.mu.Lock()
	p.freed = append(p.freed, handle)
	p.freedBytes += size
	p.held -= size
	flush := !p.closed && (p.freedBytes > flushFreedBytes || len(p.freed) > flushFreed)
	p.mu.Unlock()
	if flush {
		go p.call(wire.KindFree, p.request(), wire.Data{}, nil)
	}
}

// holds counts what a new handle stands for. When much has come since the last
// time, Go's collector is started, so that handles that nobody uses are found.
func (p *pool) holds(size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held += size
	if p.held > p.collectAt {
		p.collectAt = 2*p.held + collectStep
		go p.collect()
	}
}

func (p *pool) collect() {
	runtime.GC()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.collectAt = max(p.held+p.held/2, p.held+collectStep)
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.closeConns()
}

func (p *pool) closeConns() {
	for _, conn := range append(p.idle, p.parked...) {
		conn.Close()
	}
	p.idle, p.parked = nil, nil
}
