package worker

import (
	"net"
	"os"
	"testing"
	"time"

	"gopherlens/resident/internal/wire"
)

// Connections that say nothing, or half a greeting, are closed; one that has greeted may
// be silent as long as it likes.
func TestGreetingDeadline(t *testing.T) {
	defer func(d time.Duration) { greetingTimeout = d }(greetingTimeout)
	greetingTimeout = 200 * time.Millisecond
	dir, err := os.MkdirTemp("", "worker")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, own, err := listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := newServer("", 0)
	go s.serve(l)
	dial := func() *net.UnixConn {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: own.path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	polite := wire.NewConn(dial())
	defer polite.Close()
	var e wire.Encoder
	wire.Hello{Version: wire.Version(), Client: "polite"}.Put(&e)
	if err := polite.Send(wire.Frame{Kind: wire.KindHello, Body: e.Body()}); err != nil {
		t.Fatal(err)
	}
	if _, err := polite.Receive(); err != nil {
		t.Fatal(err)
	}
	var silent []*net.UnixConn
	for i := range 300 {
		c := dial()
		defer c.Close()
		c.Write([]byte("GL\x01\x00\xff\xff")[:i%7])
		silent = append(silent, c)
	}
	for i, c := range silent {
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Fatalf("connection %d is still open: %v", i, err)
		}
	}
	var request wire.Encoder
	request.Uints(nil)
	if err := polite.Send(wire.Frame{Kind: wire.KindStatus, Body: request.Body()}); err != nil {
		t.Fatal(err)
	}
	if answer, err := polite.Receive(); err != nil || answer.Kind != wire.KindStatus {
		t.Errorf("a client that had greeted: %v", err)
	}
}

// A worker leaves a socket that is not its own, be its inode the same or another.
func TestOwnSocket(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir) // a socket's path must be short
	l, own, err := listen(".")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if !own.there() {
		t.Error("closing the listener removed the file, which may be a successor's by then")
	}
	os.Remove("worker.sock")
	time.Sleep(20 * time.Millisecond) // a file system's clock ticks
	second, _, err := listen(".")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if own.there() {
		t.Error("a successor's socket counts as one's own")
	}
	own.remove()
	if _, err := os.Lstat("worker.sock"); err != nil {
		t.Errorf("a successor's socket was removed: %v", err)
	}
}

// Data that the budget has no room for are thrown away as they come, and refused.
func TestInlineData(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "s", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: "s", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accepted, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	conn := wire.NewConn(accepted)
	conn.Admit = newStore(1 << 20).reserve
	const length = 4 << 20
	go func() { // as a client does where no memory file can be passed
		c.Write([]byte{'G', 'L', byte(wire.KindUpload), 0, 1, 0, 0, 0, 0, 0, length >> 16, 0, 0, 0, 0, 0, 7})
		c.Write(make([]byte, length))
		c.Write([]byte{'G', 'L', byte(wire.KindStatus), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	}()
	frame, err := conn.Receive()
	if err != nil || frame.Data.Len() != length {
		t.Fatalf("%d bytes, %v", frame.Data.Len(), err)
	}
	if err := frame.Data.View(func([]byte) error { return nil }); err == nil {
		t.Error("4 MiB were taken in with a budget of 1 MiB")
	}
	if next, err := conn.Receive(); err != nil || next.Kind != wire.KindStatus {
		t.Errorf("the next frame: %v, %v", next.Kind, err)
	}
}
