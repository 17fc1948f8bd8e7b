package patching

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/sweeps"
)

// runner computes the patched runs of one sweep.
type runner struct {
	m       *hooked.Model
	s       *settings
	sp      *space
	tokens  hooked.Tokens
	base    *hooked.Cache
	source  lookup
	patches []patch // all cells of the grid
	metric  hooked.Metric
	results *results
	// computes a batch's last residual stream
	pass func(b batch, meter *meter) (*hooked.Tensor, error)
	// is the metric of one patch, in a run of its own
	alone func(p patch) (*hooked.Tensor, error)
	job   Job // for other machines
}

// grid computes all patches.
func (r *runner) grid() (*Grid, error) {
	r.patches = r.sp.patches()
	numbers, err := r.run()
	if err != nil {
		return nil, err
	}
	return &Grid{axes: r.sp.names, labels: r.sp.labels(r.m, r.tokens), data: numbers}, nil
}

// run is the grid's numbers.
func (r *runner) run() ([]float32, error) {
	diff, err := findDifferences(r.sp, func(s hooked.Site) (*hooked.Tensor, error) { return r.base.Lookup(s) }, r.source)
	if err != nil {
		return nil, err
	}
	rows := r.rows(diff)
	if r.s.edits != nil {
		return r.runsOfTheirOwn(rows)
	}
	if err := r.results.expect(len(r.patches), rows); err != nil {
		return nil, err
	}
	w := newWorkload(r.m.Config(), len(r.tokens[0]), r.s)
	batches := w.batches(rows)
	total := 0
	for _, b := range batches {
		total += w.blocks(b)
	}
	meter := newMeter(r.s, total)
	defer meter.end()
	if r.s.on != nil {
		return r.elsewhere(batches, w, meter)
	}
	for _, b := range batches {
		x, err := r.pass(b, meter)
		if err != nil {
			return nil, err
		}
		if err := r.results.take(b, x); err != nil {
			return nil, err
		}
	}
	return r.results.finish()
}

// keyBytes bounds the keys and values of one batch, which in long prompts are what takes memory.
const keyBytes = 128 << 20

func newWorkload(c hooked.Config, pos int, s *settings) workload {
	mlp := 2
	if c.GatedMLP {
		mlp = 3
	}
	attn := 2 * (c.NHeads + c.NKeyValueHeads) * c.DHead
	rowBytes := 2 * 4 * pos * c.NHeads * c.DHead // keys and values, which are the row's own
	return workload{layers: c.NLayers, pos: pos, perToken: c.DModel * (attn + mlp*c.DMLP), tokens: s.tokens,
		maxRows: max(1, keyBytes/rowBytes)}
}

// rows are the patches of single prompts that change something.
func (r *runner) rows(diff *differences) []row {
	var rows []row
	for i, p := range r.patches {
		for prompt := range r.tokens {
			from, changes := diff.first(p, prompt)
			if !changes {
				continue
			}
			if r.m.Config().AttentionDir != hooked.Causal {
				from = 0
			}
			rows = append(rows, row{i, prompt, p.layer, from})
		}
	}
	return rows
}

