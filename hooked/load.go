package hooked

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute"

	"gopherlens/internal/backend"
	"gopherlens/internal/hub"
	"gopherlens/internal/weights"
	"gopherlens/tokenize"
)

// LoadOptions refine [FromPretrained].
type LoadOptions struct {
	Revision string // branch, tag, commit or training checkpoint ("step1000") on the hub
	Offline  bool   // never ask the network

	DType DType // precision of weights and activations; F32 unless given

	Backend compute.Backend // what to compute with; nil for the process's own, see package backend

	// Progress is told of downloads, if not nil: bytes done and in all.
	Progress func(file string, done, total int64)
}

// FromPretrained is the model called name with the given weight processing, usually [DefaultProcessing]. The name is a
// folder or a file, an alias such as "gpt2-small" or "smollm2-135m", or a model on the Hugging Face hub; what is in the
// hub's cache on disk needs no network.
//
// The configuration is read and checked at once; the weights when a run first needs them. A step that does not apply to
// the family is left out and reported by [Model.Skipped].
func FromPretrained(name string, processing Processing, options ...LoadOptions) (*Model, error) {
	m, err := fromName(name, processing, firstOption(options))
	if err == nil && m.cfg.PostNorm {
		return nil, fmt.Errorf("%s is an encoder (%s): load it with EncoderFromPretrained", name, m.cfg.Architecture)
	}
	return m, err
}

// fromName finds a model's files and makes a model of them.
func fromName(name string, processing Processing, o LoadOptions) (*Model, error) {
	source, err := hub.Resolve(context.Background(), name, hub.Options{Revision: o.Revision, Offline: o.Offline, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	m, err := fromFiles(name, source.Path, processing, o)
	if err != nil {
		return nil, fmt.Errorf("loading %s from %s: %w", name, source.Path, err)
	}
	return m, nil
}

// fromFiles makes a model of a folder or a file, or attaches to the one that the backend kept.
func fromFiles(name, where string, processing Processing, o LoadOptions) (*Model, error) {
	be, why, err := o.backend()
	if err != nil {
		return nil, err
	}
	key, err := keptKey(name, where, processing, o.DType)
	if err != nil {
		return nil, err
	}
	if m, err := attach(be, why, key, where); m != nil || err != nil {
		return m, err
	}
	file, err := weights.Open(where)
	if err != nil {
		return nil, err
	}
	arch, cfg, err := readConfig(where, file)
	if err != nil {
		return nil, err
	}
	cfg.ModelName, cfg.DType = name, cmp.Or(o.DType, F32)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	src := newSource(arch, cfg, file)
	if err := src.checkNames(arch); err != nil {
		return nil, err
	}
	m := newModel(cfg, processing, src.gives(), be, why)
	m.weights.load = func(put func(string, *Array) error) error { return m.loadFiles(src, name, key, put) }
	m.tok = sync.OnceValues(func() (*tokenize.Tokenizer, error) { return readTokenizer(where, file) })
	return m, nil
}

// loadFiles fetches the weights from where they are nearest: processed on disk, or the checkpoint itself. A backend that
// keeps them gets them for the next process; for any other they are written to disk.
func (m *Model) loadFiles(src *source, name, key string, put func(string, *Array) error) error {
	path, err := processedFile(name, key)
	if err != nil {
		return err
	}
	if ok, err := m.weights.loadProcessed(path); err != nil {
		return err
	} else if ok {
		return m.keep(key)
	}
	if err := src.stream(m, put); err != nil {
		return err
	}
	if _, ok := m.eng.backend.(keeper); ok {
		return m.keep(key)
	}
	go m.weights.saveProcessed(path) // the runs that wait for the weights need not wait for the disk
	return nil
}

// backend is the backend asked for, or the process's own, and why.
func (o LoadOptions) backend() (compute.Backend, string, error) {
	if o.Backend != nil {
		return o.Backend, "given by the program", nil
	}
	be, choice, err := backend.New()
	return be, choice.Why, err
}

// readConfig finds a checkpoint's family and configuration.
func readConfig(where string, file *weights.File) (*architecture, Config, error) {
	if file.Format() == weights.GGUF {
		return ggufConfig(file)
	}
	if arch, cfg, err := readNative(folderOf(where)); arch != nil || err != nil {
		return arch, cfg, err
	}
	f, err := readConfigJSON(filepath.Join(folderOf(where), "config.json"))
	if err != nil {
		return nil, Config{}, err
	}
	class := "(none)"
	if classes := f.Strings("architectures"); len(classes) > 0 {
		class = classes[0]
	}
	arch, err := findArchitecture(func(a *architecture) bool { return a.class == class }, class)
	if err != nil {
		return nil, Config{}, err
	}
	cfg, err := arch.read(f)
	return arch, cfg, err
}

// read turns a configuration file's fields into a checked Config.
func (a *architecture) read(f *fields) (Config, error) {
	cfg := a.config(f)
	cfg.Architecture = a.class
	cfg.DefaultPrependBOS = !a.noBOS
	if err := f.err(append(a.ignored, alwaysIgnored...)); err != nil {
		return cfg, err
	}
	cfg = cfg.withDefaults()
	return cfg, cfg.Validate()
}

// folderOf is the folder of a checkpoint, which may be named by a file in it.
func folderOf(where string) string {
	if info, err := os.Stat(where); err == nil && !info.IsDir() {
		return filepath.Dir(where)
	}
	return where
}

func readTokenizer(where string, file *weights.File) (*tokenize.Tokenizer, error) {
	if file.Format() == weights.GGUF {
		return tokenize.FromGGUF(file.Metadata())
	}
	return tokenize.Load(folderOf(where))
}

// newModel makes a model without weights. has tells the optional weights that the checkpoint gives.
func newModel(cfg Config, processing Processing, has map[string]bool, be compute.Backend, why string) *Model {
	applied, skipped := processing.applicable(cfg)
	after := applied.processed(cfg)
	biases := applied.biases(cfg, has)
	shapes := make(map[string][]int)
	for name, spec := range after.weightSpecs() {
		if !spec.optional || biases[name] {
			shapes[name] = deviceShape(name, spec.shape)
		}
	}
	return bareModel(be, why, keptModel{after, applied, skipped, shapes})
}

// sharedEngine is the engine of a backend: models share it, and with it the small programs of tensors.
func sharedEngine(be compute.Backend) *engine {
	enginesMu.Lock()
	defer enginesMu.Unlock()
	if engines[be] == nil {
		engines[be] = newEngine(be)
	}
	return engines[be]
}

var (
	enginesMu sync.Mutex
	engines   = make(map[compute.Backend]*engine)
)

// gives are the canonical weights that the checkpoint has.
func (s *source) gives() map[string]bool {
	given := make(map[string]bool)
	for layer := -1; layer < s.cfg.NLayers; layer++ {
		for _, r := range s.rulesOf(layer) {
			if _, ok := s.find(r.from); !ok {
				continue
			}
			for _, target := range expandBraces(r.to) {
				given[target] = true
			}
		}
	}
	return given
}

// checkNames makes sure that every tensor of the checkpoint is used or ignored by name.
func (s *source) checkNames(a *architecture) error {
	used := make(map[string]bool)
	for layer := -1; layer < s.cfg.NLayers; layer++ {
		for _, r := range s.rulesOf(layer) {
			if name, ok := s.find(r.from); ok {
				used[name] = true
			}
		}
	}
	for _, short := range slices.Sorted(maps.Keys(s.names)) {
		name := s.names[short]
		if !used[name] && !matchesAny(a.ignoredTensors, short) {
			return fmt.Errorf("the checkpoint's tensor %q belongs to no known part of %s", name, a.class)
		}
	}
	return nil
}

func matchesAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if ok, _ := path.Match(p, name); ok {
			return true
		}
	}
	return false
}

