package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// A Kind says what a frame asks for; in an answer it repeats the request's.
type Kind uint8

// The requests. The worker's package documents what each body holds, beside
// the function that reads it.
const (
	KindHello Kind = iota + 1
	KindOpen
	KindCompile
	KindInfer
	KindUpload
	KindDownload
	KindExecute
	KindCopy
	KindFree
	KindKeep
	KindAttach
	KindDrop
	KindStatus
	KindPeek
)

// A Frame is one message. Data, the raw part, is separate from the body so
// that a hundred megabytes of tensor are never copied into an encoder.
type Frame struct {
	Kind Kind
	Body []byte
	Data Data
}

// header is the fixed part before a body:
//
//	0 magic "GL", 2 kind, 3 flags, 4 length of the body, 8 length of the data
//
// all little-endian. The data follows the body, or, with flagPassed, lies in a
// memory file whose descriptor came with the header.
const (
	headerSize = 16
	flagPassed = 1
	maxBody    = 1 << 28
)

var magic = [2]byte{'G', 'L'}

// firstRead is how much is asked of the socket at once: nearly every message
// is smaller, and then one system call fetches it.
const firstRead = 64 << 10

// A Conn sends and receives frames. It is for one goroutine at a time.
type Conn struct {
	// Admit, if set, is asked before data that come through the socket are read into
	// memory. Data that it refuses are read and thrown away, and fail when they are used.
	Admit func(bytes int64) error

	unix *net.UnixConn
	out  []byte
	in   []byte
}

// NewConn wraps a connected socket.
func NewConn(c *net.UnixConn) *Conn { return &Conn{unix: c, in: make([]byte, firstRead)} }

// Unix returns the socket, for deadlines and credentials.
func (c *Conn) Unix() *net.UnixConn { return c.unix }

// Close closes the socket; a read that waits on it ends.
func (c *Conn) Close() error { return c.unix.Close() }

// Send writes one frame. The data is only read, and not after Send returns.
func (c *Conn) Send(f Frame) error {
	if len(f.Body) > maxBody {
		return fmt.Errorf("resident: a message of %d bytes is too long (at most %d)", len(f.Body), maxBody)
	}
	file, err := f.Data.file()
	if err != nil {
		return err
	}
	if file == nil {
		return c.sendInline(f)
	}
	if file != f.Data.File {
		defer file.Close()
	}
	c.header(f, flagPassed)
	return sendWithFile(c.unix, c.out, file)
}

func (c *Conn) sendInline(f Frame) error {
	c.header(f, 0)
	if f.Data.Len() <= passAbove {
		c.out = append(c.out, f.Data.Bytes...)
		_, err := c.unix.Write(c.out)
		return err
	}
	if _, err := c.unix.Write(c.out); err != nil {
		return err
	}
	_, err := c.unix.Write(f.Data.Bytes)
	return err
}

func (c *Conn) header(f Frame, flags byte) {
	c.out = append(c.out[:0], magic[0], magic[1], byte(f.Kind), flags)
	c.out = binary.LittleEndian.AppendUint32(c.out, uint32(len(f.Body)))
	c.out = binary.LittleEndian.AppendUint64(c.out, uint64(f.Data.Len()))
	c.out = append(c.out, f.Body...)
}

// Receive reads one frame. The body is valid until the next Receive; the data
// must be released by the caller. io.EOF means that the other side has closed
// the connection between two frames.
func (c *Conn) Receive() (Frame, error) {
	n, file, err := receiveSome(c.unix, c.in)
	if err != nil {
		return Frame{}, err
	}
	frame, err := c.receive(n, file)
	if err != nil && file != nil {
		file.Close()
	}
	return frame, err
}

func (c *Conn) receive(n int, file *os.File) (Frame, error) {
	for n < headerSize {
		more, err := c.unix.Read(c.in[n:])
		if err != nil {
			return Frame{}, midFrame(err)
		}
		n += more
	}
	h, err := parseHeader(c.in)
	if err != nil {
		return Frame{}, err
	}
	rest := &tail{ahead: c.in[headerSize:n], from: c.unix}
	body, err := rest.read(uint64(h.body))
	if err != nil {
		return Frame{}, err
	}
	data, err := c.data(h, rest, file)
	if err != nil {
		return Frame{}, err
	}
	if len(rest.ahead) > 0 {
		return Frame{}, fmt.Errorf("resident: %w: %d bytes after a frame", ErrMalformed, len(rest.ahead))
	}
	return Frame{Kind: h.kind, Body: body, Data: data}, nil
}

type header struct {
	kind   Kind
	passed bool
	body   uint32
	length uint64
}

func parseHeader(b []byte) (header, error) {
	h := header{
		kind:   Kind(b[2]),
		passed: b[3] == flagPassed,
		body:   binary.LittleEndian.Uint32(b[4:]),
		length: binary.LittleEndian.Uint64(b[8:]),
	}
	switch {
	case b[0] != magic[0] || b[1] != magic[1] || b[3] > flagPassed:
		return h, fmt.Errorf("resident: %w: not a frame", ErrMalformed)
	case h.body > maxBody || h.length > maxBytes:
		return h, fmt.Errorf("resident: %w: a frame of %d + %d bytes", ErrMalformed, h.body, h.length)
	}
	return h, nil
}

func (c *Conn) data(h header, rest *tail, file *os.File) (Data, error) {
	if h.passed != (file != nil) {
		return Data{}, fmt.Errorf("resident: %w: a descriptor is missing or was not announced", ErrMalformed)
	}
	if file != nil {
		return Data{File: file, length: int64(h.length)}, checkMemory(file, int64(h.length))
	}
	if c.Admit != nil && h.length > firstRead {
		if refused := c.Admit(int64(h.length)); refused != nil {
			return Data{length: int64(h.length), refused: refused}, rest.skip(h.length)
		}
	}
	b, err := rest.read(h.length)
	return Data{Bytes: b}, err
}

// A tail is what follows a header: first the bytes that were read along with
// it, then those still in the socket.
type tail struct {
	ahead []byte
	from  io.Reader
}

// read returns the next n bytes. What must still arrive is read in growing
// pieces, so that a false length cannot reserve memory for bytes that never come.
func (t *tail) read(n uint64) ([]byte, error) {
	if n <= uint64(len(t.ahead)) {
		b := t.ahead[:n:n]
		t.ahead = t.ahead[n:]
		return b, nil
	}
	buf := append([]byte(nil), t.ahead...)
	t.ahead = nil
	for uint64(len(buf)) < n {
		piece := min(n-uint64(len(buf)), uint64(max(len(buf), firstRead)))
		at := len(buf)
		buf = append(buf, make([]byte, piece)...)
		if _, err := io.ReadFull(t.from, buf[at:]); err != nil {
			return nil, midFrame(err)
		}
	}
	return buf, nil
}

// skip passes over n bytes.
func (t *tail) skip(n uint64) error {
	here := min(n, uint64(len(t.ahead)))
	t.ahead = t.ahead[here:]
	if _, err := io.CopyN(io.Discard, t.from, int64(n-here)); err != nil {
		return midFrame(err)
	}
	return nil
}

// midFrame turns the end of a stream inside a frame into an error of its own:
// plain io.EOF is the normal end between frames.
func midFrame(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
