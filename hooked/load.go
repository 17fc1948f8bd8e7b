package hooked

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gomlx/compute"

	"gopherlens/internal/backend"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
	"gopherlens/internal/nearest"
	"gopherlens/internal/underway"
	"gopherlens/internal/weights"
	"gopherlens/tokenize"
)

// LoadOptions refine [FromPretrained].
type LoadOptions struct {
	Revision string // branch, tag, commit or training checkpoint ("step1000") on the hub
	Offline  bool   // never ask the network

	// FirstNLayers leaves out all layers but so many of the first, TransformerLens' first_n_layers;
	// 0 for the whole model. The unembedding reads what the last of them leaves.
	FirstNLayers int

	DType DType // precision of weights and activations; F32 unless given

	Backend compute.Backend // what to compute with; nil for the process's own, see package backend

	Devices Devices // of this machine to spread over; the first alone unless given

	// Context, if not nil, ends the search, the download and the reading of the configuration when
	// it ends. Weights are read when a run first needs them, under that run's [WithContext].
	Context context.Context

	// Progress is told of downloads, if not nil: bytes done and in all.
	Progress func(file string, done, total int64)
}

// FromPretrained is the model called name with the given weight processing, usually
// [DefaultProcessing]. The name is a folder or a file, an alias such as "gpt2-small" or
// "smollm2-135m", or a model on the Hugging Face hub; what is in the hub's cache on disk needs no
// network.
//
// The configuration is read and checked at once; the weights when a run first needs them. A step
// that does not apply to the family is left out and reported by [Model.Skipped].
func FromPretrained(name string, processing Processing, options ...LoadOptions) (*Model, error) {
	how, err := oneOption(options)
	if err != nil {
		return nil, err
	}
	m, err := fromName(name, processing, how)
	if err == nil && (m.cfg.PostNorm || m.cfg.NEncoderLayers > 0) {
		return nil, m.cfg.loadedBy(name, "no decoder")
	}
	return m, err
}

// fromName finds a model's files and makes a model of them.
func fromName(name string, processing Processing, o LoadOptions) (m *Model, err error) {
	defer guard(&err)
	step := underway.Begin("loading the model")
	defer step.End()
	told := o.progress()
	source, err := hub.Resolve(o.context(), name, hub.Options{Revision: o.Revision, Offline: o.Offline, Progress: func(file string, done, total int64) {
		step.Sayf("%s, %d of %d MB", brief.Text(file), done>>20, total>>20)
		if told != nil {
			told(file, done, total)
		}
	}})
	if err != nil {
		return nil, err
	}
	if m, err = fromFiles(name, source.Path, processing, o); err != nil {
		return nil, brief.Errorf("loading %s from %s: %w", name, source.Path, err)
	}
	return m, nil
}

// findsOnly refuses the options that say how a model computes, where none is made.
func (o LoadOptions) findsOnly(by string) error {
	if o.FirstNLayers != 0 || o.DType != "" || o.Backend != nil || o.Devices != (Devices{}) {
		return brief.Errorf("%s takes no FirstNLayers, DType, Backend or Devices: it loads no model", by)
	}
	return nil
}

// progress is the user's function for downloads, if there is one.
func (o LoadOptions) progress() func(file string, done, total int64) {
	if o.Progress == nil {
		return nil
	}
	return func(file string, done, total int64) {
		named("LoadOptions.Progress", "", func() { o.Progress(file, done, total) })
	}
}

