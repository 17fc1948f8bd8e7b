package worker

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// storing is a fake backend that takes values in and gives them back.
type storing struct{ fakeBackend }

func (storing) BufferFromFlatData(_ compute.DeviceNum, flat any, _ shapes.Shape) (compute.Buffer, error) {
	return &storedBuffer{flat: append([]uint8(nil), flat.([]uint8)...)}, nil
}

func (storing) HasSharedBuffers() bool { return false }

type storedBuffer struct {
	trackedBuffer
	flat []uint8
}

func (b *storedBuffer) ToFlatData(flat any) error { copy(flat.([]uint8), b.flat); return nil }

// frameBytes is a request as it stands on the wire, its data behind its body.
func frameBytes(kind wire.Kind, body, data []byte) []byte {
	b := []byte{'G', 'L', byte(kind), 0}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(data)))
	return append(append(b, body...), data...)
}

// greeted is a raw connection to a server that has been greeted.
func greeted(t *testing.T, s *server, name string) (*net.UnixConn, *wire.Conn) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	go s.connection(accepted)
	var e wire.Encoder
	wire.Hello{Version: wire.Version(), Client: name}.Put(&e)
	conn := wire.NewConn(c)
	if err := conn.Send(wire.Frame{Kind: wire.KindHello, Body: e.Body()}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Receive(); err != nil {
		t.Fatal(err)
	}
	return c, conn
}

// inPieces writes bytes in pieces of random sizes, now and then with a pause.
func inPieces(t *testing.T, random *rand.Rand, w io.Writer, b []byte) {
	t.Helper()
	for len(b) > 0 {
		n := min(len(b), 1+random.IntN(1+random.IntN(40_000)))
		if _, err := w.Write(b[:n]); err != nil {
			t.Fatal(err)
		}
		if b = b[n:]; random.IntN(4) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// TestReceiveInPieces uploads arrays of any size through a socket that cuts requests anywhere, and
// reads them again: what comes back is what went in.
func TestReceiveInPieces(t *testing.T) {
	t.Chdir(t.TempDir()) // a socket's path must be short
	s := newServer("", 1<<30)
	s.backends.open = []*backend{{config: "storing", real: storing{}}}
	c, conn := greeted(t, s, "pieces")
	defer c.Close()
	random := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		content := make([]byte, 1+random.IntN(1+random.IntN(300_000)))
		for i := range content {
			content[i] = byte(random.Uint32())
		}
		var e wire.Encoder
		e.Uints(nil)
		e.Uint(0) // backend
		e.Uint(0) // device
		e.Shape(shapes.Make(dtypes.Uint8, len(content)))
		inPieces(t, random, c, frameBytes(wire.KindUpload, e.Clone(), content))
		handle := answered(t, conn)
		e.Truncate(0)
		e.Uints(nil)
		e.Uint(0)
		e.Uint(handle)
		inPieces(t, random, c, frameBytes(wire.KindDownload, e.Clone(), nil))
		answer, err := conn.Receive()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, answer.Data.Len())
		if err := answer.Data.ReadInto(got); err != nil || string(got) != string(content) {
			t.Fatalf("%d bytes came back as %d others (%v)", len(content), len(got), err)
		}
		answer.Data.Close()
	}
	if s.store.arrays != 30 {
		t.Errorf("%d arrays are there", s.store.arrays)
	}
}

// answered reads the answer to an upload and returns the array's handle.
func answered(t *testing.T, conn *wire.Conn) (handle uint64) {
	t.Helper()
	answer, err := conn.Receive()
	if err != nil {
		t.Fatal(err)
	}
	d := wire.NewDecoder(answer.Body)
	if status := wire.Status(d.Uint()); status != wire.StatusOK {
		t.Fatalf("refused: %q", answer.Body)
	}
	if n := d.Uint(); n != 1 {
		t.Fatalf("%d arrays", n)
	}
	return d.Uint()
}

// TestReceiveCutShort closes connections in the middle of a request, at any byte: the worker goes
// on for others, and nothing of the client is left.
func TestReceiveCutShort(t *testing.T) {
	t.Chdir(t.TempDir())
	s := newServer("", 1<<30)
	s.backends.open = []*backend{{config: "storing", real: storing{}}}
	var e wire.Encoder
	e.Uints(nil)
	e.Uint(0)
	e.Uint(0)
	e.Shape(shapes.Make(dtypes.Uint8, 100))
	whole := frameBytes(wire.KindUpload, e.Clone(), make([]byte, 100))
	for cut := range len(whole) {
		c, conn := greeted(t, s, "cut")
		if _, err := c.Write(whole); err != nil {
			t.Fatal(err)
		}
		answered(t, conn)
		if _, err := c.Write(whole[:cut]); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	var state wire.State
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if s.store.state(&state); s.idleFor() > 0 && state.Arrays == 0 {
			return
		}
	}
	t.Errorf("%d bytes in %d arrays are left of clients that have gone", state.Bytes, state.Arrays)
}