// replace runs a batch through the layers that it changes.
func (r *runner) replace(b batch, meter *meter) (*hooked.Tensor, error) {
	branches, err := r.branches(b, r.edit(b.from))
	if err != nil {
		return nil, err
	}
	prompts := b.prompts()
	x, err := branches.Start(b.layer(), prompts)
	if err != nil {
		return nil, err
	}
	for l := b.layer(); l < r.m.Config().NLayers; l++ {
		values, err := r.values(b, l)
		if err != nil {
			return nil, err
		}
		if x, _, err = branches.Block(l, prompts, x, values); err != nil {
			return nil, err
		}
		if err := meter.add(b.size); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// inside is what hooked does for this package alone.
var inside = sweeps.Take[*hooked.Model, *hooked.Cache, *hooked.Tensor, hooked.Site, hooked.Metric, hooked.Option]()

func (r *runner) branches(b batch, edit branchEdit, record ...hooked.Site) (sweeps.Branches[*hooked.Tensor], error) {
	return inside.Branches(r.m, r.base, sweeps.Spec[hooked.Site]{From: b.from, Ungroup: r.s.ungroup, Edits: []branchEdit{edit}, Record: record})
}

type branchEdit = sweeps.Edit[hooked.Site]

// prompts are those of the rows, the last one repeated to fill the batch.
func (b batch) prompts() []int {
	prompts := make([]int, b.size)
	for i := range prompts {
		prompts[i] = b.row(i).prompt
	}
	return prompts
}

func (b batch) row(i int) row { return b.rows[min(i, len(b.rows)-1)] }

// values are the run-time values of [runner.edit] in one layer: the source's activation, the rows'
// prompts, and for each axis of the activation which entry of it each row replaces there, every for
// all and none for none.
func (r *runner) values(b batch, l int) ([]any, error) {
	like := l
	if !slices.Contains(r.sp.layers, l) { // nothing is replaced here, any activation will do
		like = r.sp.layers[0]
	}
	source, err := r.source(r.sp.site.At(like))
	if err != nil {
		return nil, err
	}
	values := []any{source, b.prompts()}
	for axis := range r.sp.axes {
		picks := make([]int, b.size)
		for i := range picks {
			row := b.row(i)
			if picks[i] = none; row.layer == l {
				picks[i] = r.patches[row.patch].at[axis]
			}
		}
		values = append(values, picks)
	}
	return values, nil
}

const none = -2

// edit replaces entries of an activation x [row, ...], of which it sees the positions from a given
// one on.
func (r *runner) edit(from int) branchEdit {
	return branchEdit{At: r.sp.site, Apply: func(x *Node, values []*Node) *Node {
		return Where(r.mask(x, values[2:], from), r.ofRows(values[0], values[1], from), x)
	}}
}

// ofRows is an activation of a whole run [batch, ...] for rows with these prompts, from a position
// on.
func (r *runner) ofRows(activation, prompts *Node, from int) *Node {
	return fromPosition(Gather(activation, InsertAxes(prompts, -1)), r.sp.axes, from)
}

// mask is true where the picks [row], one for each axis of x [row, ...], meet.
func (r *runner) mask(x *Node, picks []*Node, from int) *Node {
	var mask *Node
	for axis, p := range picks {
		hit := picked(x, axis+1, p, firstEntry(r.sp.axes[axis], from))
		if mask == nil {
			mask = hit
		} else {
			mask = And(mask, hit)
		}
	}
	return mask
}

// fromPosition cuts off the positions of an activation [row, ...] before from.
func fromPosition(x *Node, axes []string, from int) *Node {
	for i, name := range axes {
		if firstEntry(name, from) > 0 {
			x = SliceAxis(x, i+1, AxisRange(from))
		}
	}
	return x
}

// firstEntry is which entry of an axis of the base run's activation a branch's first one is: keys
// are all there.
func firstEntry(axis string, from int) int {
	if axis == "pos" || axis == "query" {
		return from
	}
	return 0
}

// picked is true where an entry of x's axis is the one that picks [row] names, counted from first:
// [x's shape].
func picked(x *Node, axis int, picks *Node, first int) *Node {
	dims := x.Shape().Dimensions
	g := x.Graph()
	entry := AddScalar(Iota(g, shapes.Make(dtypes.Int32, dims...), axis), int32(first))
	rows := slices.Repeat([]int{1}, len(dims))
	rows[0] = dims[0]
	wide := BroadcastToDims(Reshape(picks, rows...), dims...)
	all := BroadcastToDims(Reshape(Equal(picks, Scalar(g, dtypes.Int32, every)), rows...), dims...)
	return Or(Equal(entry, wide), all)
}

// checkTokens refuses an empty run.
func checkTokens(tokens hooked.Tokens) error {
	if len(tokens) == 0 || len(tokens[0]) == 0 {
		return fmt.Errorf("there are no tokens")
	}
	return nil
}