// fromFiles makes a model of a folder or a file, or attaches to the one that the backend kept.
func fromFiles(name, where string, processing Processing, o LoadOptions) (*Model, error) {
	be, why, err := o.backend()
	if err != nil {
		return nil, err
	}
	if err := fault.Ended(o.context(), "its files were found and not read"); err != nil {
		return nil, err
	}
	limit, err := processedLimit()
	if err != nil {
		return nil, err
	}
	key, err := keeperKey(name, where, processing, o)
	if err != nil {
		return nil, err
	}
	files := &modelFiles{name, where, processing, o.DType, o.FirstNLayers, o.Devices, key}
	if m, err := attach(be, why, key, where); m != nil || err != nil {
		if m != nil {
			m.weights.files = files
		}
		return m, err
	}
	file, err := weights.Open(where)
	if err != nil {
		return nil, err
	}
	arch, cfg, said, err := readConfig(where, file)
	if err != nil {
		return nil, fault.Mark(err, ErrUnsupportedFile)
	}
	cfg.ModelName, cfg.DType = name, cmp.Or(o.DType, F32)
	if err := cfg.Validate(); err != nil {
		return nil, fault.Mark(err, ErrUnsupportedFile)
	}
	src := newSource(arch, cfg, said, file)
	if err := src.checkNames(arch); err != nil {
		return nil, fault.Mark(err, ErrUnsupportedFile)
	}
	if cfg, err = cfg.firstLayers(o.FirstNLayers); err != nil {
		return nil, err
	}
	if err := o.Devices.fits(cfg); err != nil {
		return nil, err
	}
	if o.FirstNLayers > 0 {
		src.cfg, src.specs = cfg, cfg.weightSpecs()
	}
	m := newModel(cfg, src.specs, processing&^said.applied, src.gives(), be, why)
	m.applied |= said.applied
	m.notes, m.weights.files = src.notes(), files
	m.weights.load = func(ctx context.Context, put putFunc) error { return m.loadFiles(ctx, src, name, key, limit, put) }
	if k, ok := keeperOf(be); ok {
		m.texts = newTextKeeper(k, key, where)
	}
	m.tok = m.texts.tokenizer(func() (*tokenize.Tokenizer, error) { return readTokenizer(where, file) })
	return m, nil
}

// loadFiles fetches the weights from where they are nearest: processed on disk, or the checkpoint
// itself. A backend that keeps them gets them for the next process; for any other they are written
// to disk, if they take no more than limit bytes.
func (m *Model) loadFiles(ctx context.Context, src *source, name, key string, limit int64, put putFunc) error {
	path, err := processedFile(name, key)
	if err != nil {
		return err
	}
	if ok, err := m.weights.loadProcessed(ctx, path); err != nil {
		return err
	} else if ok {
		return m.keep(key)
	}
	if err := src.stream(ctx, m, put); err != nil {
		return err
	}
	src.file.Forget()
	if _, ok := keeperOf(m.eng.backend); ok {
		return m.keep(key)
	}
	// the runs that wait for the weights need not wait for the disk
	go m.weights.saveProcessed(path, limit)
	return nil
}

// backend is the backend asked for, or the process's own, and why.
func (o LoadOptions) backend() (compute.Backend, string, error) {
	if err := underway.Check(); err != nil {
		return nil, "", err
	}
	be, why := o.Backend, "given by the program"
	if be == nil {
		own, choice, err := backend.New()
		if err != nil {
			return nil, choice.Why, err
		}
		be, why = own, choice.Why
	}
	be, err := o.Devices.on(be)
	return be, why, err
}

// readConfig finds a checkpoint's family and configuration.
func readConfig(where string, file *weights.File) (*architecture, Config, checkpointFields, error) {
	var none checkpointFields
	if file.Format() == weights.GGUF {
		return ggufConfig(file)
	}
	if saved, err := readSaved(folderOf(where)); err != nil {
		return nil, Config{}, none, err
	} else if saved != nil {
		arch, said, err := saved.architecture()
		return arch, saved.Config, said, err
	}
	if arch, cfg, err := readNative(folderOf(where)); arch != nil || err != nil {
		return arch, cfg, none, err
	}
	return readConfigFile(filepath.Join(folderOf(where), "config.json"))
}

// readConfigFile reads a config.json of Hugging Face's.
func readConfigFile(path string) (*architecture, Config, checkpointFields, error) {
	var none checkpointFields
	f, err := readConfigJSON(path)
	if err != nil {
		return nil, Config{}, none, err
	}
	class := "(none)"
	if classes := f.Strings("architectures"); len(classes) > 0 {
		class = classes[0]
	}
	arch, err := findArchitecture(func(a *architecture) bool { return a.class == class || slices.Contains(a.also, class) }, class)
	if err != nil {
		return nil, Config{}, none, err
	}
	cfg, said, err := arch.read(f)
	said.strict = true
	return arch, cfg, said, err
}

// checkpointFields are what a configuration says of the tensors beside it.
type checkpointFields struct {
	tied  bool            // the unembedding is the embedding, where there is no other
	flags map[string]bool // the fields that say whether some tensors are there
	// the fields that weights are multiplied by or divided
	numbers map[string]float64
	// the family's class tells which tensors there are; else biases may be absent
	strict    bool
	defaulted []string   // fields that the file leaves to the family's defaults, with these
	applied   Processing // what the weights in the file went through before they were saved
	absent    []string   // tensors that are zeros for biases which the model does without
	quantized *quantization
	any       bool // nothing is known: tensors may lie in any of the ways
}

