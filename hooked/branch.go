package hooked

import (
	"fmt"
	"slices"
	"sync"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked/internal/sweeps"
)

func init() {
	sweeps.Give(sweeps.Door[*Model, *Cache, *Tensor, Site, Metric, Option]{
		Sites:     func(m *Model) []Site { return m.Config().branchSites() },
		Branches:  (*Model).branches,
		Positions: (*Model).positionsOf,
		Edits:     onlyEdits,
		Measure:   (*Model).measure,
	})
}

// onlyEdits refuses options that are no edits, for [sweeps.Door].
func onlyEdits(options ...Option) error {
	var r request
	if err := Hooks(options...)(&r); err != nil {
		return err
	}
	for _, name := range r.given {
		if name != "Edit" {
			return fmt.Errorf("%s is no edit of activations: want hooked.Edit, or hooked.Hooks of several", name)
		}
	}
	if len(r.given) == 0 {
		return fmt.Errorf("there are no edits: leave them out")
	}
	return nil
}

// branches are [sweeps.Branches]: runs that differ from one base run from a layer and a position
// on. What lies before is not computed again: the stream enters from the base run, and so do the
// keys and values of earlier positions, as if they came from a key-value cache.
type branches struct {
	m      *Model
	base   *Cache
	from   int
	batch  int // of the base run
	pos    int // of the base run
	spec   sweeps.Spec[Site]
	mu     sync.Mutex
	blocks map[string]*program
}

// branchSites are the activations that a base run must have recorded: where rows enter, and keys
// and values as they would be cached, before rotation. With a norm on keys the recorded ones come
// after its division and before its weight.
func (c Config) branchSites() []Site {
	if c.UseQKNorm {
		return []Site{ResidPre, KNormNormalized, AttnV}
	}
	return []Site{ResidPre, AttnK, AttnV}
}

// branches refuses base runs of which a branch cannot begin.
func (m *Model) branches(base *Cache, spec sweeps.Spec[Site]) (sweeps.Branches[*Tensor], error) {
	first, err := base.Lookup(ResidPre.At(0))
	if err != nil {
		return nil, err
	}
	shape := first.Shape()
	switch {
	case base.m != m:
		return nil, fmt.Errorf("the base run was another model's")
	case m.cfg.NormAfterSum:
		return nil, fmt.Errorf("%w: give what is patched as Edits of runs", m.cfg.noSum())
	case base.noBatch || base.positions != nil:
		return nil, fmt.Errorf("the base run must be whole, without PosSlice and RemoveBatchDim")
	case base.past > 0:
		return nil, fmt.Errorf("the base run was on a key-value cache of %d positions: run the whole text", base.past)
	case base.mask != nil && (len(base.mask) != shape[0] || len(base.mask[0]) != shape[1]):
		return nil, fmt.Errorf("the base run's attention mask is [%d, %d], its activations are %v: the cache must be of one whole run",
			len(base.mask), len(base.mask[0]), first.Describe())
	case spec.From < 0 || spec.From >= shape[1]:
		return nil, fmt.Errorf("there is no position %d, the base run has %d", spec.From, shape[1])
	case spec.From > 0 && m.cfg.AttentionDir != Causal:
		return nil, fmt.Errorf("in a model that looks both ways every position changes: From must be 0")
	}
	return &branches{m: m, base: base, from: spec.From, batch: shape[0], pos: shape[1], spec: spec,
		blocks: make(map[string]*program)}, nil
}

// Start is the stream of the base run before a layer, [row, pos, d_model], a row for each prompt
// named, from position from on.
func (b *branches) Start(layer int, prompts []int) (x *Tensor, err error) {
	resid, err := b.base.Lookup(ResidPre.At(layer))
	if err != nil {
		return nil, err
	}
	err = Try(func() { x = resid.gather(0, prompts).slice(1, Range{b.from, b.pos}).Named("row pos d_model") })
	return x, err
}

// Block runs one layer on the rows' stream. Layers that differ in their weights alone share a
// program, so that a sweep over thirty layers compiles one or two.
func (b *branches) Block(layer int, prompts []int, x *Tensor, values ...[]any) (*Tensor, []*Tensor, error) {
	c := b.m.cfg
	l, err := c.layer(layer)
	if err != nil {
		return nil, nil, err
	}
	if len(values) != len(b.spec.Edits) {
		return nil, nil, fmt.Errorf("Block: values for %d edits, there are %d", len(values), len(b.spec.Edits))
	}
	in := b.m.newInputs()
	in.length = b.pos
	if err := b.setInputs(in, l, prompts, x); err != nil {
		return nil, nil, err
	}
	like := b.m.weights.firstLike(l, 1)
	edits, err := b.setEdits(in, like, values)
	if err != nil {
		return nil, nil, err
	}
	p, err := b.block(like, len(prompts), edits)
	if err != nil {
		return nil, nil, fmt.Errorf("block %d: %w", l, err)
	}
	return b.run(p, in, l, x)
}

