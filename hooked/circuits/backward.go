package circuits

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/forward"
	"gopherlens/internal/brief"
)

// A target is what a row of a graph explains: a direction at a site, of one position. Its layer is
// one more than the last for directions at the output of the final norm.
type target struct {
	layer, pos int
	direction  []float32 // [d_model]
}

// programKey is what decides the graph of a backward pass.
type programKey struct{ rows, pos int }

// A backward pass gives the gradients of a batch of targets with respect to all that features,
// errors and tokens write to. Attention patterns and denominators are inputs, MLPs constants: what
// is left of the model is linear, so the program holds no forward pass.
type backward struct {
	graph  *graph.Graph
	inputs []string
	rows   int
}

// Names of the inputs that say what the targets are.
const (
	inputDirections = "circuits.directions" // [row, d_model]
	inputLayers     = "circuits.layers"     // [row] int32
	inputPositions  = "circuits.positions"  // [row] int32
)

// A rower makes rows of a graph: the direct effects of all sources on targets.
type rower struct {
	rec     *record
	program *backward
	plan    forward.Pass
	fixed   map[string]compute.Buffer // the inputs that all batches share
	sources []sources                 // of each layer, and of the embedding at the end
	columns int
}

// rower prepares the backward pass of a record.
func (rec *record) rower(rows int) (*rower, error) {
	m, err := forward.Of(rec.r.model)
	if err != nil {
		return nil, err
	}
	options, err := rec.frozen()
	if err != nil {
		return nil, err
	}
	var sites []any
	for _, name := range slices.Concat(rec.r.in, rec.r.out, []string{"hook_embed", rec.r.finalSite()}) {
		sites = append(sites, name)
	}
	plan, err := m.Plan(forward.Request{Batch: rows, Pos: rec.pos(), Sites: sites, Options: options})
	if err != nil {
		return nil, brief.Errorf("circuits: %w", err)
	}
	w := &rower{rec: rec, plan: plan, fixed: make(map[string]compute.Buffer)}
	if w.program, err = rec.r.backward(plan, rows, rec.pos()); err != nil {
		return nil, err
	}
	if err := w.fix(m.Backend()); err != nil {
		return nil, err
	}
	return w, w.setSources()
}

// finalSite is where the directions of logits stand.
func (r *Replacement) finalSite() string {
	if r.model.Config().Normalization == hooked.NoNorm {
		return hooked.ResidPost.At(len(r.in) - 1).Name()
	}
	return hooked.LNFinalNormalized.Name()
}

// frozen are the edits that leave only what is linear.
func (rec *record) frozen() ([]any, error) {
	var options []any
	for _, name := range slices.Concat(rec.r.patterns(), rec.r.frozenScales()) {
		value, err := rec.site(name)
		if err != nil {
			return nil, err
		}
		options = append(options, hooked.Edit(name, hooked.Replace(value)))
	}
	for l, d := range rec.r.set.Layers {
		in := rec.r.in[l]
		cut := hooked.With(func(x *graph.Node, _ hooked.Site, skip []*graph.Node) *graph.Node {
			if len(skip) == 0 {
				return graph.ZerosLike(x)
			}
			return timesSkip(hooked.Earlier(in, x), skip[0])
		}, skipOf(d.Weights["W_skip"])...)
		options = append(options, hooked.Edit(rec.r.out[l], cut))
	}
	return options, nil
}

func skipOf(w *hooked.Tensor) []hooked.Operand {
	if w == nil {
		return nil
	}
	return []hooked.Operand{hooked.Value(w)}
}

// backward is the compiled program for so many targets of a prompt of this length.
func (r *Replacement) backward(plan forward.Pass, rows, pos int) (*backward, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := programKey{rows: rows, pos: pos}
	if p := r.programs[key]; p != nil {
		return p, nil
	}
	p := &backward{graph: graph.NewGraph(r.model.Backend(), "circuits"), rows: rows}
	err := hooked.Try(func() {
		gradients := r.build(p, plan)
		if err := p.graph.Compile(gradients...); err != nil {
			panic(err)
		}
	})
	if err != nil {
		return nil, brief.Errorf("circuits: the backward pass: %w", err)
	}
	r.programs[key] = p
	return p, nil
}

