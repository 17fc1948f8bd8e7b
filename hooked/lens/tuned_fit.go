package lens

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/underway"
)

// Streams are the residual streams of some tokens, [token, d_model] each: before each layer, and
// after the last.
type Streams struct {
	Pre   []*hooked.Tensor
	Final *hooked.Tensor
}

// A StreamSource gives the streams of one step after the other. A source that ends begins again.
type StreamSource = iter.Seq2[Streams, error]

// TunedConfig says how a lens is fitted.
type TunedConfig struct {
	Steps        int
	LearningRate float64 // at the first step, from where it falls to zero in a straight line; 0 for 0.01
	WeightDecay  float64 // towards the identity

	// Progress, if there is one, is called after each step with the divergence of each layer on the
	// step's tokens before the step.
	Progress func(step int, kl []float64)
}

// FitTunedLens fits a lens to a model: each layer's map by stochastic gradient descent on KL(end ||
// lens) in nats, with Nesterov momentum of 0.9 as in the paper, from the identity, unless a lens to
// begin with is given. Gradients are clipped to a norm of one for each layer, in the package
// tuned-lens for all together; its rate of 0.1 would throw the last layers far off at the first
// steps. A step is one program, the same for all layers: so the optimizer is three lines of it, and
// not GoMLX's, whose variables belong to one program each.
func FitTunedLens(ctx context.Context, m *hooked.Model, source StreamSource, c TunedConfig, from ...*TunedLens) (*TunedLens, error) {
	t, err := fitTuned(ctx, m, source, c, from)
	if err != nil {
		return nil, fmt.Errorf("FitTunedLens: %w", err)
	}
	return t, nil
}

func fitTuned(ctx context.Context, m *hooked.Model, source StreamSource, c TunedConfig, from []*TunedLens) (*TunedLens, error) {
	if c.LearningRate == 0 {
		c.LearningRate = 0.01
	}
	switch {
	case ctx == nil || m == nil || source == nil:
		return nil, fmt.Errorf("the context, the model or the source of streams is nil")
	case c.Steps < 1:
		return nil, brief.Errorf("TunedConfig.Steps is %d: want 1 or more", c.Steps)
	case !(c.LearningRate > 0) || !(c.LearningRate <= math.MaxFloat32):
		return nil, brief.Errorf("TunedConfig.LearningRate is %v: want a number above 0", c.LearningRate)
	case !(c.WeightDecay >= 0) || !(c.WeightDecay <= 1):
		return nil, brief.Errorf("TunedConfig.WeightDecay is %v: want a number from 0 to 1", c.WeightDecay)
	case len(from) > 1:
		return nil, brief.Errorf("%d lenses to begin with are given: want one at most", len(from))
	}
	t, err := NewTunedLens(m)
	if err != nil {
		return nil, err
	}
	if len(from) == 1 {
		if err := from[0].fits(m); err != nil {
			return nil, err
		}
		copy(t.weights, from[0].weights)
		copy(t.biases, from[0].biases)
	}
	f := &tuning{lens: t, model: m, config: c}
	if f.end, err = newEnd(m); err != nil {
		return nil, err
	}
	zero, err := NewTunedLens(m)
	if err != nil {
		return nil, err
	}
	f.momenta = [2][]*hooked.Tensor{zero.weights, zero.biases}
	if err := f.run(ctx, source); err != nil {
		return nil, err
	}
	return t, nil
}

// A tuning is a fit under way.
type tuning struct {
	lens    *TunedLens
	model   *hooked.Model
	config  TunedConfig
	end     *end
	momenta [2][]*hooked.Tensor // of weights and biases
}

// run takes all steps.
func (f *tuning) run(ctx context.Context, source StreamSource) error {
	told := underway.Begin("fitting the lens")
	defer told.End()
	for step := 0; step < f.config.Steps; {
		before := step
		told.Sayf("step %d of %d", step, f.config.Steps)
		for s, err := range source {
			if err == nil {
				err = ctx.Err()
			}
			if ctx.Err() != nil {
				return fault.Ended(ctx, "after %d steps", step)
			}
			if err == nil {
				err = f.step(step, s)
			}
			if err != nil {
				return err
			}
			if step++; step == f.config.Steps {
				break
			}
		}
		if step == before {
			return fmt.Errorf("the source gives no streams")
		}
	}
	return nil
}

