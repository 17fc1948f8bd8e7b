package hooked

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// New makes a model of a configuration alone, with random weights from cfg.Seed: a baseline, or the
// start of a training. It has no tokenizer; give it token ids.
//
// cfg.InitMode is TransformerLens': "gpt2" (normal, standard deviation InitializerRange), or
// "xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", "muP" for weights scaled
// by the width of their layer (Glorot and Bengio 2010; He et al. 2015, arXiv:1502.01852; Yang et
// al. 2022, arXiv:2203.03466) with InitializerRange as the gain. Biases are zero, the scales of
// norms one. The numbers are Go's own: the same seed does not give TransformerLens' weights.
func New(cfg Config, options ...LoadOptions) (m *Model, err error) {
	defer guard(&err)
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	mode, ok := initModes[cfg.InitMode]
	if !ok {
		return nil, brief.Errorf("config: unknown InitMode %q; known: %v", cfg.InitMode, slices.Sorted(maps.Keys(initModes)))
	}
	how, err := oneOption(options)
	if err != nil {
		return nil, err
	}
	specs := cfg.weightSpecs()
	names := slices.Sorted(maps.Keys(specs))
	m, err = newOfConfig(cfg, specs, names, NoProcessing, how)
	if err != nil {
		return nil, err
	}
	// One weight after the other, in the same room: there may be none on the host for all of them.
	m.weights.load = func(ctx context.Context, put putFunc) error {
		first := initialiser{cfg: cfg, mode: mode, random: rand.New(rand.NewPCG(uint64(cfg.Seed), 0))}
		for i, name := range names {
			if err := fault.Ended(ctx, "making the weights ended after %d of %d", i, len(names)); err != nil {
				return err
			}
			if err := put(name, onDevice(name, first.weight(name, specs[name].shape))); err != nil {
				return err
			}
		}
		return nil
	}
	return m, nil
}

// initMode is how the matrices of a model are filled: the spread of a weight, and whether it is
// uniform or normal.
type initMode struct {
	spread  func(cfg Config, name string, fanIn, fanOut int) float64 // standard deviation
	uniform bool
}

var initModes = map[string]initMode{
	"gpt2":            {spread: func(c Config, _ string, _, _ int) float64 { return c.InitializerRange }},
	"xavier_uniform":  {spread: xavier, uniform: true},
	"xavier_normal":   {spread: xavier},
	"kaiming_uniform": {spread: kaiming, uniform: true},
	"kaiming_normal":  {spread: kaiming},
	"muP":             {spread: muP},
}

func xavier(c Config, _ string, fanIn, fanOut int) float64 {
	return c.InitializerRange * math.Sqrt(2/float64(fanIn+fanOut))
}

// kaiming has the gain of a ReLU, √2, in it.
func kaiming(c Config, _ string, fanIn, _ int) float64 {
	return c.InitializerRange * math.Sqrt(2/float64(fanIn))
}

func muP(_ Config, name string, fanIn, _ int) float64 {
	switch {
	case strings.HasPrefix(name, "unembed."):
		return 1 / float64(fanIn)
	case strings.Contains(name, "embed."):
		return 1
	}
	return 1 / math.Sqrt(float64(fanIn))
}

// An initialiser makes the weights of a model that is not trained yet, one after the other.
type initialiser struct {
	cfg    Config
	mode   initMode
	random *rand.Rand
	room   []float32 // for the numbers of a weight, until the next one is made
}

// weight is good until the next one is made.
func (in *initialiser) weight(name string, shape []int) *Array {
	n := sizeOf(shape)
	if len(in.room) < n {
		in.room = make([]float32, n)
	}
	values := in.room[:n]
	clear(values)
	last := name[strings.LastIndex(name, ".")+1:]
	switch {
	case last == "w":
		for i := range values {
			values[i] = 1
		}
	case strings.HasPrefix(last, "W_"):
		fanIn, fanOut := fans(shape)
		spread := in.mode.spread(in.cfg, name, fanIn, fanOut)
		for i := range values {
			values[i] = float32(spread * draw(in.mode.uniform, in.random))
		}
	}
	return &Array{shape, values}
}

