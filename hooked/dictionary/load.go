package dictionary

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
	"gopherlens/internal/weights"
)

// LoadOptions refine [Load].
type LoadOptions struct {
	Revision string // branch, tag or commit on the hub
	Offline  bool   // never ask the network

	// Hook and HookOut are the sites that the dictionary reads and gives, where neither its files
	// nor the names of its folders say it. They must not contradict what the files say.
	Hook, HookOut string

	// Context, if not nil, ends a download when it ends.
	Context context.Context
	// Progress is told of downloads, if not nil: bytes done and in all.
	Progress func(file string, done, total int64)
}

// Load is the dictionary in a folder, or in a folder of a repository on the Hugging Face hub, which
// is kept in the hub's cache on disk:
//
//	d, err := dictionary.Load("saes/layer_8")
//	d, err := dictionary.Load("google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71")
//
// It reads what SAELens 3 to 6 saves (cfg.json with sae_weights.safetensors), Gemma Scope
// (params.npz), Gemma Scope 2 (config.json with params.safetensors) and sparsify (cfg.json with
// sae.safetensors). [Dictionary.Source] says which it was. A field that is not known is an error
// which names it, since it may change what is computed.
func Load(name string, options ...LoadOptions) (*Dictionary, error) {
	if len(options) > 1 {
		return nil, fmt.Errorf("dictionary: Load takes one LoadOptions, %d are given", len(options))
	}
	var o LoadOptions
	if len(options) == 1 {
		o = options[0]
	}
	folder, err := o.find(name)
	if err != nil {
		return nil, err
	}
	d, err := load(folder, o)
	if err != nil {
		return nil, fault.Mark(brief.Errorf("loading the dictionary %s: %w", folder, err), fault.ErrUnsupportedFile)
	}
	return d, nil
}

// find is the folder that holds the files.
func (o LoadOptions) find(name string) (string, error) {
	if info, err := os.Stat(name); err == nil {
		if o.Revision != "" {
			return "", brief.Errorf("dictionary: %s is a local path, which has no revision %q", name, o.Revision)
		}
		if !info.IsDir() {
			name = filepath.Dir(name)
		}
		return name, nil
	}
	ctx := o.Context
	if ctx == nil {
		ctx = context.Background()
	}
	source, err := hub.ResolveFolder(ctx, name, layoutFiles(), hub.Options{Revision: o.Revision, Offline: o.Offline, Progress: o.Progress})
	return source.Path, err
}

// A layout is how somebody writes dictionaries to disk.
type layout struct {
	name            string
	config, weights string // files; config is empty where there is none
	read            func(src *source) error
}

// layouts, in the order in which they are looked for.
var layouts = []layout{
	{"SAELens", "cfg.json", "sae_weights.safetensors", readSAELens},
	{"sparsify", "cfg.json", "sae.safetensors", readSparsify},
	{"Gemma Scope 2", "config.json", "params.safetensors", readGemmaScope2},
	{"Gemma Scope", "", "params.npz", readGemmaScope},
}

// layoutFiles are the sets of files that make a dictionary.
func layoutFiles() (sets [][]string) {
	for _, l := range layouts {
		set := []string{l.weights}
		if l.config != "" {
			set = append(set, l.config)
		}
		sets = append(sets, set)
	}
	return sets
}

// A source is a dictionary on disk while it is read.
type source struct {
	path    string   // the folder, absolute where that can be known
	fields  *fields  // of the configuration; empty without one
	weights arrays   // as the file has them; a reader leaves them as SAELens has them
	config  Config   // what the reader makes of it
	notes   []string // for the description
	bySite  bool     // the files do not say whether it transcodes or reads heads: its sites do
}

func load(folder string, o LoadOptions) (*Dictionary, error) {
	l, err := layoutOf(folder)
	if err != nil {
		return nil, err
	}
	src := &source{path: folder, fields: newFields(nil)}
	if abs, err := filepath.Abs(folder); err == nil {
		src.path = abs
	}
	if l.config != "" {
		if src.fields, err = readFields(filepath.Join(folder, l.config)); err != nil {
			return nil, err
		}
	}
	if src.weights, err = readArrays(filepath.Join(folder, l.weights)); err != nil {
		return nil, err
	}
	if err := l.read(src); err != nil {
		return nil, err
	}
	if err := errors.Join(src.fields.err(), src.settle(o)); err != nil {
		return nil, err
	}
	d, err := New(src.config, src.weights.state())
	if err != nil {
		return nil, err
	}
	d.Source = brief.Sprintf("read from %s (%s's layout)", folder, l.name)
	if notes := append(src.notes, src.defaults()...); len(notes) > 0 {
		d.Source += "; " + strings.Join(notes, "; ")
	}
	return d, nil
}

