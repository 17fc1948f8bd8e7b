package hooked

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"gopherlens/internal/brief"
	"gopherlens/internal/cell"
	"gopherlens/internal/fault"
	"gopherlens/internal/nearest"
)

// Once is what f returns, made once: in later cells of a notebook, which are other processes, the
// same value is taken from the resident worker by its name.
//
//	var trained = hooked.Once("trained", func() *hooked.Tensor { return train(150) })
//
// T is a [Tensor], [Array], [StateDict], [Model], [Encoder], [EncoderDecoder], [Cache], [KVCache]
// or [FactoredMatrix], anything that encoding/gob keeps whole, such as [Tokens] or a slice of
// numbers, or structs, slices, arrays, maps and pointers of all these.
//
// The value is made again when the source of f changes, or that of anything that f uses of what the
// notebook declares, and after [Forget]. (If f itself is a function that the notebook imports, the
// file that it is in counts.) Of a variable of a function around f the assignments count; a
// parameter or a loop's variable belongs into the name: Once(fmt.Sprint("layer ", l), ...). What f
// reads from elsewhere, such as a file or the clock, does not count.
//
// What took longer than [OnceSlow] to make, or finds no room in the worker, lies on disk as well,
// for when the notebook is opened again; so does what is made with [OnDisk]. The worker and the
// folder are bounded: what nobody has used for the longest time goes first, and is made again.
// Without a worker, in a program or with GOPHERLENS_RESIDENT=off, f is called once in each process,
// or with OnDisk once for each build of the program.
//
// What f panics with, Once panics with, and nothing is kept. A cell in which a declaration failed
// treats it as [Must] says.
func Once[T any](name string, f func() T, options ...OnceOption) (value T) {
	v, declared := cell.Initialiser(0)
	defer func() {
		r := recover()
		switch {
		case r == nil:
		case !declared:
			panic(r)
		case !leftOut(v, r):
			panic(inInitialiser(fault.Recovered(r), v))
		}
	}()
	found, err := newOnce(name, reflect.TypeFor[T](), f, options, func() any { return f() })
	if err != nil {
		fail("%w", err)
	}
	return found.(T)
}

// OnceSlow is how long making a value must take for [Once] to keep it on disk, too, in a notebook.
const OnceSlow = 5 * time.Second

// A OnceOption says how [Once] keeps a value.
type OnceOption func(*onceCall)

// OnDisk has [Once] keep the value on disk, however fast it is made.
func OnDisk() OnceOption { return func(c *onceCall) { c.onDisk = true } }

// onceCall is one call of Once.
type onceCall struct {
	name   string
	typ    reflect.Type
	print  string // fingerprint of the function
	file   string // of a function whose source is not the cell's own; else ""
	onDisk bool
	make   func() any
}

// made are the values of this process by name. The lock of each is held while it is made.
var made = struct {
	sync.Mutex
	byName map[string]*madeValue
}{byName: map[string]*madeValue{}}

type madeValue struct {
	sync.Mutex
	done  bool
	typ   reflect.Type
	print string
	value any
	size  int64
}

func newOnce(name string, typ reflect.Type, f any, options []OnceOption, make func() any) (value any, err error) {
	defer func() {
		if err != nil {
			err = brief.Errorf("Once %q: %w", name, err)
		}
	}()
	c := &onceCall{name: name, typ: typ, make: make}
	for _, o := range options {
		if o == nil {
			return nil, errors.New("an option is nil")
		}
		o(c)
	}
	switch {
	case name == "":
		return nil, errors.New("give the value a name")
	case reflect.ValueOf(f).IsNil():
		return nil, errors.New("the function is nil")
	}
	if err := canKeep(typ); err != nil {
		return nil, err
	}
	if c.print, c.file, err = fingerprint(f); err != nil {
		return nil, err
	}
	return c.value()
}

// fingerprint stands for what a function computes: by its source in a notebook, elsewhere by its
// name in this program and the file that it is in.
func fingerprint(f any) (print, file string, err error) {
	print, err = cell.FingerprintOf(f)
	if !errors.Is(err, cell.ErrNoSource) {
		return print, "", err
	}
	fn := runtime.FuncForPC(reflect.ValueOf(f).Pointer())
	file, line := fn.FileLine(fn.Entry())
	return fmt.Sprint(ownName(fn), " ", file, ":", line), file, nil
}

// ownName is a function's name, "" of a literal: the compiler gives it one for each place that it
// was inlined to, though it is the same function.
func ownName(fn *runtime.Func) string {
	if strings.Contains(fn.Name(), ".func") {
		return ""
	}
	return fn.Name()
}

// settle completes the fingerprint of a function that is not the cell's own, before it is compared
// with that of another process: a cell is built anew each time, and so the function's file counts;
// a program counts as a whole.
func (c *onceCall) settle() error {
	if c.file == "" {
		return nil
	}
	sumOf := programSum
	if _, err := os.Stat(c.file); err == nil && cell.Is() {
		sumOf = func() (string, error) { return hashOfFile(c.file) }
	}
	sum, err := sumOf()
	c.print, c.file = c.print+" "+sum, ""
	return err
}

// programSum is a hash of the running program, which is read once.
var programSum = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return hashOfFile(path)
})