// build builds the gradients of the sum of all targets of a batch: they meet in no row.
func (r *Replacement) build(p *backward, plan forward.Pass) []*graph.Node {
	input := func(name string, shape shapes.Shape) *graph.Node {
		p.inputs = append(p.inputs, name)
		return graph.Parameter(p.graph, name, shape)
	}
	built, err := plan.Build(p.graph, input)
	if err != nil {
		panic(err)
	}
	embed := built.Sites["hook_embed"]
	dims := embed.Shape().Dimensions // [row, pos, d_model]
	directions := input(inputDirections, shapes.Make(dtypes.Float32, dims[0], dims[2]))
	layers := input(inputLayers, shapes.Make(dtypes.Int32, dims[0]))
	positions := input(inputPositions, shapes.Make(dtypes.Int32, dims[0]))
	places := graph.Iota(p.graph, shapes.Make(dtypes.Int32, dims[0], dims[1]), 1)
	here := graph.Equal(places, graph.BroadcastToDims(graph.InsertAxes(positions, -1), dims[0], dims[1]))

	var total *graph.Node
	for l, name := range append(slices.Clone(r.in), r.finalSite()) {
		ours := graph.Equal(layers, graph.Scalar(p.graph, dtypes.Int32, l))
		mask := graph.And(here, graph.BroadcastToDims(graph.InsertAxes(ours, -1), dims[0], dims[1]))
		mask = graph.InsertAxes(graph.ConvertDType(mask, dtypes.Float32), -1)
		effect := graph.ReduceAllSum(graph.Mul(built.Sites[name], graph.Mul(mask, graph.InsertAxes(directions, 1))))
		if total == nil {
			total = effect
		} else {
			total = graph.Add(total, effect)
		}
	}
	var at []*graph.Node
	for _, name := range r.out {
		at = append(at, built.Sites[name])
	}
	return graph.Gradient(total, append(at, embed)...)
}

// fix uploads what all batches share.
func (w *rower) fix(be compute.Backend) error {
	for _, name := range w.program.inputs {
		var buffer compute.Buffer
		var err error
		switch name {
		case inputDirections, inputLayers, inputPositions:
			continue
		case forward.Tokens: // no gradient looks at them
			shape := shapes.Make(dtypes.Int32, w.program.rows, w.rec.pos())
			buffer, err = be.BufferFromFlatData(0, make([]int32, shape.Size()), shape)
		default:
			buffer, err = w.plan.Value(name)
		}
		if err != nil {
			return brief.Errorf("circuits: %s: %w", name, err)
		}
		w.fixed[name] = buffer
	}
	return nil
}