// stream reads, processes and uploads a checkpoint piece by piece, see [source.pieces]. At no
// time does this process hold more than a piece besides what is on the device.
func (s *source) stream(m *Model, put func(string, *Array) error) error {
	pieces := s.pieces()
	return inParallel(len(pieces), func(i int) error {
		sd, err := s.load(pieces[i])
		if err != nil {
			return err
		}
		if err := Try(func() { m.applied.process(s.cfg, sd) }); err != nil {
			return fmt.Errorf("processing the weights: %w", err)
		}
		for name, a := range sd {
			if err := m.checkShape(name, a); err != nil {
				return err
			}
			if err := put(name, a); err != nil {
				return err
			}
			delete(sd, name)
			m.eng.meter.dropped(4 * int64(len(a.Data)))
		}
		return nil
	})
}

// checkShape compares a processed weight with what the model expects.
func (m *Model) checkShape(name string, a *Array) error {
	spec, ok := m.cfg.weightSpecs()[name]
	if !ok {
		return fmt.Errorf("weight %q belongs to no part of this model", name)
	}
	if fmt.Sprint(a.Shape) != fmt.Sprint(spec.shape) {
		return fmt.Errorf("weight %q has shape %v, the configuration says %v", name, a.Shape, spec.shape)
	}
	return nil
}

// inParallel calls f(0) to f(n-1), a few at a time, and returns the first error.
func inParallel(n int, f func(i int) error) error {
	var next atomic.Int64
	errs := make(chan error, loaders)
	for range loaders {
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					errs <- nil
					return
				}
				if err := f(i); err != nil {
					next.Store(int64(n))
					errs <- err
					return
				}
			}
		}()
	}
	var first error
	for range loaders {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// loaders is how many pieces are read at once: each holds one layer's weights in memory.
const loaders = 2