// value is the value as this process, the worker or the disk has it, or else made.
func (c *onceCall) value() (any, error) {
	made.Lock()
	v := made.byName[c.name]
	if v == nil {
		v = &madeValue{}
		made.byName[c.name] = v
	}
	made.Unlock()
	v.Lock()
	defer v.Unlock()
	if v.done {
		return v.value, c.check(v)
	}
	value, size, err := c.takeOrMake()
	if err != nil {
		return nil, err
	}
	v.done, v.typ, v.print, v.value, v.size = true, c.typ, c.print, value, size
	return value, nil
}

// check refuses a name that stands for another value in this process.
func (c *onceCall) check(v *madeValue) error {
	switch {
	case v.typ != c.typ:
		return fmt.Errorf("the name stands for a %s elsewhere in this program, and here for a %s: take another one", v.typ, c.typ)
	case v.print != c.print:
		return errors.New("the name stands for what another function makes elsewhere in this program: take another one")
	}
	return nil
}

func (c *onceCall) takeOrMake() (value any, size int64, err error) {
	stores, err := c.stores()
	if err != nil {
		return nil, 0, err
	}
	print := c.print
	defer func() { c.print = print }() // within the process the name is enough
	if len(stores) > 0 {
		if err := c.settle(); err != nil {
			return nil, 0, err
		}
	}
	for i, s := range stores {
		p, err := s.take(c)
		if err != nil {
			return nil, 0, err
		}
		if p == nil {
			continue
		}
		value, ok, err := p.unpack(c.typ)
		if err != nil {
			return nil, 0, err
		}
		if ok {
			for _, nearer := range stores[:i] {
				nearer.put(c, p) // it was let go; failing that, it is taken from here again
			}
			return value, p.size(), nil
		}
	}
	start := time.Now()
	value = c.make()
	p, err := pack(value, c.typ)
	if err != nil {
		return nil, 0, err
	}
	p.record.Took, p.record.Made = time.Since(start), start
	p.record.Name, p.record.Type, p.record.Print = c.name, c.typ.String(), c.print
	return value, p.size(), c.keep(stores, p)
}

// keep puts a value where it belongs: in the worker, and on disk where that was asked for, took
// long or has no room in the worker.
func (c *onceCall) keep(stores []onceStore, p *packed) error {
	onDisk := c.onDisk
	for _, s := range stores {
		if s.isDisk() {
			if !onDisk && p.record.Took < OnceSlow {
				continue
			}
			if err := s.put(c, p); err != nil && onDisk {
				return err
			}
			continue
		}
		switch err := s.put(c, p); {
		case isOutOfMemory(err):
			onDisk = true
		case err != nil:
			return err
		}
	}
	return nil
}

// A OnceValue is what [Once] keeps under a name.
type OnceValue struct {
	Name  string
	Type  string        // of the value, as Go spells it
	Bytes int64         // that it takes there, in the worker if it is on disk as well
	Where string        // "worker", "disk", "worker and disk", or "process"
	Made  time.Time     // when f was called; of a value in the process alone the zero time
	Took  time.Duration // what f took
}

// Where values are.
const (
	inWorker  = "worker"
	onDisk    = "disk"
	onBoth    = inWorker + " and " + onDisk
	inProcess = "process"
)

// listedOnce are values of which one that is in the worker and on disk is listed once.
func listedOnce(list []OnceValue) []OnceValue {
	var out []OnceValue
	for _, v := range list {
		same := func(o OnceValue) bool {
			return o.Name == v.Name && o.Type == v.Type && o.Made.Equal(v.Made) && o.Where != v.Where
		}
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i].Where = onBoth
			continue
		}
		out = append(out, v)
	}
	return out
}

// OnceValues lists what [Once] keeps for this notebook or program in the worker, on disk (there for
// all notebooks), or in this process alone, by name.
func OnceValues() ([]OnceValue, error) {
	stores, err := allStores()
	if err != nil {
		return nil, brief.Errorf("OnceValues: %w", err)
	}
	var list []OnceValue
	for _, s := range stores {
		found, err := s.list()
		if err != nil {
			return nil, brief.Errorf("OnceValues: %w", err)
		}
		list = append(list, found...)
	}
	list = listedOnce(list)
	made.Lock()
	defer made.Unlock()
	for name, v := range made.byName {
		if v.TryLock() {
			if v.done && !slices.ContainsFunc(list, func(o OnceValue) bool { return o.Name == name }) {
				list = append(list, OnceValue{Name: name, Type: v.typ.String(), Bytes: v.size, Where: inProcess})
			}
			v.Unlock()
		}
	}
	slices.SortFunc(list, func(a, b OnceValue) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.Where, a.Where)) })
	return list, nil
}

// Forget lets go of what [Once] keeps under a name: in the worker, on disk (whichever notebook has
// put it there) and in this process. The next Once of the name makes it again.
func Forget(name string) error {
	list, err := OnceValues()
	if err != nil {
		return err
	}
	var names []string
	for _, v := range list {
		names = append(names, v.Name)
	}
	if !slices.Contains(names, name) {
		return brief.Errorf("Forget: nothing is kept under the name %q%s", name, nearest.Hint(name, slices.Compact(names)))
	}
	made.Lock()
	delete(made.byName, name)
	made.Unlock()
	stores, err := allStores()
	for _, s := range stores {
		err = errors.Join(err, s.drop(name))
	}
	return err
}
