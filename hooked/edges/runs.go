package edges

import (
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/sweeps"
	"gopherlens/internal/brief"
)

// inside is what hooked does for sweeps: variations of one run, block by block.
var inside = sweeps.Take[*hooked.Model, *hooked.Cache, *hooked.Tensor, hooked.Site, hooked.Metric, hooked.Option]()

// runs measures circuits. Each is a variation of the base run, in which every target reads, beside
// what the run's own nodes write, the difference between source and run for each edge that is cut.
// A row is a circuit on a prompt; a block is one program for all layers, and which edges are cut is
// a run-time value.
type runs struct {
	*writes
	set       *settings
	metric    hooked.Metric
	positions [][]int // where the metric looks in each prompt
	branches  sweeps.Branches[*hooked.Tensor]
	none      map[int]*hooked.Tensor // zeros for the layers that are still to come, by rows
	size      int                    // circuits that are computed together
	clean     float64                // the base's metric
	empty     float64                // that of the circuit of no edges
}

// runsOf prepares the circuit runs of a task.
func (t Task) runsOf(m *hooked.Model, set *settings) (*runs, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if err := hooked.Try(func() { m.Config() }); err != nil {
		return nil, err
	}
	w, err := t.writesOf(m, set)
	if err != nil {
		return nil, err
	}
	r := &runs{writes: w, set: set, metric: t.Metric, none: make(map[int]*hooked.Tensor)}
	if r.positions, err = inside.Positions(m, t.Metric, t.Base, set.padding...); err != nil {
		return nil, brief.Errorf("edges: %w", err)
	}
	rowBytes := 4 * len(w.g.sources) * (w.pos - w.from) * m.Config().DModel
	r.size = max(1, min(mostCircuits, set.bytes/(rowBytes*w.batch)))
	if r.branches, err = r.branch(); err != nil {
		return nil, brief.Errorf("edges: %w", err)
	}
	ends, err := r.measure(w.g.All(), w.g.None())
	if err == nil {
		r.clean, r.empty = ends[0], ends[1]
	}
	return r, err
}

// mostCircuits bounds the circuits that are measured together: each is a part of the metric's
// program.
const mostCircuits = 16

// branch prepares the blocks.
func (r *runs) branch() (sweeps.Branches[*hooked.Tensor], error) {
	e := &reading{g: r.g.shape}
	spec := sweeps.Spec[hooked.Site]{From: r.from, Record: r.g.layerSites()}
	add := func(at hooked.Site, apply func(x *graph.Node, values []*graph.Node) *graph.Node) {
		spec.Edits = append(spec.Edits, sweeps.Edit[hooked.Site]{At: at, Apply: apply})
	}
	add(hooked.QInput, e.q)
	add(hooked.KInput, e.k)
	add(hooked.VInput, e.v)
	if r.g.ownHeads() {
		add(hooked.AttnResult, e.result)
		if r.g.postNorm {
			add(hooked.LN1PostScale, e.postScale)
		}
	}
	if r.g.mlp {
		add(hooked.MLPIn, e.mlp)
	}
	return inside.Branches(r.m, r.base, spec)
}

// ownHeads reports whether an MLP reads what the heads of its layer write.
func (g shape) ownHeads() bool { return g.mlp && !g.parallel }

// measure is the metric of each of some circuits.
func (r *runs) measure(circuits ...*Circuit) ([]float64, error) {
	var numbers []float64
	for len(circuits) > 0 {
		n := min(r.size, len(circuits))
		some, err := r.together(circuits[:n])
		if err != nil {
			return nil, brief.Errorf("edges: %w", err)
		}
		numbers, circuits = append(numbers, some...), circuits[n:]
	}
	return numbers, nil
}

// together is the metric of circuits that fit into one batch, which the last one fills up.
func (r *runs) together(circuits []*Circuit) ([]float64, error) {
	b := &batch{runs: r, circuits: circuits}
	for i := range r.size {
		for p := range r.batch {
			b.owner, b.prompts = append(b.owner, min(i, len(circuits)-1)), append(b.prompts, p)
		}
	}
	x, err := b.run()
	if err != nil {
		return nil, err
	}
	var values []float32
	if err := hooked.Try(func() { values = x.Float32s() }); err != nil {
		return nil, err
	}
	d := r.m.Config().DModel
	var residuals []float32
	for row, p := range b.prompts {
		for _, at := range r.positions[p] {
			residuals = append(residuals, r.lastOf(values[row*(r.pos-r.from)*d:], p, at)...)
		}
	}
	found, err := inside.Measure(r.m, r.metric, residuals, r.size, r.batch, len(r.positions[0]), d)
	if err != nil {
		return nil, err
	}
	numbers := make([]float64, len(circuits))
	for i := range numbers {
		numbers[i] = float64(found[i])
	}
	return numbers, nil
}

// lastOf is the last residual stream at a position, of a row or where nothing changes of the base.
func (r *runs) lastOf(row []float32, prompt, at int) []float32 {
	d := r.m.Config().DModel
	if at < r.from {
		return r.base.Get(hooked.ResidPost.At(-1)).At(prompt, at).Float32s()
	}
	return row[(at-r.from)*d : (at-r.from+1)*d]
}

// A batch is rows that are computed together.
type batch struct {
	*runs
	circuits []*Circuit
	owner    []int // of each row, which circuit
	prompts  []int // of each row
}

