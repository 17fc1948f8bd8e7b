package weights

import (
	"encoding/binary"
	"math"
	"slices"
)

// This file runs Python's pickle, as far as a state dict needs it. A pickle is a
// program for a stack machine, and Python's own machine calls whatever function the
// program names. This one has a fixed list of names (globals in torch.go); any other
// is refused before anything is done with it, so that a checkpoint cannot run code.
// The opcodes are those of protocols 2 to 5 (Lib/pickletools.py of CPython).

// Values of the program are nil, bool, int64, float64, string, []byte, and these.
type (
	tuple []any
	list  struct{ items []any }
	// in order of insertion; equal keys are kept, and refused as names
	dict  struct{ entries []entry }
	entry struct{ key, value any }
	// global is a name of Python's that the list allows.
	global string
)

// pickler is the stack machine.
type pickler struct {
	cursor
	stack   []any
	marks   []int // heights of the stack
	memo    map[uint64]any
	allowed func(module, name string) (any, error)
	call    func(callee any, args tuple) (any, error)
	persist func(id any) (any, error)
}

// opcode does one instruction. Failures stick in the cursor.
type opcode func(p *pickler)

var opcodes = map[byte]opcode{
	0x80: func(p *pickler) { p.bytes(1) }, // PROTO: the opcodes themselves tell
	0x95: func(p *pickler) { p.bytes(8) }, // FRAME: a hint for reading ahead

	// Constants and numbers. Those written as lines of text are of protocol 0 only.
	'N':  func(p *pickler) { p.push(nil) },
	0x88: func(p *pickler) { p.push(true) },
	0x89: func(p *pickler) { p.push(false) },
	'J':  func(p *pickler) { p.push(int64(int32(p.uint32()))) },
	'K':  func(p *pickler) { p.push(int64(p.byte())) },
	'M':  func(p *pickler) { p.push(int64(p.uint16())) },
	0x8a: (*pickler).long,
	'G':  (*pickler).float,

	// Text and bytes, with a length of 1, 4 or 8 bytes before them.
	'X':  func(p *pickler) { p.push(string(p.bytes(uint64(p.uint32())))) },
	0x8c: func(p *pickler) { p.push(string(p.bytes(uint64(p.byte())))) },
	0x8d: func(p *pickler) { p.push(p.string()) },
	'T':  func(p *pickler) { p.push(string(p.bytes(uint64(p.uint32())))) }, // Python 2's strings
	'U':  func(p *pickler) { p.push(string(p.bytes(uint64(p.byte())))) },
	'B':  func(p *pickler) { p.push(p.bytes(uint64(p.uint32()))) },
	'C':  func(p *pickler) { p.push(p.bytes(uint64(p.byte()))) },
	0x8e: func(p *pickler) { p.push(p.bytes(p.uint64())) },

	// A mark opens a group of unknown length, which a later opcode takes whole.
	'(': func(p *pickler) { p.marks = append(p.marks, len(p.stack)) },
	'0': func(p *pickler) { p.pop() },
	'1': func(p *pickler) { p.popMark() },

	// Tuples: empty, of all since the mark, of the last one, two or three.
	')':  func(p *pickler) { p.push(tuple{}) },
	't':  func(p *pickler) { p.push(p.popMark()) },
	0x85: func(p *pickler) { p.push(p.popN(1)) },
	0x86: func(p *pickler) { p.push(p.popN(2)) },
	0x87: func(p *pickler) { p.push(p.popN(3)) },

	// Lists and sets begin empty and are filled one by one or group by group.
	']':  func(p *pickler) { p.push(&list{}) },
	0x8f: func(p *pickler) { p.push(&list{}) }, // a set: nothing here asks for its members
	'a':  func(p *pickler) { p.extend(p.popN(1)) },
	'e':  func(p *pickler) { p.extend(p.popMark()) },
	0x90: func(p *pickler) { p.extend(p.popMark()) },

	// So do dicts.
	'}': func(p *pickler) { p.push(&dict{}) },
	's': func(p *pickler) { p.setItems(p.popN(2)) },
	'u': func(p *pickler) { p.setItems(p.popMark()) },

	// The memo, under a number given or the next one.
	'q':  func(p *pickler) { p.remember(uint64(p.byte())) },
	'r':  func(p *pickler) { p.remember(uint64(p.uint32())) },
	0x94: func(p *pickler) { p.remember(uint64(len(p.memo))) },
	'h':  func(p *pickler) { p.recall(uint64(p.byte())) },
	'j':  func(p *pickler) { p.recall(uint64(p.uint32())) },

	// Names, and what is done with them.
	'c':  func(p *pickler) { p.global(p.line(), p.line()) },
	'i':  func(p *pickler) { p.global(p.line(), p.line()); p.fail("it makes an object of a class") },
	0x93: (*pickler).stackGlobal,
	'R':  (*pickler).reduce,
	0x81: (*pickler).reduce, // NEWOBJ: for the classes that are allowed, a call
	'b':  (*pickler).build,
	'Q':  (*pickler).persistent,
}

const stop = '.'

