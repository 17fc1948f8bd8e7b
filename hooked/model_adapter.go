package hooked

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/nearest"
	"gopherlens/internal/weights"
)

// adaptation is what was done to the model that was loaded from files.
type adaptation struct {
	base    *Model
	applied []appliedAdapter
}

type appliedAdapter struct {
	*Adapter
	factor float64
}

// WithAdapter is m with an adapter's products added to its weights, times factor: 1 for the adapter
// as it was trained, 0.5 for half of it. m stays as it is, and the two share the weights that the
// adapter leaves alone, and all compiled programs: whether a run has the adapter is which of the
// two it is called on. Adapters add up: m.WithAdapter(a, 1) takes another one.
//
// The adapter may have Hugging Face's names or llama.cpp's, whichever m's own files have. It is
// added to the weights before they are processed, so that folded norms are right. m must have been
// loaded from files, and these are read again.
//
// A LoRA of an embedding leaves the unembedding alone, be they tied, as in PEFT's unmerged models.
func (m *Model) WithAdapter(a *Adapter, factor float64) (out *Model, err error) {
	defer guard(&err)
	if err := m.check(); err != nil {
		return nil, err
	}
	if a == nil {
		return nil, brief.Errorf("WithAdapter(nil): load one with LoadAdapter")
	}
	if !(factor-factor == 0) {
		return nil, brief.Errorf("WithAdapter: the factor is %v, want a finite number", factor)
	}
	if len(a.Replaced()) > 0 && factor != 1 {
		return nil, brief.Errorf("WithAdapter: the adapter replaces %s, which a factor of %v cannot: want 1", brief.Names(a.Replaced()), factor)
	}
	before := m.adapted
	if before == nil {
		before = &adaptation{base: m}
	}
	if before.base.weights.files == nil {
		return nil, brief.Errorf("WithAdapter: the model was not loaded from files, or its weights were changed: an adapter goes onto a model from FromPretrained")
	}
	all := &adaptation{before.base, append(slices.Clone(before.applied), appliedAdapter{a, factor})}
	src, err := all.source()
	if err != nil {
		return nil, brief.Errorf("WithAdapter: %w", err)
	}
	defer src.file.Close()
	changes, err := all.changes(src)
	if err != nil {
		return nil, brief.Errorf("WithAdapter: %w", err)
	}
	given := src.gives()
	for name := range changes.targets() {
		if src.specs[name].optional && !given[name] {
			return nil, brief.Errorf("WithAdapter: the adapter gives %s, which the model does without", name)
		}
	}
	adapted := *m
	adapted.adapted = all
	adapted.weights = newWeightStore(m.eng, m.cfg, m.weights.specs, maps.Clone(m.weights.shapes))
	adapted.weights.load = func(ctx context.Context, put putFunc) error { return all.load(ctx, &adapted, put) }
	return noteModel(&adapted), nil
}