// run computes the last residual streams of the rows, [row, pos, d_model].
func (b *batch) run() (*hooked.Tensor, error) {
	first := b.first()
	diffs, err := b.diffs(first)
	if err != nil {
		return nil, err
	}
	x, err := b.start(first)
	if err != nil {
		return nil, err
	}
	for l := first; l < b.g.layers; l++ {
		if err := b.set.ctx.Err(); err != nil {
			return nil, err
		}
		if x, diffs[l+1], err = b.block(l, x, diffs); err != nil {
			return nil, err
		}
	}
	t := b.g.logits()
	values := append([]*hooked.Tensor{x, nil}, diffs...)
	if values[1], err = b.m.NewTensor(b.cuts([]target{t}), "row target source"); err != nil {
		return nil, err
	}
	return hooked.Apply("row pos d_model", func(in []*graph.Node) *graph.Node { return lastRead(in[0], in[1:]) }, values...)
}

// first is the first layer in which a circuit cuts an edge: those below are as in the base run.
func (b *batch) first() int {
	for i, t := range b.g.targets {
		for s := range t.reads {
			for _, c := range b.circuits {
				if !c.in[t.first+s] {
					return i / b.g.layerTargets()
				}
			}
		}
	}
	return b.g.layers
}

// start is the residual stream before a layer in the base run.
func (b *batch) start(layer int) (*hooked.Tensor, error) {
	if layer < b.g.layers {
		return b.branches.Start(layer, b.prompts)
	}
	last, err := b.base.Lookup(hooked.ResidPost.At(-1))
	if err != nil {
		return nil, err
	}
	return tried(func() *hooked.Tensor {
		return last.At(b.prompts, hooked.Range{From: b.from, To: b.pos}).Named("row pos d_model")
	})
}

// diffs are the differences by layer before a layer is computed: those of the base run below it,
// and zeros for what is still to come.
func (b *batch) diffs(first int) ([]*hooked.Tensor, error) {
	out := make([]*hooked.Tensor, b.g.layers+1)
	for i := range out {
		var err error
		if i > first {
			out[i], err = b.zeros()
		} else {
			out[i], err = b.ofRows(b.diff[i])
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *batch) zeros() (t *hooked.Tensor, err error) {
	n := len(b.prompts)
	if b.none[n] == nil {
		b.none[n], err = b.m.NewTensor(hooked.NewArray(n, b.g.perLayer(), b.pos-b.from, b.m.Config().DModel), rowAxes)
	}
	return b.none[n], err
}

const rowAxes = "row node pos d_model"

// ofRows is an activation of prompts for the rows.
func (b *batch) ofRows(x *hooked.Tensor) (*hooked.Tensor, error) {
	return tried(func() *hooked.Tensor { return x.At(b.prompts).Named(rowAxes) })
}

// block computes a layer: the residual stream after it, and the differences of its nodes.
func (b *batch) block(l int, x *hooked.Tensor, diffs []*hooked.Tensor) (next, diff *hooked.Tensor, err error) {
	source, err := b.ofRows(b.source[l+1])
	if err != nil {
		return nil, nil, err
	}
	next, parts, err := b.branches.Block(l, b.prompts, x, b.values(l, diffs, source)...)
	if err != nil {
		return nil, nil, err
	}
	own, err := b.joined(l, parts)
	if err != nil {
		return nil, nil, err
	}
	diff, err = tried(func() *hooked.Tensor { return source.Sub(own.Named(rowAxes)).Named(rowAxes) })
	return next, diff, err
}

// values are the run-time values of the block's edits, in their order.
func (b *batch) values(l int, diffs []*hooked.Tensor, source *hooked.Tensor) [][]any {
	targets := b.g.targetsOf(l)
	below := []any{b.cuts(targets)}
	for _, d := range diffs {
		below = append(below, d)
	}
	all := [][]any{below, nil, nil}
	if !b.g.mlp {
		return all
	}
	if !b.g.ownHeads() {
		return append(all, nil)
	}
	own := []any{b.ownCuts(l, targets[len(targets)-1]), source}
	all = append(all, nil)
	if b.g.postNorm {
		own = append(own, b.scales[l])
		all = append(all, nil)
	}
	return append(all, own)
}

// cuts say which edges from the nodes below a layer are cut, [row, target, source].
func (b *batch) cuts(targets []target) *hooked.Array {
	n := len(b.g.sources)
	out := hooked.NewArray(len(b.owner), len(targets), n)
	below := targets[0].reads
	for row, owner := range b.owner {
		in := b.circuits[owner].in
		for i, t := range targets {
			for s := range below {
				if !in[t.first+s] {
					out.Data[(row*len(targets)+i)*n+s] = 1
				}
			}
		}
	}
	return out
}

// ownCuts say which edges from the layer's own heads to its MLP are cut, [row, head].
func (b *batch) ownCuts(l int, mlp target) *hooked.Array {
	out := hooked.NewArray(len(b.owner), b.g.heads)
	for row, owner := range b.owner {
		for h := range b.g.heads {
			if !b.circuits[owner].in[mlp.first+b.g.below(l)+h] {
				out.Data[row*b.g.heads+h] = 1
			}
		}
	}
	return out
}

// share is where a metric lies between that of no edges, 0, and that of all, 1.
func (r *runs) share(metric float64) float64 { return (metric - r.empty) / (r.clean - r.empty) }

// checkEnds refuses a task whose two ends are the same, so that no share lies between them.
func (r *runs) checkEnds() error {
	if !(math.Abs(r.clean-r.empty) > 0) {
		return brief.Errorf("edges: the metric is %v with all edges and with none: there is nothing that a circuit could be faithful to", r.clean)
	}
	return nil
}