// step takes a step of every layer's map on some tokens.
func (f *tuning) step(step int, s Streams) error {
	logP, err := f.end.read(f.lens, s)
	if err != nil {
		return err
	}
	rate := f.config.LearningRate * (1 - float64(step)/float64(f.config.Steps))
	numbers := hooked.NewFull(float32(rate), "one", 1)
	decay := hooked.NewFull(float32(f.config.WeightDecay), "one", 1)
	kl := make([]float64, f.lens.Layers())
	for l, x := range s.Pre {
		in := append([]*hooked.Tensor{x, logP, f.lens.weights[l], f.lens.biases[l], f.momenta[0][l], f.momenta[1][l], numbers, decay}, f.end.with...)
		out, err := hooked.ApplyAll("out in, d_model, out in, d_model,", func(in []*graph.Node) []*graph.Node {
			in[6], in[7] = graph.Reshape(in[6]), graph.Reshape(in[7])
			return f.end.stepped(in)
		}, in...)
		if err == nil {
			err = hooked.Try(func() { kl[l] = float64(out[4].Item()) })
		}
		if err != nil {
			return fmt.Errorf("step %d, layer %d: %w", step, l, err)
		}
		if math.IsNaN(kl[l]) || math.IsInf(kl[l], 0) {
			return brief.Errorf("step %d, layer %d: the divergence is %v: want a smaller TunedConfig.LearningRate", step, l, kl[l])
		}
		f.lens.weights[l], f.lens.biases[l], f.momenta[0][l], f.momenta[1][l] = out[0], out[1], out[2], out[3]
	}
	if f.config.Progress != nil {
		f.config.Progress(step, kl)
	}
	return nil
}

// read checks streams and gives what the model makes of them: log-probabilities [token, d_vocab].
func (e *end) read(t *TunedLens, s Streams) (*hooked.Tensor, error) {
	if len(s.Pre) != t.Layers() || s.Final == nil {
		return nil, brief.Errorf("there are the streams before %d layers, and the lens is of %d, or the stream after the last is missing", len(s.Pre), t.Layers())
	}
	for l, x := range append(s.Pre[:len(s.Pre):len(s.Pre)], s.Final) {
		if x == nil || len(x.Shape()) != 2 || x.Shape()[1] != t.about.DModel || x.Shape()[0] != s.Final.Shape()[0] {
			return nil, brief.Errorf("stream %d is %v, want [%d, %d]", l, x, s.Final.Shape()[0], t.about.DModel)
		}
	}
	return hooked.Apply("token d_vocab", func(in []*graph.Node) *graph.Node { return e.logProbs(in[0], in[1:]) }, append([]*hooked.Tensor{s.Final}, e.with...)...)
}

// Divergence is the mean over tokens of KL(end || lens) in nats for each layer's map, on as many
// steps of a source as are asked for.
func (t *TunedLens) Divergence(ctx context.Context, m *hooked.Model, source StreamSource, steps int) ([]float64, error) {
	kl, err := t.divergences(ctx, m, source, steps)
	if err != nil {
		return nil, fmt.Errorf("TunedLens.Divergence: %w", err)
	}
	return kl, nil
}

func (t *TunedLens) divergences(ctx context.Context, m *hooked.Model, source StreamSource, steps int) ([]float64, error) {
	if err := t.fits(m); err != nil {
		return nil, err
	}
	if ctx == nil || source == nil || steps < 1 {
		return nil, fmt.Errorf("want a context, a source of streams and one step at least, not %d", steps)
	}
	e, err := newEnd(m)
	if err != nil {
		return nil, err
	}
	sums, tokens, n := make([]float64, t.Layers()), 0.0, 0
	for s, err := range source {
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, fault.Ended(ctx, "after %d steps", n)
		}
		logP, err := e.read(t, s)
		if err != nil {
			return nil, err
		}
		size := float64(s.Final.Shape()[0])
		for l, x := range s.Pre {
			kl, err := hooked.Apply("", func(in []*graph.Node) *graph.Node {
				return divergence(in[1], e.logProbs(translated(in[0], in[2], in[3]), in[4:]))
			}, append([]*hooked.Tensor{x, logP, t.weights[l], t.biases[l]}, e.with...)...)
			if err == nil {
				err = hooked.Try(func() { sums[l] += size * float64(kl.Item()) })
			}
			if err != nil {
				return nil, err
			}
		}
		tokens += size
		if n++; n == steps {
			break
		}
	}
	if n < steps {
		return nil, brief.Errorf("the source ends after %d steps, %d were asked for", n, steps)
	}
	for l := range sums {
		sums[l] /= tokens
	}
	return sums, nil
}

// StreamConfig says what of contexts [StreamsOf] reads.
type StreamConfig struct {
	Size  int          // tokens in a step
	Batch int          // contexts that the model runs on together, and that are shuffled together
	Skip  int          // positions at the beginning of each context that are left out, such as 1 where a BOS stands
	Rows  hooked.Range // which of the contexts: from From to before To, or the end if To is 0
	Seed  uint64       // of the order
}

// check refuses what gives no step of contexts of so many tokens.
func (c StreamConfig) check(length int) error {
	switch {
	case c.Batch < 1 || c.Size < 1 || c.Skip < 0:
		return brief.Errorf("StreamConfig.Batch is %d, Size %d and Skip %d: want 1, 1 and 0 or more", c.Batch, c.Size, c.Skip)
	case c.Rows.From < 0 || c.Rows.To < 0 || c.Rows.To != 0 && c.Rows.To <= c.Rows.From:
		return brief.Errorf("StreamConfig.Rows is from %d to %d: there is none", c.Rows.From, c.Rows.To)
	case c.Size > c.Batch*(length-c.Skip):
		return brief.Errorf("%d contexts of %d tokens, less %d each, hold no step of %d tokens", c.Batch, length, c.Skip, c.Size)
	}
	return nil
}

