package dictionary

import (
	"context"
	"errors"
	"slices"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/underway"
)

// MeasureOptions refine [Dictionary.Measure].
type MeasureOptions struct {
	Rows  int // of the contexts, at most; 0 for all
	Batch int // contexts that are computed together; 0 for 8

	// Exclude are tokens at whose positions nothing is measured and nothing replaced. Nil stands
	// for the BOS of the model's tokenizer; an empty slice excludes none.
	Exclude []int
	// WithoutLosses leaves out the four losses, which take most of the time: the model is run once,
	// as far as the site.
	WithoutLosses bool

	// Progress, if not nil, is told how many rows are done, in each of the passes over them.
	Progress func(pass, rows int)
}

// Measure runs a model over contexts and tells how good the dictionary is: how sparse, how much of
// its site it gives back, how much of the model's loss, and how often each feature fires. What is
// dense stays on the device.
//
// The losses are means over all predicted tokens: of the model itself, with the dictionary spliced
// in, with the site set to zero, and with it set to its mean over the contexts. For the last the
// contexts are read twice.
func (d *Dictionary) Measure(ctx context.Context, m *hooked.Model, contexts corpus.Contexts, options ...MeasureOptions) (*Measures, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	if ctx == nil || contexts == nil || m == nil {
		return nil, errors.New("Measure: the context, the model or the contexts are nil")
	}
	if len(options) > 1 {
		return nil, brief.Errorf("Measure takes one MeasureOptions, %d are given", len(options))
	}
	g := &gauge{ctx: ctx, d: d, m: m, contexts: contexts, tally: newTally(d.Config)}
	if len(options) == 1 {
		g.how = options[0]
	}
	if err := g.settle(); err != nil {
		return nil, err
	}
	if err := g.pass(1, g.look); err != nil {
		return nil, err
	}
	if g.tally.positions == 0 {
		return nil, errors.New("Measure: there is nothing to measure: no row, or excluded tokens alone")
	}
	if !g.how.WithoutLosses {
		if err := g.prepareMean(); err != nil {
			return nil, err
		}
		if err := g.pass(2, g.ablate); err != nil {
			return nil, err
		}
	}
	return g.measures(), nil
}

// A gauge is a measuring under way.
type gauge struct {
	ctx      context.Context
	d        *Dictionary
	m        *hooked.Model
	contexts corpus.Contexts
	how      MeasureOptions

	tally  *tally
	tail   []int          // the axes of the output's site after batch and pos
	mean   *hooked.Tensor // of the output's site
	losses struct{ clean, spliced, zero, mean, rows float64 }
}

// settle takes the defaults and refuses what makes no sense.
func (g *gauge) settle() error {
	switch {
	case g.how.Rows < 0 || g.how.Batch < 0:
		return brief.Errorf("Measure: Rows is %d and Batch %d: want 0 or more", g.how.Rows, g.how.Batch)
	case g.contexts.Length() < 2 && !g.how.WithoutLosses:
		return brief.Errorf("Measure: the contexts have %d token: a loss needs two; set MeasureOptions.WithoutLosses", g.contexts.Length())
	}
	if g.how.Batch == 0 {
		g.how.Batch = 8
	}
	if g.how.Exclude != nil {
		return nil
	}
	tok, err := g.m.Tokenizer()
	if err != nil {
		return brief.Errorf("Measure: which token is the BOS, whose positions are left out? Give MeasureOptions.Exclude: %w", err)
	}
	if id, ok := tok.BOS(); ok {
		g.how.Exclude = []int{id}
	}
	return nil
}

