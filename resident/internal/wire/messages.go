package wire

import (
	"errors"
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"

	"gopherlens/internal/fault"
)

// A Status begins every answer.
type Status uint64

// The statuses. All but StatusOK are followed by a text.
const (
	StatusOK             Status = iota
	StatusError                 // the request failed
	StatusNotImplemented        // the fronted backend lacks it: compute.ErrNotImplemented
	StatusUnknownProgram        // not compiled, or no longer: send it
	StatusMalformed             // the worker closes the connection
	StatusOutOfMemory           // it does not fit: ErrOutOfMemory
)

// ErrUnknownProgram is the answer to a program that the worker does not hold.
var ErrUnknownProgram = errors.New("resident: the worker does not hold this program")

// ErrOutOfMemory is the answer to what does not fit into the worker's memory.
var ErrOutOfMemory = errors.New("resident: out of memory")

// PutError writes err as an answer.
func (e *Encoder) PutError(err error) {
	e.Uint(uint64(statusOf(err)))
	e.String(err.Error())
}

func statusOf(err error) Status {
	switch {
	case errors.Is(err, ErrMalformed):
		return StatusMalformed
	case errors.Is(err, ErrUnknownProgram):
		return StatusUnknownProgram
	case errors.Is(err, ErrOutOfMemory):
		return StatusOutOfMemory
	case compute.IsNotImplemented(err):
		return StatusNotImplemented
	}
	return StatusError
}

// Status reads the beginning of an answer and returns the error that it tells.
func (d *Decoder) Status() error {
	s := Status(d.Uint())
	if s == StatusOK {
		return d.err
	}
	return NewError(s, d.String())
}

// NewError makes an error of this side from one of the other's.
func NewError(s Status, text string) error {
	switch s {
	case StatusNotImplemented:
		return fmt.Errorf("%w (%s)", compute.ErrNotImplemented, text)
	case StatusUnknownProgram:
		return ErrUnknownProgram
	case StatusMalformed:
		return fmt.Errorf("%w: the worker says: %s", ErrMalformed, text)
	case StatusOutOfMemory:
		return fault.Mark(errors.New(text), ErrOutOfMemory)
	}
	return errors.New(text)
}

// Hello is the first message on a connection. Its fields must never change
// their order or meaning: it is what an older or newer worker still understands.
type Hello struct {
	Version string // Version() of the client's build
	Client  string // the same on all connections of one process
}

// Put writes h.
func (h Hello) Put(e *Encoder) { e.Strings([]string{h.Version, h.Client}) }

// ReadHello reads what Put wrote.
func ReadHello(d *Decoder) Hello {
	s := d.Strings()
	if d.err != nil || len(s) < 2 {
		d.fail("a greeting of %d fields", len(s))
		return Hello{}
	}
	return Hello{Version: s[0], Client: s[1]}
}

// Greeting is the worker's answer to Hello, under the same rule.
type Greeting struct {
	Version string // Version() of the worker's build
	Build   string // BuildID of the file that the worker was started from
}

// Put writes g.
func (g Greeting) Put(e *Encoder) { e.Strings([]string{g.Version, g.Build}) }

// ReadGreeting reads what Put wrote.
func ReadGreeting(d *Decoder) Greeting {
	s := d.Strings()
	if d.err != nil || len(s) < 2 {
		d.fail("a greeting of %d fields", len(s))
		return Greeting{}
	}
	return Greeting{Version: s[0], Build: s[1]}
}

// protocol is raised when a message changes its layout.
const protocol = "2"

// Version names all that two builds must share to understand each other: the
// layout of messages, the version of package compute, and its operations.
func Version() string {
	return "gopherlens-resident/" + protocol + " compute/" + ComputeVersion + " table/" + TableHash
}

// Info is what a client knows about the backend that the worker runs for it.
type Info struct {
	Index        uint64 // its number in later requests
	Name         string
	Description  string
	Devices      []string
	Capabilities compute.Capabilities
}

// Put writes i.
func (i Info) Put(e *Encoder) {
	e.Uint(i.Index)
	e.String(i.Name)
	e.String(i.Description)
	e.Strings(i.Devices)
	c := i.Capabilities
	for _, flag := range []bool{c.Functions, c.PreferConstantsForVariables} {
		e.Bool(flag)
	}
	e.Uint(uint64(c.DynamicShapes))
	putSet(e, c.Operations)
	putSet(e, c.DTypes)
}

// ReadInfo reads what Put wrote.
func ReadInfo(d *Decoder) Info {
	i := Info{Index: d.Uint(), Name: d.String(), Description: d.String(), Devices: d.Strings()}
	c := &i.Capabilities
	for _, flag := range []*bool{&c.Functions, &c.PreferConstantsForVariables} {
		*flag = d.Bool()
	}
	c.DynamicShapes = compute.DynamicShapesSupport(d.Uint())
	c.Operations = readSet[compute.OpType](d)
	c.DTypes = readSet[dtypes.DType](d)
	return i
}

func putSet[K ~int | ~int32](e *Encoder, set map[K]bool) {
	var in []uint64
	for k, ok := range set {
		if ok {
			in = append(in, uint64(k))
		}
	}
	e.Uints(in)
}

func readSet[K ~int | ~int32](d *Decoder) map[K]bool {
	in := d.Uints()
	set := make(map[K]bool, len(in))
	for _, k := range in {
		set[K(k)] = true
	}
	return set
}