// run executes the program and returns what it leaves on the stack.
func (p *pickler) run() (any, error) {
	p.memo = map[uint64]any{}
	for p.err == nil {
		op := p.byte()
		if op == stop && p.err == nil {
			value := p.pop()
			return value, p.err
		}
		do, ok := opcodes[op]
		if !ok {
			p.fail("opcode %#x is not one that a state dict needs", op)
			break
		}
		do(p)
	}
	return nil, p.err
}

func (p *pickler) push(v any) { p.stack = append(p.stack, v) }

// floor is the height below which the stack belongs to an earlier mark.
func (p *pickler) floor() int {
	if len(p.marks) == 0 {
		return 0
	}
	return p.marks[len(p.marks)-1]
}

func (p *pickler) pop() any {
	if v := p.popN(1); v != nil {
		return v[0]
	}
	return nil
}

// popN takes the n values on top.
func (p *pickler) popN(n int) tuple {
	from := len(p.stack) - n
	if from < p.floor() {
		p.fail("it takes from an empty stack")
		return nil
	}
	values := slices.Clone(p.stack[from:])
	p.stack = p.stack[:from]
	return values
}

// popMark takes what was pushed since the last mark, and the mark.
func (p *pickler) popMark() tuple {
	if len(p.marks) == 0 {
		p.fail("it has no mark on the stack")
		return nil
	}
	values := p.popN(len(p.stack) - p.floor())
	p.marks = p.marks[:len(p.marks)-1]
	return values
}

// top returns the value on top without taking it.
func (p *pickler) top() any {
	if len(p.stack) <= p.floor() {
		p.fail("it looks at an empty stack")
		return nil
	}
	return p.stack[len(p.stack)-1]
}

// extend appends to the list on top, or adds to the set.
func (p *pickler) extend(values tuple) {
	if l, ok := p.top().(*list); ok {
		l.items = append(l.items, values...)
	} else {
		p.fail("it appends to what is not a list")
	}
}

// setItems sets keys and values, which alternate, in the dict on top.
func (p *pickler) setItems(values tuple) {
	d, ok := p.top().(*dict)
	if !ok || len(values)%2 != 0 {
		p.fail("it sets items of what is not a dict, or half an item")
		return
	}
	for pair := range slices.Chunk(values, 2) {
		d.entries = append(d.entries, entry{pair[0], pair[1]})
	}
}

// remember and recall are how a pickle says that two places hold one object: the
// storage of tied weights, and every name that occurs twice.

func (p *pickler) remember(key uint64) { p.memo[key] = p.top() }

func (p *pickler) recall(key uint64) {
	v, ok := p.memo[key]
	if !ok {
		p.fail("it recalls value %d, which it has not stored", key)
	}
	p.push(v)
}

// long reads a whole number of up to 8 bytes in two's complement.
func (p *pickler) long() {
	n := uint64(p.byte())
	if n > 8 {
		p.fail("a whole number of %d bytes", n)
		return
	}
	var wide [8]byte
	b := p.bytes(n)
	if copy(wide[:], b); len(b) > 0 && b[len(b)-1] >= 0x80 {
		for i := len(b); i < 8; i++ {
			wide[i] = 0xff // carry the sign up
		}
	}
	p.push(int64(binary.LittleEndian.Uint64(wide[:])))
}

// float reads a float64, which pickle stores big-endian.
func (p *pickler) float() {
	if b := p.bytes(8); b != nil {
		p.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
}

// settle pushes a result, or keeps its error.
func (p *pickler) settle(v any, err error) {
	if err != nil && p.err == nil {
		p.err = err
	}
	p.push(v)
}

// global resolves a name, or refuses it: here is where code would get in.
func (p *pickler) global(module, name string) {
	if p.err == nil {
		p.settle(p.allowed(module, name))
	}
}

// stackGlobal takes the name from the stack, as protocols 4 and 5 do. The same list
// of names holds, however the two texts came about.
func (p *pickler) stackGlobal() {
	names := p.popN(2)
	if names == nil {
		return
	}
	module, isText := names[0].(string)
	name, isAlso := names[1].(string)
	if !isText || !isAlso {
		p.fail("it names a global by what is not text")
		return
	}
	p.global(module, name)
}

// reduce calls what lies below its tuple of arguments.
func (p *pickler) reduce() {
	v := p.popN(2)
	if v == nil {
		return
	}
	args, ok := v[1].(tuple)
	if !ok {
		p.fail("it calls %s without a tuple of arguments", describe(v[0]))
		return
	}
	p.settle(p.call(v[0], args))
}

// build sets attributes of the object on top. State dicts are OrderedDicts with
// an attribute _metadata (versions of modules), which says nothing about tensors;
// nothing else may be given attributes.
func (p *pickler) build() {
	p.pop()
	if _, ok := p.top().(*dict); !ok {
		p.fail("it sets the state of %s", describe(p.top()))
	}
}

// persistent asks the archive for what lies outside the pickle: the storages.
func (p *pickler) persistent() {
	if id := p.pop(); p.err == nil {
		p.settle(p.persist(id))
	}
}
