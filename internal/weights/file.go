package weights

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/nearest"
)

// Format is the container that a checkpoint came in.
type Format string

// The formats that [Open] reads.
const (
	Safetensors Format = "safetensors"
	GGUF        Format = "GGUF"
	Torch       Format = "torch"
)

// File is an open checkpoint: one file, or the shards of one checkpoint.
//
// Its methods may be called from several goroutines at once, Close excepted.
type File struct {
	path     string // as given to Open
	format   Format
	metadata map[string]any
	tensors  []Tensor       // in file order
	index    map[string]int // name -> position in tensors
	parts    []*mapping     // the files behind it, shards in order

	splitTensors int // how many tensors the parts of a GGUF file say that they hold together
}

// Format tells which container the checkpoint came in.
func (f *File) Format() Format { return f.format }

// Metadata returns the GGUF key-values (string, bool, the sized integers and
// floats, or slices of them), or the strings of safetensors' __metadata__, and
// nil where the file has none. The map is shared: do not change it.
func (f *File) Metadata() map[string]any { return f.metadata }

// Names returns the names of all tensors, sorted.
func (f *File) Names() []string { return slices.Sorted(maps.Keys(f.index)) }

// Tensor finds a tensor by its exact name. Where there is none, the error
// suggests the nearest names.
func (f *File) Tensor(name string) (Tensor, error) {
	if i, ok := f.index[name]; ok {
		return f.tensors[i], nil
	}
	return Tensor{}, fmt.Errorf("weights: %s: no tensor %q%s", f.path, brief.Text(name),
		nearest.Hint(name, f.Names()))
}

// Tensors yields every tensor in the order in which the data lie in the file, so
// that a load reads the disk forwards. The error is nil for the formats of today;
// it is there for readers that can fail half way.
func (f *File) Tensors() iter.Seq2[Tensor, error] {
	return func(yield func(Tensor, error) bool) {
		for _, t := range f.tensors {
			if !yield(t, nil) {
				return
			}
		}
	}
}

// Forget gives back the memory of what was read, which counts as the process's until the system
// wants it. What is read again comes from the system's cache or the disk. A system that does not
// take the advice, as where memory is locked, keeps the pages: nothing is wrong then.
func (f *File) Forget() {
	for _, m := range f.parts {
		forgetBytes(m.bytes)
	}
}

// Close unmaps the files. Slices from [Tensor.Raw] and [Tensor.View] become
// invalid: touching one after Close is a fault that Go cannot recover from.
// Decoded copies stay good.
func (f *File) Close() error {
	var errs []error
	for _, m := range f.parts {
		errs = append(errs, m.close())
	}
	f.parts, f.tensors, f.index = nil, nil, nil
	return errors.Join(errs...)
}

// add appends the tensors of one part, refusing a name that is there already.
func (f *File) add(m *mapping, tensors []Tensor) error {
	for _, t := range tensors {
		if _, double := f.index[t.Name]; double {
			return damaged(m.path, t.Name, "its name occurs twice")
		}
		f.index[t.Name] = len(f.tensors)
		f.tensors = append(f.tensors, t)
	}
	f.parts = append(f.parts, m)
	return nil
}

// damaged is the error for a file whose content contradicts itself. tensor may be empty.
// What it tells of the content is shortened: that is as long as the file likes.
func damaged(path, tensor, format string, args ...any) error {
	err := fmt.Errorf("weights: %s: %w; the file is damaged or incomplete: fetch it again",
		where(path, tensor), brief.Errorf(format, args...))
	return fault.Mark(err, fault.ErrUnsupportedFile)
}

// unsupported is the error for a sound file that holds what this package cannot read.
func unsupported(path, tensor, format string, args ...any) error {
	err := fmt.Errorf("weights: %s: %w", where(path, tensor), brief.Errorf(format, args...))
	return fault.Mark(err, fault.ErrUnsupportedFile)
}

func where(path, tensor string) string {
	if tensor == "" {
		return path
	}
	return fmt.Sprintf("%s: tensor %q", path, brief.Text(tensor))
}