// source opens the base model's files anew.
func (d *adaptation) source() (*source, error) {
	files := d.base.weights.files
	key, err := keeperKey(files.Name, files.Where, files.Processing, files.options())
	if err == nil && key != files.Key {
		err = brief.Errorf("%s: %w", files.Where, errChanged)
	}
	if err != nil {
		return nil, err
	}
	file, err := weights.Open(files.Where)
	if err != nil {
		return nil, err
	}
	arch, cfg, said, err := readConfig(files.Where, file)
	if err == nil {
		cfg.DType = files.DType
		cfg, err = cfg.firstLayers(files.Layers)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return newSource(arch, cfg, said, file), nil
}

// load uploads the weights of the parts of layers that the adapters change; all others are the base
// model's.
func (d *adaptation) load(ctx context.Context, m *Model, put putFunc) error {
	buffers, err := d.base.weights.all(ctx)
	if err != nil {
		return err
	}
	src, err := d.source()
	if err != nil {
		return err
	}
	defer src.file.Close()
	changes, err := d.changes(src)
	if err != nil {
		return err
	}
	changed := changes.targets()
	pieces := slices.DeleteFunc(src.pieces(), func(rules []weightRule) bool {
		return !slices.ContainsFunc(rules, func(r weightRule) bool { return changed[expandBraces(r.to)[0]] })
	})
	var done atomic.Int64
	err = inParallel(ctx, len(pieces), func(i int) error {
		sd, err := src.load(pieces[i])
		if err != nil {
			return fault.Mark(err, ErrUnsupportedFile)
		}
		n, err := changes.add(sd)
		if err != nil {
			return fault.Mark(err, ErrUnsupportedFile)
		}
		done.Add(int64(n))
		// processing moves weights about within an attention or an MLP, and norms' into these
		touches, folded := make(map[string]bool), false
		for name := range sd {
			if changed[name] {
				touches[parentOf(name)] = true
				folded = folded || ofNorm(name)
			}
		}
		if err := Try(func() { (m.applied &^ src.said.applied).process(src.cfg, sd) }); err != nil {
			return brief.Errorf("processing the weights: %w", err)
		}
		for name, a := range sd {
			if !touches[parentOf(name)] && !folded || m.weights.shapes[name] == nil {
				continue
			}
			if err := put(name, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n := int(done.Load()); n != len(changes) {
		return brief.Errorf("of the adapters' %d tensors only %d belong to layers that the model has", len(changes), n)
	}
	for name, buffer := range buffers {
		if _, changed := m.weights.buffers[name]; !changed {
			m.weights.buffers[name] = buffer
		}
	}
	return nil
}

// parentOf is the part of a model that a weight belongs to: "blocks.3.attn", "embed".
func parentOf(name string) string { return name[:strings.LastIndex(name, ".")] }

// ofNorm reports whether a weight is that of a norm of the residual stream, which may be folded.
func ofNorm(name string) bool {
	return strings.HasPrefix(name[strings.LastIndex(parentOf(name), ".")+1:], "ln")
}

// changes are what adapters do to tensors.
type changes []change

type change struct {
	adapterModule
	factor float64
	names  *source // whose rules the adapter's names belong to
	rule   weightRule
	index  int // of the tensor among those that the rule stacks
}

// targets are the canonical weights that change.
func (c changes) targets() map[string]bool {
	out := make(map[string]bool)
	for _, change := range c {
		for _, name := range expandBraces(change.rule.to) {
			out[name] = true
		}
	}
	return out
}

// changes finds of each of the adapters' modules the rule that its tensor belongs to.
func (d *adaptation) changes(src *source) (changes, error) {
	var out changes
	for _, a := range d.applied {
		names, err := src.named(a.Adapter)
		if err != nil {
			return nil, err
		}
		rules := names.allRules()
		for _, m := range a.modules {
			c := change{adapterModule: m, factor: a.factor, names: names}
			if err := c.find(rules); err != nil {
				return nil, brief.Errorf("the adapter %s: %w", a.name, err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// named is s, or a source whose rules have the names that an adapter uses.
func (s *source) named(a *Adapter) (*source, error) {
	if a.gguf && a.family != s.arch.gguf {
		return nil, brief.Errorf("the adapter %s is for a model of llama.cpp's family %q, and this one is of %q", a.name, a.family, s.arch.gguf)
	}
	if a.gguf == (s.file.Format() == weights.GGUF) {
		return s, nil
	}
	other := *s
	other.rules, other.said.any = s.arch.weights, true
	if a.gguf {
		other.rules = s.arch.ggufWeights
	}
	return &other, nil
}

// find finds the rule of the tensor, and holds the tensor's shape against the file's.
func (c *change) find(rules []weightRule) error {
	short := c.tensor
	for _, prefix := range c.names.arch.prefixes {
		short = strings.TrimPrefix(short, prefix)
	}
	found := 0
	var known []string
	for _, r := range rules {
		for _, from := range strings.Split(r.from, "|") {
			known = append(known, from)
			if at, ok := c.names.memberAt(from, short); ok {
				c.rule, c.index = r, at
				found++
			}
		}
	}
	switch {
	case found == 0:
		return brief.Errorf("tensor %q belongs to no part of %s that an adapter can change%s", c.tensor, c.names.arch.class, nearest.Hint(short, known))
	case found > 1:
		return brief.Errorf("tensor %q could lie in several ways, and the model's file does not say how: load the model from a folder of Hugging Face's", c.tensor)
	}
	if _, told := c.names.said.numbers[strings.TrimPrefix(c.rule.scale, "/")]; c.rule.scale != "" && !told {
		return brief.Errorf("tensor %q is scaled by %s, which the model's file does not say: load the model from a folder of Hugging Face's", c.tensor, c.rule.scale)
	}
	full, ok := c.names.names[short]
	if !ok || c.names.packed[full] {
		return nil // the layout is checked when it is laid out
	}
	t, err := c.names.file.Tensor(full)
	if err == nil && !slices.Equal(t.Shape, c.shape()) {
		err = brief.Errorf("tensor %q has shape %v, and the adapter is for one of shape %v", c.tensor, t.Shape, c.shape())
	}
	return err
}

// memberAt reports whether a tensor is the one that a rule reads, or which of those that it stacks.
func (s *source) memberAt(from, short string) (int, bool) {
	if !strings.Contains(from, numbered) {
		return 0, from == short
	}
	for i := range s.cfg.NExperts {
		if strings.ReplaceAll(from, numbered, brief.Sprintf("%d", i)) == short {
			return i, true
		}
	}
	return 0, false
}

// add adds to a piece's weights what belongs there, and returns how many of the changes do.
func (c changes) add(sd StateDict) (n int, err error) {
	for _, change := range c {
		if sd[expandBraces(change.rule.to)[0]] == nil {
			continue
		}
		if err := change.add(sd); err != nil {
			return n, brief.Errorf("the adapter's tensor %q: %w", change.tensor, err)
		}
		n++
	}
	return n, nil
}

// add lays the change out as the tensor is, and adds it to its weights.
func (c change) add(sd StateDict) error {
	shape := c.shape()
	delta := NewArray(shape...)
	if c.whole != nil {
		copy(delta.Data, c.whole.Data)
	} else {
		c.addTo(delta.Data, c.factor)
	}
	stacked := strings.Contains(c.rule.from, numbered)
	if stacked {
		one := delta
		delta = NewArray(append([]int{c.names.cfg.NExperts}, shape...)...)
		copy(delta.Data[c.index*len(one.Data):], one.Data)
	}
	laid := make(StateDict)
	if err := c.names.arrange(c.rule, delta, laid); err != nil {
		return err
	}
	for name, d := range laid {
		w := sd[name]
		switch {
		case w == nil || !slices.Equal(w.Shape, d.Shape):
			return brief.Errorf("it gives %s of shape %v, which the model has not", name, d.Shape)
		case c.whole != nil && !stacked:
			copy(w.Data, d.Data)
		case c.whole != nil:
			n := len(w.Data) / c.names.cfg.NExperts
			copy(w.Data[c.index*n:(c.index+1)*n], d.Data[c.index*n:])
		default:
			for i, v := range d.Data {
				w.Data[i] += v
			}
		}
	}
	return nil
}
