package circuits

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"gopherlens/internal/brief"
	"gopherlens/internal/underway"
)

// Options are those of [Replacement.Attribute]. The zero value is what circuit-tracer does by
// default, but for the batches.
type Options struct {
	// Targets are what the graph explains. Without any it takes the most probable next tokens: as
	// many as make up Probability, by default 0.95, at most MaxTargets, by default 10.
	Targets     []Target
	MaxTargets  int
	Probability float64

	// MaxFeatures is how many features become nodes: those with the most influence on the targets,
	// as far as the rows that are known tell it. 0 means all that are active.
	MaxFeatures int
	// Batch is how many nodes' inputs are computed in one backward pass, by default as many as fit
	// into 128 MB, at most 64. After every Rerank batches, by default 4, the features that are
	// still to be chosen are ranked anew.
	Batch, Rerank int

	// Context, if not nil, ends the work between two batches.
	Context context.Context
	// Progress is told, if not nil, of how many of the nodes the inputs are known.
	Progress func(done, total int)
}

// Limits.
const (
	defaultTargets     = 10
	defaultProbability = 0.95
	defaultRerank      = 4
	largestBatch       = 4096
	bytesOfGradients   = 128 << 20
	largestGraph       = 1 << 28 // entries of the rows of a graph, of 4 bytes
)

// settled are the options with their defaults.
func (o Options) settled(layers, pos, width int) (Options, error) {
	for _, n := range []struct {
		name  string
		value int
		most  int
	}{{"MaxTargets", o.MaxTargets, math.MaxInt}, {"MaxFeatures", o.MaxFeatures, math.MaxInt}, {"Batch", o.Batch, largestBatch}, {"Rerank", o.Rerank, math.MaxInt}} {
		if n.value < 0 || n.value > n.most {
			return o, brief.Errorf("circuits: %s is %d: want 1 or more, at most %d, or 0 for the default", n.name, n.value, n.most)
		}
	}
	if o.Probability != 0 && !(o.Probability > 0 && o.Probability <= 1) {
		return o, brief.Errorf("circuits: Probability is %v: want a share above 0, at most 1", o.Probability)
	}
	if len(o.Targets) > 0 && (o.MaxTargets != 0 || o.Probability != 0) {
		return o, brief.Errorf("circuits: MaxTargets and Probability choose targets, and Targets names them: leave one out")
	}
	o.MaxTargets, o.Probability = cmp.Or(o.MaxTargets, defaultTargets), cmp.Or(o.Probability, defaultProbability)
	o.Rerank = cmp.Or(o.Rerank, defaultRerank)
	room := bytesOfGradients / (4 * (layers + 1) * pos * width)
	o.Batch = cmp.Or(o.Batch, max(1, min(64, room)))
	if o.Context == nil {
		o.Context = context.Background()
	}
	return o, nil
}

// Attribute makes the attribution graph of a prompt: text, or token ids, as [hooked.Model.Run]
// takes them, of one prompt with its BOS.
//
// An edge is the direct effect of its source on its target in the local replacement model, in which
// attention patterns, the denominators of norms and the errors of the transcoders are what they are
// in this prompt. Into a feature it is what the source adds to the pre-activation, into a logit
// what it adds to the logit less the mean of all logits, before a soft cap.
func (r *Replacement) Attribute(prompt any, options ...Options) (*Graph, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if len(options) > 1 {
		return nil, fmt.Errorf("circuits: Attribute takes one Options, %d are given", len(options))
	}
	var o Options
	if len(options) == 1 {
		o = options[0]
	}
	step := underway.Begin("attributing")
	defer step.End()
	rec, err := r.run(o.Context, prompt, r.zeroPositions())
	if err != nil {
		return nil, err
	}
	if o, err = o.settled(rec.layers(), rec.pos(), rec.width()); err != nil {
		return nil, err
	}
	if err := rec.encode(); err != nil {
		return nil, err
	}
	a := &attribution{rec: rec, o: o, step: step}
	if err := a.run(); err != nil {
		return nil, err
	}
	return a.finish(), nil
}

// An attribution is a graph in the making.
type attribution struct {
	rec    *record
	o      Options
	rower  *rower
	logits []Logit

	effects  [][]float32 // of the logits: rows over all sources
	rows     [][]float32 // of features; nil of those that are not known
	encoders [][]float32 // of all features, layer by layer [feature, d_model]
	chosen   []int       // features, in the order in which they were chosen
	step     *underway.Step
}

// wanted is how many features become nodes.
func (a *attribution) wanted() int {
	n := len(a.rec.features)
	if a.o.MaxFeatures == 0 {
		return n
	}
	return min(a.o.MaxFeatures, n)
}