// setEdits uploads the run-time values of the edits in a block like layer l.
func (b *branches) setEdits(in *inputs, l int, values [][]any) (edits []*edit, err error) {
	edits = make([]*edit, len(values))
	for i, e := range b.spec.Edits {
		apply := func(x *Node, _ Site, v []*Node) *Node { return e.Apply(x, v) }
		edits[i] = &edit{at: map[Site]bool{e.At.At(l): true}, Intervention: Intervention{apply: apply}}
		if edits[i].operands, err = (operands{values: values[i]}).uploaded(in, fmt.Sprintf("edit.%d", i)); err != nil {
			return nil, fmt.Errorf("edit of %s: %w", e.At, err)
		}
	}
	return edits, nil
}

// Names of the inputs of a block besides those of any run.
const (
	inputRows = "branch.rows" // [row, 1] int32: the prompt of each row
	// [batch, pos, kv_head, d_head]: the base run's keys, before rotation
	inputBaseK = "branch.k"
	inputBaseV = "branch.v" // the same of its values
)

// setInputs uploads what tells the rows apart: whose prompt each is, its mask, and the base run's
// keys and values, from which the program gathers a row's own.
func (b *branches) setInputs(in *inputs, l int, prompts []int, x *Tensor) error {
	rows, mask := make([]int32, len(prompts)), make([][]int, len(prompts))
	for i, p := range prompts {
		if p < 0 || p >= b.batch {
			return fmt.Errorf("there is no prompt %d, the base run has %d", p, b.batch)
		}
		rows[i] = int32(p)
		if b.base.mask != nil {
			mask[i] = b.base.mask[p]
		}
	}
	if b.base.mask != nil {
		if err := in.set(inputMask, flatten32(mask), dtypes.Int32, len(rows), b.pos); err != nil {
			return err
		}
	}
	if want := []int{len(rows), b.pos - b.from, b.m.cfg.DModel}; !slices.Equal(x.Shape(), want) {
		return fmt.Errorf("the rows' residual stream is %v, want shape %v", x.Describe(), want)
	}
	sites := b.m.cfg.branchSites()
	for name, s := range map[string]Site{inputBaseK: sites[1], inputBaseV: sites[2]} {
		t, err := b.base.Lookup(s.At(l))
		if err != nil {
			return err
		}
		if err := in.setTensor(name, t); err != nil {
			return err
		}
	}
	if err := in.set(inputPast, []int32{int32(b.from)}, dtypes.Int32); err != nil {
		return err
	}
	return in.set(inputRows, rows, dtypes.Int32, len(rows), 1)
}

// block finds or compiles the program of layer l, which serves all layers of its kind. It is traced
// once for each number of rows and shape of values.
func (b *branches) block(l, rows int, edits []*edit) (*program, error) {
	key := fmt.Sprint(l, rows)
	for _, e := range edits {
		key += fmt.Sprint(e.kinds)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.blocks[key]; p != nil {
		return p, nil
	}
	traced, err := b.m.trace(rows, func(t *program) { b.build(t, l, rows, edits) })
	if err != nil {
		return nil, err
	}
	p, err := b.m.eng.fingerprinted("block", traced)
	if err == nil {
		b.blocks[key] = p
	}
	return p, err
}

// build builds the program of one block. The names of its inputs do not tell its layer, so that
// blocks with the same graph are the same program.
func (b *branches) build(t *program, l, rows int, edits []*edit) {
	p := &plan{edits: edits, scope: scope{batch: rows, pos: b.pos - b.from, fromResidual: true, start: l, stop: l + 1, anyLayer: true,
		ungroup: b.spec.Ungroup, masked: b.base.mask != nil}}
	for _, s := range b.spec.Record {
		p.record = append(p.record, s.At(l))
	}
	if b.from > 0 {
		p.kvRoom = b.pos
	}
	p.seal()
	g := b.m.newBuilder(p, t.graph)
	if b.from > 0 {
		g.past = g.input(inputPast, dtypes.Int32)
		b.remembered(g, l)
	}
	g.setPositions()
	if b.m.cfg.PositionalEmbedding == ShortformerPositions { // which do not lie in the residual stream
		g.posEmbed = g.positionVectors()
	}
	g.residual = g.block(l, g.input(inputResidual, dtypes.Float32, rows, g.pos, b.m.cfg.DModel))
	g.newKV = nil
	g.nameResults(t)
}

// remembered gives each row the keys and values of its prompt in the base run.
func (b *branches) remembered(g *builder, l int) {
	c := b.m.cfg
	rows := g.input(inputRows, dtypes.Int32, g.batch, 1)
	heads := g.kvHeads()
	k := g.input(inputBaseK, dtypes.Float32, b.batch, b.pos, heads, c.DHead)
	if c.UseQKNorm { // the site lies before the norm's weight
		k = g.clipped(Mul(k, g.qkNormWeight(g.layerName(l, "attn.k_norm"), k)))
	}
	g.byName[kvName(l, "k")] = Gather(k, rows)
	g.byName[kvName(l, "v")] = Gather(g.input(inputBaseV, dtypes.Float32, b.batch, b.pos, heads, c.DHead), rows)
}

// run executes a block's program with the weights of layer l on the rows' residual stream.
func (b *branches) run(p *program, in *inputs, l int, from *Tensor) (x *Tensor, recorded []*Tensor, err error) {
	values, err := in.call(p, l, from)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range p.results {
		t := &Tensor{o.value(values, from), append([]string{"row"}, o.axes[1:]...), b.m.eng}
		if o.kind == residualResult {
			x = t
		} else {
			recorded = append(recorded, t)
		}
	}
	return x, recorded, nil
}