// StreamsOf runs a model on contexts, a batch together, and gives the streams of their positions,
// shuffled within the batch and cut into steps. What makes no whole batch or step is left out.
func StreamsOf(ctx context.Context, m *hooked.Model, contexts corpus.Contexts, c StreamConfig) StreamSource {
	return func(yield func(Streams, error) bool) {
		if ctx == nil || m == nil || contexts == nil {
			yield(Streams{}, fmt.Errorf("StreamsOf: the context, the model or the contexts are nil"))
			return
		}
		if err := c.check(contexts.Length()); err != nil {
			yield(Streams{}, fmt.Errorf("StreamsOf: %w", err))
			return
		}
		kept := c.Batch * (contexts.Length() - c.Skip)
		r := rand.New(rand.NewPCG(c.Seed, 0))
		var batch hooked.Tokens
		next := c.Rows.From
		for row, err := range contexts.From(c.Rows.From) {
			if err != nil {
				yield(Streams{}, err)
				return
			}
			if next++; c.Rows.To != 0 && next > c.Rows.To {
				return
			}
			if batch = append(batch, row); len(batch) < c.Batch {
				continue
			}
			all, err := streams(ctx, m, batch)
			if err != nil {
				yield(Streams{}, err)
				return
			}
			order := r.Perm(kept)
			for at := 0; at+c.Size <= kept; at += c.Size {
				picked := make([]int, c.Size)
				for i, k := range order[at : at+c.Size] {
					picked[i] = k/(contexts.Length()-c.Skip)*contexts.Length() + c.Skip + k%(contexts.Length()-c.Skip)
				}
				s, err := all.pick(m, picked)
				if !yield(s, err) || err != nil {
					return
				}
			}
			batch = nil
		}
		if to := c.Rows.To; next < to {
			yield(Streams{}, brief.Errorf("StreamsOf: StreamConfig.Rows ends at %d, and the contexts end at %d", to, next))
		}
	}
}

// streams are those of all positions of a run.
func streams(ctx context.Context, m *hooked.Model, batch hooked.Tokens) (s Streams, err error) {
	cache, err := m.Cache(batch, hooked.Names(hooked.ResidPre, hooked.ResidPost.At(-1)), hooked.WithContext(ctx))
	if err != nil {
		return s, err
	}
	read := func(at hooked.Site) (*hooked.Tensor, error) {
		x, err := cache.Lookup(at)
		if err != nil {
			return nil, err
		}
		return hooked.Apply("token d_model", func(x *graph.Node) *graph.Node { return graph.Reshape(x, -1, x.Shape().Dim(-1)) }, x)
	}
	for l := range m.Config().NLayers {
		x, err := read(hooked.ResidPre.At(l))
		if err != nil {
			return s, err
		}
		s.Pre = append(s.Pre, x)
	}
	s.Final, err = read(hooked.ResidPost.At(-1))
	return s, err
}

// pick are the streams of some tokens.
func (s Streams) pick(m *hooked.Model, tokens []int) (out Streams, err error) {
	at, err := m.NewTensor(tokens, "token")
	if err != nil {
		return out, err
	}
	pick := func(x *hooked.Tensor) (*hooked.Tensor, error) {
		return hooked.Apply("token d_model", func(x, at *graph.Node) *graph.Node { return graph.Gather(x, graph.InsertAxes(at, -1)) }, x, at)
	}
	for _, x := range s.Pre {
		y, err := pick(x)
		if err != nil {
			return out, err
		}
		out.Pre = append(out.Pre, y)
	}
	out.Final, err = pick(s.Final)
	return out, err
}

// StreamsFrom reads the streams of a store that was harvested at hooked.ResidPre in every layer and
// at ResidPost in the last. Reading.Size is the number of tokens in a step. A store of another
// model, or of the same with other processing, is refused.
func StreamsFrom(store *activations.Store, m *hooked.Model, reading activations.Reading) StreamSource {
	return func(yield func(Streams, error) bool) {
		if store == nil || m == nil {
			yield(Streams{}, fmt.Errorf("StreamsFrom: the store or the model is nil"))
			return
		}
		if err := store.HarvestedFrom(m); err != nil {
			yield(Streams{}, fmt.Errorf("StreamsFrom: %w", err))
			return
		}
		c := m.Config()
		for b, err := range store.Batches(hooked.ResidPost.At(c.NLayers-1), reading) {
			var s Streams
			if err == nil {
				s, err = storedStreams(b, m)
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

func storedStreams(b *activations.Batch, m *hooked.Model) (s Streams, err error) {
	c := m.Config()
	tensor := func(values []float32) (*hooked.Tensor, error) {
		return m.NewTensor(&hooked.Array{Shape: []int{len(values) / c.DModel, c.DModel}, Data: values}, "token d_model")
	}
	for l := range c.NLayers {
		values, err := b.At(hooked.ResidPre.At(l))
		if err != nil {
			return s, err
		}
		x, err := tensor(values)
		if err != nil {
			return s, err
		}
		s.Pre = append(s.Pre, x)
	}
	s.Final, err = tensor(b.Values)
	return s, err
}