// gradients are those of a batch of targets at the output of each layer, and at the embedding:
// [row, pos, d_model].
func (w *rower) gradients(batch []target) ([]*hooked.Tensor, error) {
	d, n := w.rec.width(), w.program.rows
	directions, layers, positions := make([]float32, n*d), make([]int32, n), make([]int32, n)
	for i, t := range batch {
		copy(directions[i*d:(i+1)*d], t.direction)
		layers[i], positions[i] = int32(t.layer), int32(t.pos)
	}
	be := w.rec.r.model.Backend()
	values := map[string]any{inputDirections: directions, inputLayers: layers, inputPositions: positions}
	shape := map[string]shapes.Shape{inputDirections: shapes.Make(dtypes.Float32, n, d), inputLayers: shapes.Make(dtypes.Int32, n),
		inputPositions: shapes.Make(dtypes.Int32, n)}
	buffers := make([]compute.Buffer, len(w.program.inputs))
	for i, name := range w.program.inputs {
		buffers[i] = w.fixed[name]
		if flat := values[name]; flat != nil {
			var err error
			if buffers[i], err = be.BufferFromFlatData(0, flat, shape[name]); err != nil {
				return nil, err
			}
		}
	}
	var results []*tensors.Tensor
	if err := hooked.Try(func() { results = w.program.graph.RunWithBuffers(buffers, make([]bool, len(buffers)), 0) }); err != nil {
		return nil, brief.Errorf("circuits: the backward pass: %w", err)
	}
	out := make([]*hooked.Tensor, len(results))
	for i, t := range results {
		var err error
		if out[i], err = hooked.FromGoMLX(t, "row pos d_model"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sources are what writes to one site: at each position some vectors, and the column of each.
type sources struct {
	vectors *hooked.Tensor // [pos, source, d_model], with zeros behind those of a position
	columns [][]int        // by position
}

// setSources gathers what is written to each layer's output and to the embedding.
func (w *rower) setSources() error {
	rec := w.rec
	n, pos := len(rec.features), rec.pos()
	w.columns = n + (rec.layers()+1)*pos
	all := make([]gathering, rec.layers()+1)
	for i := range all {
		all[i] = newGathering(pos, rec.width())
	}
	for l := range rec.layers() {
		all[l].features(rec, l)
		for p := range pos {
			all[l].add(p, n+l*pos+p, rec.errors[l][p*rec.width():], 1)
		}
	}
	embed, err := rec.site("hook_embed")
	if err != nil {
		return err
	}
	values, err := floats(embed)
	if err != nil {
		return err
	}
	for p := range pos {
		all[rec.layers()].add(p, n+rec.layers()*pos+p, values[p*rec.width():], 1)
	}
	for _, g := range all {
		s, err := g.sources()
		if err != nil {
			return err
		}
		w.sources = append(w.sources, s)
	}
	return nil
}

// gathering is sources while they are gathered.
type gathering struct {
	width   int
	columns [][]int
	vectors [][]float32 // of each position
}

func newGathering(pos, width int) gathering {
	return gathering{width, make([][]int, pos), make([][]float32, pos)}
}

func (g gathering) add(pos, column int, vector []float32, factor float64) {
	g.columns[pos] = append(g.columns[pos], column)
	for _, v := range vector[:g.width] {
		g.vectors[pos] = append(g.vectors[pos], float32(factor*float64(v)))
	}
}

// features adds the features that write to a layer.
func (g gathering) features(rec *record, layer int) {
	from := layer
	if rec.r.set.CrossLayer() {
		from = 0
	}
	for l := from; l <= layer; l++ {
		n := rec.writes(l)
		for i, f := range rec.ofLayer(l) {
			g.add(f.Pos, rec.firsts[l]+i, rec.decoders[l][(i*n+layer-l)*g.width:], f.Activation)
		}
	}
}

func (g gathering) sources() (sources, error) {
	most := 1
	for _, c := range g.columns {
		most = max(most, len(c))
	}
	most = powerOfTwo(most)
	all := hooked.NewArray(len(g.columns), most, g.width)
	for p, v := range g.vectors {
		copy(all.Data[p*most*g.width:], v)
	}
	t, err := hooked.NewTensor(all, "pos source d_model")
	return sources{t, g.columns}, err
}

// rowsOf are the direct effects of all sources on some targets: of each target an entry for each
// feature, each error (layer by layer, position by position) and each token.
func (w *rower) rowsOf(targets []target) ([][]float32, error) {
	var rows [][]float32
	for batch := range slices.Chunk(targets, w.program.rows) {
		gradients, err := w.gradients(batch)
		if err != nil {
			return nil, err
		}
		made := make([][]float32, len(batch))
		for i := range made {
			made[i] = make([]float32, w.columns)
		}
		for i, g := range gradients {
			if err := w.sources[i].contract(g, made); err != nil {
				return nil, fmt.Errorf("circuits: %w", err)
			}
		}
		for _, row := range made {
			if i := slices.IndexFunc(row, notFinite); i >= 0 {
				return nil, brief.Errorf("circuits: an effect is %v: the model, or a transcoder, has weights that are no numbers or far too large", row[i])
			}
		}
		rows = append(rows, made...)
	}
	return rows, nil
}

func notFinite(v float32) bool { return !(v-v == 0) }

// contract adds the products of gradients [row, pos, d_model] with the sources to rows.
func (s sources) contract(gradients *hooked.Tensor, rows [][]float32) error {
	products, err := hooked.Apply("pos row source", func(g, vectors *graph.Node) *graph.Node {
		return graph.Einsum("bpd,psd->pbs", g, vectors)
	}, gradients, s.vectors)
	if err != nil {
		return err
	}
	values, err := floats(products)
	if err != nil {
		return err
	}
	shape := products.Shape()
	for p, columns := range s.columns {
		for i, row := range rows {
			from := values[(p*shape[1]+i)*shape[2]:]
			for j, c := range columns {
				row[c] += from[j]
			}
		}
	}
	return nil
}