// draw is a random number with mean zero and standard deviation one.
func draw(uniform bool, random *rand.Rand) float64 {
	if uniform {
		return (2*random.Float64() - 1) * math.Sqrt(3)
	}
	return random.NormFloat64()
}

// fans are the numbers of inputs and outputs of a weight [in, out] or [head, in, out].
func fans(shape []int) (in, out int) {
	if len(shape) == 3 {
		return shape[1], shape[0] * shape[2]
	}
	return shape[0], shape[1]
}

// FromStateDict makes a model of a configuration and its weights under TransformerLens' names,
// processed as asked. Biases that are not there are zero. The weights are copied.
func FromStateDict(cfg Config, sd StateDict, processing Processing, options ...LoadOptions) (m *Model, err error) {
	defer guard(&err)
	how, err := oneOption(options)
	if err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	specs := cfg.weightSpecs()
	sd = sd.canonical()
	if err := sd.check(specs); err != nil {
		return nil, err
	}
	m, err = newOfConfig(cfg, specs, slices.Collect(maps.Keys(sd)), processing, how)
	if err != nil {
		return nil, err
	}
	for name, a := range sd {
		sd[name] = toDevice(name, a)
	}
	process := sync.OnceValue(func() error { return Try(func() { m.applied.process(cfg, sd) }) })
	m.weights.load = func(ctx context.Context, put putFunc) error {
		if err := process(); err != nil {
			return brief.Errorf("processing the weights: %w", err)
		}
		names := slices.Collect(maps.Keys(sd))
		err := inParallel(ctx, len(names), func(i int) error { return put(names[i], sd[names[i]]) })
		if err == nil {
			sd = nil
		}
		return err
	}
	return m, nil
}

// newOfConfig makes a model of a configuration and the names of its weights, which whoever calls it
// has yet to load.
func newOfConfig(cfg Config, specs map[string]weightSpec, names []string, processing Processing, how LoadOptions) (*Model, error) {
	if how.Revision != "" || how.Progress != nil {
		return nil, brief.Errorf("LoadOptions.Revision and Progress are of what comes from the hub, and this model is made of a Config here")
	}
	if how.FirstNLayers != 0 {
		return nil, brief.Errorf("LoadOptions.FirstNLayers is %d of a model that is made of a Config: say it by Config.NLayers", how.FirstNLayers)
	}
	if err := fault.Ended(how.context(), "the model was not made"); err != nil {
		return nil, err
	}
	cfg.DType = cmp.Or(how.DType, cfg.DType)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := how.Devices.fits(cfg); err != nil {
		return nil, err
	}
	be, why, err := how.backend()
	if err != nil {
		return nil, err
	}
	has := make(map[string]bool)
	for _, name := range names {
		has[name] = true
	}
	return newModel(cfg, specs, processing, has, be, why), nil
}

// oneOption is the options of a kind that a variadic parameter makes optional.
func oneOption[T any](options []T) (one T, err error) {
	switch len(options) {
	case 0:
		return one, nil
	case 1:
		return options[0], nil
	}
	return one, brief.Errorf("%d %s were given, and only one can be followed: join their fields in one", len(options), optionsName(one))
}

// optionsName is the name of a type of options as a reader writes it.
func optionsName(options any) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", options), "hooked.")
}

// StateDict copies all weights to the host under TransformerLens' names: every bias is there, as
// zeros where the family has none, and in models with grouped queries the names of key and value
// weights begin with an underscore.
func (m *Model) StateDict() (StateDict, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	sd := make(StateDict)
	for name := range m.weights.specs {
		a, err := m.weights.array(name)
		if err != nil {
			return nil, err
		}
		sd[m.cfg.lensName(name)] = a
	}
	return sd, nil
}

// lensName is TransformerLens' name of a canonical weight.
func (c Config) lensName(name string) string {
	if c.groupSize() == 1 {
		return name
	}
	return strings.NewReplacer("attn.W_K", "attn._W_K", "attn.W_V", "attn._W_V", "attn.b_K", "attn._b_K", "attn.b_V", "attn._b_V").Replace(name)
}