func (a *attribution) run() error {
	logits, targets, err := a.rec.targets(a.o)
	if err != nil {
		return err
	}
	a.logits = logits
	n := a.wanted()
	columns := len(a.rec.features) + (a.rec.layers()+1)*a.rec.pos()
	if entries := (n + len(targets)) * columns; entries > largestGraph {
		return brief.Errorf("circuits: %d features are active, and the effects of %d nodes on %d would take %d MB: set MaxFeatures", len(a.rec.features), columns,
			n+len(targets), entries>>18)
	}
	if a.rower, err = a.rec.rower(a.o.Batch); err != nil {
		return err
	}
	if err := a.setEncoders(); err != nil {
		return err
	}
	if a.effects, err = a.rower.rowsOf(targets); err != nil {
		return err
	}
	a.rows = make([][]float32, len(a.rec.features))
	for len(a.chosen) < n {
		for batch := range slices.Chunk(a.next(n), a.o.Batch) {
			if err := a.add(batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// setEncoders gets the encoders of the active features.
func (a *attribution) setEncoders() error {
	for l, d := range a.rec.r.set.Layers {
		columns, err := columnsOf(d.Weights["W_enc"], indices(a.rec.ofLayer(l)))
		if err != nil {
			return brief.Errorf("circuits: layer %d: %w", l, err)
		}
		a.encoders = append(a.encoders, columns)
	}
	return nil
}

// next are the features whose inputs are computed before the next ranking.
func (a *attribution) next(n int) []int {
	order := make([]int, len(a.rows))
	for i := range order {
		order[i] = i
	}
	if n == len(a.rows) {
		return order
	}
	influence := a.influence()
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(influence[j], influence[i]) })
	order = slices.DeleteFunc(order, func(i int) bool { return a.rows[i] != nil })
	return order[:min(a.o.Rerank*a.o.Batch, n-len(a.chosen))]
}

// add computes the rows of some features.
func (a *attribution) add(batch []int) error {
	if err := a.o.Context.Err(); err != nil {
		return brief.Errorf("circuits: the inputs of %d of %d features are known: %w", len(a.chosen), a.wanted(), context.Cause(a.o.Context))
	}
	d := a.rec.width()
	targets := make([]target, len(batch))
	for i, f := range batch {
		at := a.rec.features[f]
		first := (f - a.rec.firsts[at.Layer]) * d
		targets[i] = target{at.Layer, at.Pos, a.encoders[at.Layer][first : first+d]}
	}
	rows, err := a.rower.rowsOf(targets)
	if err != nil {
		return err
	}
	for i, f := range batch {
		a.rows[f] = rows[i]
	}
	a.chosen = append(a.chosen, batch...)
	a.step.Sayf("%d of %d features", len(a.chosen), a.wanted())
	if a.o.Progress != nil {
		a.o.Progress(len(a.chosen), a.wanted())
	}
	return nil
}

// influence is how much the targets depend on each feature by all paths through nodes whose inputs
// are known. A feature is read by later layers alone, so that from the last feature on each one's
// influence is complete when its turn comes.
func (a *attribution) influence() []float64 {
	influence := make([]float64, a.rower.columns)
	for i, row := range a.effects {
		passOn(influence, row, a.logits[i].Probability, 1e-8)
	}
	for f := len(a.rows) - 1; f >= 0; f-- {
		if a.rows[f] != nil {
			passOn(influence, a.rows[f], influence[f], 1e-8)
		}
	}
	return influence
}

// passOn shares a node's influence out among its sources, by the size of their effects. least is
// what a sum of effects counts for at least.
func passOn(influence []float64, row []float32, amount, least float64) {
	if amount == 0 {
		return
	}
	sum := 0.0
	for _, v := range row {
		sum += math.Abs(float64(v))
	}
	factor := amount / max(sum, least)
	for i, v := range row {
		influence[i] += factor * math.Abs(float64(v))
	}
}

// finish makes the graph of what is known.
func (a *attribution) finish() *Graph {
	rec := a.rec
	slices.Sort(a.chosen)
	in, out := rec.r.set.Sites()
	g := &Graph{Tokens: rec.tokens, Layers: rec.layers(), Active: rec.features, Selected: a.chosen, Logits: a.logits, Unexplained: rec.lost,
		Model: rec.r.model.Config().ModelName, Scan: rec.r.set.Scan, In: in, Out: out}
	for _, token := range rec.tokens {
		g.Texts = append(g.Texts, rec.text(token))
	}
	n := g.Len()
	g.Adjacency = make([]float32, n*n)
	for i, f := range a.chosen {
		a.fill(g.Adjacency[i*n:(i+1)*n], a.rows[f])
	}
	for i, row := range a.effects {
		at := n - len(a.logits) + i
		a.fill(g.Adjacency[at*n:(at+1)*n], row)
	}
	return g
}

// fill puts the effects of a graph's nodes into a row of it.
func (a *attribution) fill(to, row []float32) {
	for i, f := range a.chosen {
		to[i] = row[f]
	}
	copy(to[len(a.chosen):], row[len(a.rec.features):])
}