// factor is what a rule's scale says.
func (c checkpointFields) factor(scale string) float64 {
	field, divides := strings.CutPrefix(scale, "/")
	if divides {
		return 1 / c.numbers[field]
	}
	return c.numbers[field]
}

// holds reports whether all of a rule's conditions hold.
func (c checkpointFields) holds(iff string) bool {
	if c.any {
		return true
	}
	for _, field := range strings.Fields(iff) {
		name, negated := strings.CutPrefix(field, "!")
		if c.flags[name] == negated {
			return false
		}
	}
	return true
}

// read turns a configuration file's fields into a checked Config.
func (a *architecture) read(f *fields) (Config, checkpointFields, error) {
	f.rename(a.aliases)
	f.defaults, f.ropeAliases = a.defaults, a.ropeAliases
	if f.gguf {
		f.defaults = a.ggufDefaults
	}
	cfg := a.config(f)
	cfg.Architecture = a.class
	cfg.DefaultPrependBOS = !a.noBOS
	said := a.checkpointFields(f)
	said.quantized = f.quantization(a)
	if err := f.err(slices.Concat(a.ignored, alwaysIgnored)); err != nil {
		return cfg, said, err
	}
	cfg = cfg.withDefaults()
	return cfg, said, cfg.Validate()
}

// checkpointFields reads what f says of tensors. GGUF files say nothing: what is in the file is in
// the model, and a file without an unembedding means the embedding.
func (a *architecture) checkpointFields(f *fields) checkpointFields {
	said := checkpointFields{flags: make(map[string]bool), numbers: make(map[string]float64)}
	rules := a.weights
	if f.gguf {
		rules = a.ggufWeights
	}
	for _, r := range rules {
		if field := strings.TrimPrefix(r.scale, "/"); field != "" {
			said.numbers[field] = f.Positive(field)
		}
	}
	if f.gguf {
		said.tied = true
	} else {
		said.tied = f.Bool("tie_word_embeddings")
		for _, r := range a.weights {
			for _, field := range strings.Fields(r.iff) {
				field = strings.TrimPrefix(field, "!")
				said.flags[field] = f.Bool(field)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.taken)) {
		said.defaulted = append(said.defaulted, fmt.Sprint(name, " ", f.taken[name]))
	}
	return said
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

// newModel makes a model without weights. specs are those of its checkpoint, has tells the optional
// ones that the checkpoint gives.
func newModel(cfg Config, specs map[string]weightSpec, processing Processing, has map[string]bool, be compute.Backend, why string) *Model {
	applied, skipped := processing.applicable(cfg)
	biases := applied.biases(cfg, has)
	specs = applied.left(specs)
	shapes := make(map[string][]int)
	for name, spec := range specs {
		if !spec.optional || biases[name] {
			shapes[name] = deviceShape(name, spec.shape)
		}
	}
	return bareModel(be, why, specs, modelRecord{Config: applied.processed(cfg), Applied: applied, Skipped: skipped, Shapes: shapes})
}

// sharedEngine is the engine of a backend: models share it, and with it the small programs of
// tensors.
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
	for _, r := range s.allRules() {
		if _, ok := s.find(r); !ok {
			continue
		}
		for _, target := range expandBraces(r.to) {
			given[target] = true
		}
	}
	return given
}

// allRules are the rules of all layers and of what lies outside them.
func (s *source) allRules() []weightRule { return slices.Concat(s.pieces()...) }

// checkNames makes sure that every tensor of the checkpoint is used or ignored by name, and that
// none is missing.
func (s *source) checkNames(a *architecture) error {
	if err := s.checkScales(); err != nil {
		return err
	}
	used := make(map[string]bool)
	for _, r := range s.allRules() {
		name, ok := s.find(r)
		if !ok && s.needs(r) {
			return s.missing(r)
		}
		for _, member := range s.members(r, name) {
			used[member] = true
		}
		if r.times == "" {
			continue
		}
		if name, ok = s.names[r.times]; !ok {
			return brief.Errorf("the checkpoint has no tensor %q, which %s is multiplied by%s", r.times, r.to, nearest.Hint(r.times, s.file.Names()))
		}
		used[name] = true
	}
	for _, short := range slices.Sorted(maps.Keys(s.names)) {
		if !used[s.names[short]] && !matchesAny(a.ignoredTensors, short) {
			return s.stray(a, short)
		}
	}
	return nil
}

// needs reports whether the tensor of a rule must be there. Biases may be absent where nothing says
// which there are.
func (s *source) needs(r weightRule) bool {
	spec, wanted := s.specs[expandBraces(r.to)[0]]
	return wanted && !r.mayLack && (s.said.strict || !spec.optional)
}

// missing is the error about a tensor that is not there.
func (s *source) missing(r weightRule) error {
	err := brief.Errorf("the checkpoint has no tensor %q, which gives %s%s", r.from, r.to, nearest.Hint(r.from, s.file.Names()))
	switch {
	case r.tied != "":
		return brief.Errorf("%w; %q stands in for it only where config.json says tie_word_embeddings, and here it is false", err, r.tied)
	case r.iff != "":
		return brief.Errorf("%w; config.json says %s, in its own words or by the family's default", err, r.iff)
	}
	return err
}

// stray is the error about a tensor that nothing reads.
func (s *source) stray(a *architecture, short string) error {
	name := s.names[short]
	for _, r := range s.rules {
		if pattern := strings.ReplaceAll(r.from, "%d", "*"); r.iff != "" && matchesAny([]string{pattern}, short) {
			return brief.Errorf("the checkpoint has the tensor %q although %s does not hold in config.json or by the family's default", name, r.iff)
		}
	}
	return brief.Errorf("the checkpoint's tensor %q belongs to no known part of %s", name, a.class)
}

// notes are what a reader should know of how the files were understood.
func (s *source) notes() []string {
	var notes []string
	if len(s.said.defaulted) > 0 {
		notes = append(notes, "left to the family's defaults: "+strings.Join(s.said.defaulted, ", "))
	}
	if q := s.said.quantized; q != nil {
		notes = append(notes, fmt.Sprintf("its weights are quantized (%s): computed are the numbers that they stand for, and activations are not rounded", q.method))
	}
	if name, ok := s.untied(); ok {
		notes = append(notes, fmt.Sprintf("the unembedding is the file's %s, which is not the embedding although tie_word_embeddings is true", name))
	}
	return notes
}

// untied is the tensor of an unembedding that is not the embedding although the configuration ties
// the two. Transformers 5 takes it too, version 4 took the embedding.
func (s *source) untied() (name string, ok bool) {
	if !s.said.strict || !s.said.tied {
		return "", false
	}
	for _, r := range s.rules {
		own, has := s.names[r.from]
		embedding, ties := s.names[r.tied]
		if !has || !ties {
			continue
		}
		a, errA := s.file.Tensor(own)
		b, errB := s.file.Tensor(embedding)
		same := errA == nil && errB == nil && a.DType == b.DType && slices.Equal(a.Shape, b.Shape) && bytes.Equal(a.Raw(), b.Raw())
		return own, !same
	}
	return "", false
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
func (s *source) stream(ctx context.Context, m *Model, put putFunc) error {
	pieces, specs := s.pieces(), m.weights.specs
	return inParallel(ctx, len(pieces), func(i int) error {
		sd, err := s.load(pieces[i])
		if err != nil {
			return fault.Mark(s.besideDefaults(err), ErrUnsupportedFile)
		}
		if err := Try(func() { (m.applied &^ s.said.applied).process(s.cfg, sd) }); err != nil {
			return brief.Errorf("processing the weights: %w", err)
		}
		for name, a := range sd {
			if err := checkShape(specs, name, a); err != nil {
				return fault.Mark(s.besideDefaults(err), ErrUnsupportedFile)
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

// besideDefaults adds to the error about a weight that does not fit which sizes the file did not
// say.
func (s *source) besideDefaults(err error) error {
	if len(s.said.defaulted) == 0 {
		return err
	}
	return brief.Errorf("%w (config.json leaves to the family's defaults: %s)", err, strings.Join(s.said.defaulted, ", "))
}

// checkShape compares a processed weight with what the model expects.
func checkShape(specs map[string]weightSpec, name string, a *Array) error {
	spec, ok := specs[name]
	if !ok {
		return brief.Errorf("weight %q belongs to no part of this model", name)
	}
	if want := deviceShape(name, spec.shape); !slices.Equal(a.Shape, want) {
		return brief.Errorf("weight %q has shape %v, the configuration says %v", name, a.Shape, want)
	}
	return nil
}

// inParallel calls f(0) to f(n-1), which read weights, a few at a time, and returns the first
// error.
func inParallel(ctx context.Context, n int, f func(i int) error) error {
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
				err := fault.Ended(ctx, "reading the weights ended after %d of %d parts", i, n)
				if err == nil {
					err = guarded(func() error { return f(i) })
				}
				if err != nil {
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