// pass calls f with batches of rows.
func (g *gauge) pass(number int, f func(rows hooked.Tokens) error) error {
	var batch hooked.Tokens
	done := 0
	step := underway.Begin("measuring the dictionary")
	defer step.End()
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := f(batch); err != nil {
			return err
		}
		done += len(batch)
		batch = nil
		step.Sayf("pass %d, %d rows", number, done)
		if g.how.Progress != nil {
			g.how.Progress(number, done)
		}
		return nil
	}
	for row, err := range g.contexts.From(0) {
		if err != nil {
			return err
		}
		if g.how.Rows > 0 && done+len(batch) == g.how.Rows {
			break
		}
		if batch = append(batch, row); len(batch) == g.how.Batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// loss is the model's on some rows, summed into a sum of rows.
func (g *gauge) loss(rows hooked.Tokens, sum *float64, options ...hooked.Option) error {
	loss, err := g.m.Loss(rows, append(options, hooked.WithContext(g.ctx))...)
	if err != nil {
		return err
	}
	*sum += float64(loss.Item()) * float64(len(rows))
	return nil
}

// activations are those at the dictionary's two sites, which may be one. With losses it takes the
// model's from the same run.
func (g *gauge) activations(rows hooked.Tokens) (in, out *hooked.Tensor, err error) {
	c := g.d.Config
	if g.how.WithoutLosses {
		cache, err := g.m.Cache(rows, hooked.Names(c.Hook, c.HookOut), hooked.WithContext(g.ctx))
		if err != nil {
			return nil, nil, err
		}
		if in, err = cache.Lookup(c.Hook); err == nil {
			out, err = cache.Lookup(c.HookOut)
		}
		return in, out, err
	}
	at := map[string]*hooked.Tensor{}
	see := func(name string) hooked.Option {
		return hooked.Observe(name, func(x *hooked.Tensor, _ hooked.Site) { at[name] = x })
	}
	sites := []hooked.Option{see(c.Hook)}
	if c.HookOut != c.Hook {
		sites = append(sites, see(c.HookOut))
	}
	g.losses.rows += float64(len(rows))
	err = g.loss(rows, &g.losses.clean, sites...)
	return at[c.Hook], at[c.HookOut], err
}

// look measures what the dictionary makes of the activations of some rows.
func (g *gauge) look(rows hooked.Tokens) error {
	in, out, err := g.activations(rows)
	if err != nil {
		return err
	}
	g.tail = out.Shape()[2:]
	mask, err := g.m.NewTensor(g.included(rows), "batch pos")
	if err != nil {
		return err
	}
	parts, err := g.d.computeAll("Measure", in, tallyAxes, func(p Pass, x *graph.Node) []*graph.Node {
		return tallied(p, x, p.Weights["target"], p.Weights["mask"])
	}, further{"target", out}, further{"mask", mask})
	if err != nil {
		return err
	}
	g.tally.add(parts)
	return nil
}

// included is 1 where a position is measured.
func (g *gauge) included(rows hooked.Tokens) [][]float32 {
	mask := make([][]float32, len(rows))
	for i, row := range rows {
		mask[i] = make([]float32, len(row))
		for k, id := range row {
			if !slices.Contains(g.how.Exclude, id) {
				mask[i][k] = 1
			}
		}
	}
	return mask
}

// prepareMean makes a tensor of the mean of the output's site.
func (g *gauge) prepareMean() error {
	a := hooked.NewArray(g.tail...)
	for i, v := range g.tally.mean {
		a.Data[i] = float32(v)
	}
	axes := []string{"d0", "d1", "d2"}[:len(g.tail)]
	var err error
	g.mean, err = g.m.NewTensor(a, joined(axes))
	return err
}

// ablate takes the losses of some rows with something else at the site.
func (g *gauge) ablate(rows hooked.Tokens) error {
	for _, with := range []struct {
		edit hooked.Option
		sum  *float64
	}{
		{Splice(g.d, SpliceOptions{Exclude: g.how.Exclude}), &g.losses.spliced},
		{g.replace(0.0), &g.losses.zero},
		{g.replace(g.mean), &g.losses.mean},
	} {
		if err := g.loss(rows, with.sum, with.edit); err != nil {
			return err
		}
	}
	return nil
}

// replace puts a value in the place of the output's site, but for excluded tokens.
func (g *gauge) replace(value any) hooked.Option {
	operands := []hooked.Operand{}
	switch v := value.(type) {
	case float64:
		operands = append(operands, hooked.Value(v))
	case *hooked.Tensor:
		operands = append(operands, hooked.Value(v))
	}
	if len(g.how.Exclude) > 0 {
		operands = append(operands, hooked.Value(g.how.Exclude))
	}
	return hooked.Edit(g.d.Config.HookOut, hooked.With(func(x *graph.Node, _ hooked.Site, values []*graph.Node) *graph.Node {
		v := values[0]
		if !v.IsScalar() {
			v = graph.ExpandLeftToRank(v, x.Rank())
		}
		y := graph.Add(graph.ZerosLike(x), graph.ConvertDType(v, x.DType()))
		if excluded := excludes(values[1:], x); excluded != nil {
			y = graph.Where(excluded, x, y)
		}
		return y
	}, operands...).Local())
}

// A tally is what is summed over batches.
type tally struct {
	positions   float64
	mean        []float64 // of the target
	scatter     float64   // sum of squares about the mean
	missed      float64   // sum of squares of what the dictionary gets wrong
	fired       []float64 // of each feature, positions
	activations []float64 // of each feature, sum
	most        []float32 // of each feature
}

func newTally(c Config) *tally {
	return &tally{mean: make([]float64, c.DOut), fired: make([]float64, c.Features), activations: make([]float64, c.Features),
		most: make([]float32, c.Features)}
}

const tallyAxes = "d_out,,,,feature,feature,feature"

// tallied is what a batch adds to a tally, in the order of [tally.add]. mask is 1 at the positions
// that count, [batch, pos].
func tallied(p Pass, x, target, mask *graph.Node) []*graph.Node {
	e := p.Encode(x)
	out := p.Output(e)
	n := mask.Shape().Size()
	column := graph.Reshape(mask, n, 1)
	flat := func(x *graph.Node) *graph.Node { return graph.Reshape(float32s(x), n, x.Shape().Size()/n) }
	count := graph.ReduceAllSum(mask)
	target, out = flat(target), flat(out)
	mean := graph.Div(graph.ReduceSum(graph.Mul(target, column), 0), graph.MaxScalar(count, 1))
	squares := func(x *graph.Node) *graph.Node { return graph.ReduceAllSum(graph.Mul(graph.Mul(x, x), column)) }
	acts := graph.Mul(flat(e.Acts), column)
	active := graph.ConvertDType(graph.GreaterThan(acts, graph.ScalarZero(acts.Graph(), acts.DType())), dtypes.Float32)
	return []*graph.Node{mean, count, squares(graph.Sub(target, spread(mean, target))), squares(graph.Sub(target, out)),
		graph.ReduceSum(active, 0), graph.ReduceSum(acts, 0), graph.ReduceMax(acts, 0)}
}

// add adds a batch. Means and scatters are joined by Chan's formula, so that a large mean does not
// drown the variance.
func (t *tally) add(parts []*hooked.Tensor) {
	n := float64(parts[1].Item())
	if n == 0 {
		return
	}
	all := t.positions + n
	shift := 0.0
	for i, v := range parts[0].Float32s() {
		delta := float64(v) - t.mean[i]
		shift += delta * delta
		t.mean[i] += delta * n / all
	}
	t.scatter += float64(parts[2].Item()) + shift*t.positions*n/all
	t.missed += float64(parts[3].Item())
	for i, v := range parts[4].Float32s() {
		t.fired[i] += float64(v)
	}
	for i, v := range parts[5].Float32s() {
		t.activations[i] += float64(v)
	}
	for i, v := range parts[6].Float32s() {
		t.most[i] = max(t.most[i], v)
	}
	t.positions = all
}