// defaults say what was taken for what the file leaves out.
func (s *source) defaults() []string {
	if len(s.fields.taken) == 0 {
		return nil
	}
	return []string{"defaults: " + strings.Join(s.fields.taken, ", ")}
}

// layoutOf is the layout whose files the folder has.
func layoutOf(folder string) (layout, error) {
	has := func(file string) bool {
		_, err := os.Stat(filepath.Join(folder, file))
		return file == "" || err == nil
	}
	var wanted []string
	for _, l := range layouts {
		if has(l.weights) && has(l.config) {
			return l, nil
		}
		wanted = append(wanted, strings.Trim(l.config+" with "+l.weights, " with"))
	}
	return layout{}, fmt.Errorf("it has no files of a dictionary: looked for %s", strings.Join(wanted, ", "))
}

// settle fills in the sites that the reader was told, and refuses those that contradict the files.
func (s *source) settle(o LoadOptions) error {
	for _, site := range []struct {
		option, given string
		read          *string
	}{{"Hook", o.Hook, &s.config.Hook}, {"HookOut", o.HookOut, &s.config.HookOut}} {
		switch {
		case site.given == "":
		case *site.read == "" || *site.read == site.given:
			*site.read = site.given
		default:
			return brief.Errorf("LoadOptions.%s is %q, the files say %q", site.option, site.given, *site.read)
		}
	}
	if !kinds[s.config.Kind].transcodes && s.config.HookOut == "" {
		s.config.HookOut = s.config.Hook
	}
	if s.bySite {
		s.config.FlattenHeads = strings.HasSuffix(s.config.Hook, "hook_z")
		if s.config.Kind == JumpReLU && s.config.HookOut != s.config.Hook {
			s.config.Kind = JumpReLUTranscoder
		}
	}
	if s.config.Hook == "" {
		return errors.New("neither the files nor the names of the folders say which site the dictionary reads: give LoadOptions.Hook")
	}
	return nil
}

// arrays are those of a weights file.
type arrays map[string]*array

// array is a float32 array, or one float64 number.
type array struct {
	hooked.Array
	scalar float64
}

func readArrays(path string) (out arrays, err error) {
	file, err := weights.OpenArrays(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out = make(arrays)
	for t, err := range file.Tensors() {
		if err != nil {
			return nil, err
		}
		a := &array{Array: hooked.Array{Shape: slices.Clone(t.Shape)}}
		if a.Data, err = t.Float32s(); err != nil {
			return nil, err
		}
		if len(t.Shape) == 0 && len(a.Data) == 1 {
			a.scalar = float64(a.Data[0])
			if t.DType == weights.F64 {
				a.scalar = float64At(t.Raw())
			}
		}
		out[t.Name] = a
	}
	return out, nil
}

// take is the array of this name, which is no longer there afterwards; nil if there is none.
func (a arrays) take(name string) *array {
	found := a[name]
	delete(a, name)
	return found
}

// rename gives an array another name, if it is there.
func (a arrays) rename(from, to string) {
	if found := a.take(from); found != nil {
		a[to] = found
	}
}

// shape is that of an array; two zeros if it is no matrix.
func (a arrays) matrix(name string) (rows, columns int) {
	if m := a[name]; m != nil && len(m.Shape) == 2 {
		return m.Shape[0], m.Shape[1]
	}
	return 0, 0
}

func (a arrays) state() hooked.StateDict {
	out := make(hooked.StateDict)
	for name, v := range a {
		out[name] = &v.Array
	}
	return out
}

// transposed is a matrix with its axes exchanged.
func (a *array) transposed() *array {
	if len(a.Shape) != 2 {
		return a
	}
	rows, columns := a.Shape[0], a.Shape[1]
	out := &array{Array: *hooked.NewArray(columns, rows)}
	const block = 64 // of both axes, so that what is read and what is written stay in the cache
	for r0 := 0; r0 < rows; r0 += block {
		for c0 := 0; c0 < columns; c0 += block {
			for r := r0; r < min(r0+block, rows); r++ {
				for c := c0; c < min(c0+block, columns); c++ {
					out.Data[c*rows+r] = a.Data[r*columns+c]
				}
			}
		}
	}
	return out
}

// scaled multiplies all values in place.
func (a *array) scaled(by float64) {
	for i, v := range a.Data {
		a.Data[i] = float32(float64(v) * by)
	}
}
