package worker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"gopherlens/internal/nativemem"
	"gopherlens/resident/internal/wire"
)

// A server answers clients on a socket.
type server struct {
	greeting wire.Greeting
	store    *store
	backends backends
	started  time.Time
	pid      int

	mu       sync.Mutex
	clients  map[string]*client
	lastSeen time.Time // when the last connection closed

	untidy atomic.Bool // something ran since native memory was given back
}

func newServer(build string, budget int64) *server {
	now := time.Now()
	return &server{
		greeting: wire.Greeting{Version: wire.Version(), Build: build},
		store:    newStore(budget),
		clients:  map[string]*client{},
		started:  now,
		lastSeen: now,
		pid:      os.Getpid(),
	}
}

// serve answers connections until the listener is closed.
func (s *server) serve(l *net.UnixListener) error {
	for {
		c, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil { // out of descriptors, or a client that gave up
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go s.connection(c)
	}
}

// greetingTimeout is how long a client may take to greet. Only one that is suspended
// takes longer; it may connect again.
var greetingTimeout = 10 * time.Second

// connection answers one connection's requests until it closes. Whatever goes
// wrong in it ends it alone.
func (s *server) connection(c *net.UnixConn) {
	defer c.Close()
	if _, ok := wire.PeerIsMe(c); !ok {
		return
	}
	conn := wire.NewConn(c)
	conn.Admit = s.store.reserve
	c.SetDeadline(time.Now().Add(greetingTimeout))
	who, err := s.hello(conn)
	if err != nil {
		return
	}
	defer s.leave(who)
	c.SetDeadline(time.Time{})
	for {
		request, err := conn.Receive()
		if err != nil {
			return
		}
		err = s.answer(conn, who, request)
		request.Data.Close()
		if err != nil {
			return
		}
	}
}

// hello greets a client. To one of another build it says only its version.
func (s *server) hello(conn *wire.Conn) (*client, error) {
	first, err := conn.Receive()
	if err != nil {
		return nil, err
	}
	defer first.Data.Close()
	if first.Kind != wire.KindHello {
		return nil, wire.ErrMalformed
	}
	d := wire.NewDecoder(first.Body)
	h := wire.ReadHello(d)
	if d.Err() != nil {
		return nil, d.Err()
	}
	var e wire.Encoder
	s.greeting.Put(&e)
	if err := conn.Send(wire.Frame{Kind: wire.KindHello, Body: e.Body()}); err != nil {
		return nil, err
	}
	if h.Version != s.greeting.Version {
		return nil, errors.New("a client of another build")
	}
	return s.join(h.Client), nil
}

// answer handles one request. It returns an error to have the connection
// closed, after the client has been told why.
func (s *server) answer(conn *wire.Conn, who *client, request wire.Frame) error {
	reply := &response{}
	reply.Uint(uint64(wire.StatusOK))
	err := s.handle(who, request, reply)
	if err != nil {
		reply.Truncate(0)
		reply.PutError(err)
		reply.data = wire.Data{}
	}
	sendErr := conn.Send(wire.Frame{Kind: request.Kind, Body: reply.Body(), Data: reply.data})
	if reply.after != nil {
		reply.after()
	}
	if errors.Is(err, wire.ErrMalformed) {
		return err
	}
	return sendErr
}

// A response is what a handler fills in.
type response struct {
	wire.Encoder
	data  wire.Data
	after func() // run once the response is sent
}

// panicked begins the error that a panic in a backend becomes.
const panicked = "the backend failed"

func (s *server) handle(who *client, request wire.Frame, reply *response) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("resident: %s: %v", panicked, p)
		}
	}()
	h, ok := handlers[request.Kind]
	if !ok {
		return fmt.Errorf("%w: a request of kind %d", wire.ErrMalformed, request.Kind)
	}
	d := wire.NewDecoder(request.Body)
	who.free(s.store, d.Uints())
	return h(s, &call{client: who, Decoder: d, data: request.Data}, reply)
}

// join returns the client of this name, with one connection more.
func (s *server) join(name string) *client {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.clients[name]
	if c == nil {
		c = &client{name: name, held: map[uint64]any{}}
		s.clients[name] = c
	}
	c.connections++
	return c
}

// leave takes a connection from a client; with the last, all that it held goes.
func (s *server) leave(c *client) {
	s.mu.Lock()
	c.connections--
	last := c.connections == 0
	if last {
		delete(s.clients, c.name)
	}
	s.lastSeen = time.Now()
	s.mu.Unlock()
	if last {
		c.freeAll(s.store)
		s.untidy.Store(true)
	}
}

// tidy gives back what the runs of all clients have left, once none is connected for a while: the
// next cell takes it over.
func (s *server) tidy() {
	if s.idleFor() > tidyAfter && s.untidy.CompareAndSwap(true, false) {
		nativemem.Trim()
	}
}

const tidyAfter = 10 * time.Second

// idleFor returns how long nothing has been connected.
func (s *server) idleFor() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.clients) > 0 {
		return 0
	}
	return time.Since(s.lastSeen)
}
