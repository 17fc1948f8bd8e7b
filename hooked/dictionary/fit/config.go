package fit

import (
	"cmp"
	"io"
	"math"
	"slices"

	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/train"
	"gopherlens/internal/brief"
)

// A Config says what is fitted, and how.
type Config struct {
	// Dictionary is what is fitted: Kind and Features, and what the kind has besides: K,
	// RescaleByNorm, Widths, SubtractBias, Normalization. Sites, widths and model are those of the
	// [Source] and stay empty.
	Dictionary dictionary.Config
	Objective  Objective
	Init       Init

	Steps        int
	Batch        int // activations of a step
	LearningRate float64
	Schedule     train.Schedule  // train.Constant unless given
	Optimizer    train.Optimizer // train.Adam{} unless given
	Clip         float64         // the largest norm of all gradients; 0 is no bound, SAELens' is 1

	// DeadAfter is how many steps a feature is not active before it counts as dead; 1000 unless
	// given, as in SAELens.
	DeadAfter int
	// Resample brings back dead features of standard dictionaries, whose loss does not; none unless
	// given.
	Resample Resampling
	// UnitNorm keeps the decoder's directions at norm one in every step (Bricken et al. 2023).
	// Without it they are free, and get that norm at the end, by folding.
	UnitNorm bool

	OnStep   func(*Report) error // called after each step; [train.ErrStop] ends the training
	Progress io.Writer           // gets a line that is drawn over itself

	// Folder is where checkpoints go, every Every steps and at the end; "" keeps none. See
	// [Resume].
	Folder string
	Every  int
}

// An Objective is what is to become small besides the squared error. What a kind does not have
// stays zero.
type Objective struct {
	// Sparsity is the coefficient of the penalty: of the L1 norm of standard and gated dictionaries
	// and ReLU transcoders, of the L0 norm of the JumpReLU kinds. The TopK kinds have none.
	Sparsity float64
	// Warmup is the share of Sparsity that a step gets; train.Constant unless given. SAELens'
	// warm-up of n steps is train.Delayed(train.Warmup(n)).
	Warmup train.Schedule
	Norm   float64 // which norm takes the place of L1; 1 unless given

	Mode      Mode    // of the JumpReLU kinds' penalty; [Step] unless given
	TanhScale float64 // 4 unless given
	TargetL0  float64 // of [Quadratic], and of [LargestOfBatch]
	Bandwidth float64 // of the straight-through gradients; 0.05 unless given
	ToInput   bool    // straight-through gradients reach the pre-activations, too
	PreAct    float64 // coefficient of what pulls dead features of the JumpReLU kinds up; 0 for none

	Aux         float64 // coefficient of the TopK kinds' auxiliary loss for dead features; 1 unless given
	WithoutAux  bool
	AuxPerLevel bool // of a Matryoshka: each level's dead features learn that level's error

	// ThresholdRate is how fast a BatchTopK's threshold follows the smallest activation of a step;
	// 0.01 unless given.
	ThresholdRate float64
}

// A Mode is how the JumpReLU kinds are made sparse.
type Mode string

// The modes.
const (
	Step      Mode = "step"      // the number of features above their thresholds (Rajamanoharan et al. 2024b)
	Tanh      Mode = "tanh"      // tanh of the activations (Conerly et al. 2025)
	Quadratic Mode = "quadratic" // how far that number is from TargetL0, squared (Gemma Scope 2)
	// LargestOfBatch trains as a BatchTopK with k = TargetL0, and gives all features its threshold:
	// the number of features needs no search for a coefficient.
	LargestOfBatch Mode = "largest_of_batch"
)

// A Resampling gives features that are dead a new start now and then, as Bricken et al. 2023 do
// (appendix, "Neuron Resampling"): each is pointed at an activation of the step's batch, drawn with
// a probability proportional to the square of its squared error. Its direction is that of the
// activation less b_dec, as long as those of the living features on average; its encoder is a fifth
// as long as theirs, its bias zero, and the optimizer forgets it.
type Resampling struct {
	Every int // steps from one to the next; 0 for never
	// Until is the last step that may give one, so that what began anew can settle; half of
	// Config.Steps unless given.
	Until int
}

// Init says what a training begins with.
type Init struct {
	// From is a dictionary to go on from. Without one the decoder's directions are random and the
	// encoder is their transpose.
	From *dictionary.Dictionary

	// Bias is what b_dec begins as; [GeometricMedian] unless given.
	Bias Bias
	// DecoderNorm is the norm of the decoder's directions; 1 for the TopK kinds and 0.1 for the
	// others unless given.
	DecoderNorm float64
	Threshold   float64 // of the JumpReLU kinds; 0.01 unless given
	Seed        uint64
}

// A Bias is what b_dec begins as.
type Bias string

// The biases. Of a transcoder they are those of what it gives.
const (
	GeometricMedian Bias = "geometric_median"
	Mean            Bias = "mean"
	Zeros           Bias = "zeros"
)

// A recipe is how a kind is trained.
type recipe struct {
	loss     lossOf
	has      []string // the fields of Objective and Init that it reads
	norm     float64  // of the decoder's directions at first
	ofTarget bool     // it learns another site than it reads
	resample bool     // nothing in its loss brings dead features back, and resampling may
}

var (
	l1Fields  = []string{"Sparsity", "Warmup", "Norm"}
	l0Fields  = []string{"Sparsity", "Warmup", "Mode", "TanhScale", "TargetL0", "Bandwidth", "ToInput", "PreAct", "Threshold"}
	topFields = []string{"Aux", "WithoutAux"}
	allFields = []string{"Aux", "WithoutAux", "ThresholdRate"}
	nesFields = []string{"Aux", "WithoutAux", "ThresholdRate", "AuxPerLevel"}
)

var recipes = map[dictionary.Kind]recipe{
	dictionary.Standard:           {loss: penalized, has: l1Fields, norm: 0.1, resample: true},
	dictionary.Transcoder:         {loss: penalized, has: l1Fields, norm: 0.1, ofTarget: true},
	dictionary.Gated:              {loss: throughGates, has: []string{"Sparsity", "Warmup"}, norm: 0.1},
	dictionary.JumpReLU:           {loss: jumping, has: l0Fields, norm: 0.1},
	dictionary.JumpReLUTranscoder: {loss: jumping, has: l0Fields, norm: 0.1, ofTarget: true},
	dictionary.TopK:               {loss: largestOf, has: topFields, norm: 1},
	dictionary.BatchTopK:          {loss: largestOf, has: allFields, norm: 1},
	dictionary.Matryoshka:         {loss: nested, has: nesFields, norm: 1},
}

// settled is the configuration for a source with its defaults; an error if it cannot be followed.
func (c Config) settled(s *Source) (Config, error) {
	d := &c.Dictionary
	if d.Hook != "" || d.HookOut != "" || d.Model != "" || d.DIn != 0 || d.DOut != 0 {
		return c, brief.Errorf("Config.Dictionary names sites, widths or a model: these are the source's, leave them empty")
	}
	r, ok := recipes[d.Kind]
	if !ok {
		return c, brief.Errorf("dictionaries of kind %q are not trained here; known: %q", d.Kind, kinds())
	}
	s.describe(d)
	if d.Kind == dictionary.Matryoshka && (len(d.Widths) == 0 || d.Widths[len(d.Widths)-1] < d.Features) {
		d.Widths = append(slices.Clone(d.Widths), d.Features)
	}
	if err := c.checkSource(r, s); err != nil {
		return c, err
	}
	for _, err := range []error{d.Validate(), c.checkUnread(r), c.checkNumbers(r), c.checkFrom()} {
		if err != nil {
			return c, err
		}
	}
	c.takeDefaults(r)
	return c, nil
}

func kinds() []dictionary.Kind {
	var all []dictionary.Kind
	for k := range recipes {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// takeDefaults fills in what was left open.
func (c *Config) takeDefaults(r recipe) {
	o, i := &c.Objective, &c.Init
	for _, d := range []struct {
		field     *float64
		otherwise float64
	}{{&o.Norm, 1}, {&o.TanhScale, 4}, {&o.Bandwidth, 0.05}, {&o.Aux, 1}, {&o.ThresholdRate, 0.01}, {&i.DecoderNorm, r.norm}, {&i.Threshold, 0.01}} {
		if *d.field == 0 {
			*d.field = d.otherwise
		}
	}
	if o.Mode == "" {
		o.Mode = Step
	}
	if o.Warmup == nil {
		o.Warmup = train.Constant()
	}
	if i.Bias == "" {
		i.Bias = GeometricMedian
	}
	if c.DeadAfter == 0 {
		c.DeadAfter = 1000
	}
	if c.Resample.Every > 0 && c.Resample.Until == 0 {
		c.Resample.Until = c.Steps / 2
	}
	if c.Optimizer == nil {
		c.Optimizer = train.Adam{}
	}
}

// A given is a field that somebody may have set.
type given struct {
	name string
	set  bool
}

// checkUnread refuses what the kind, or its mode, would not read.
func (c Config) checkUnread(r recipe) error {
	o, i := c.Objective, c.Init
	for _, f := range []given{
		{"Sparsity", o.Sparsity != 0}, {"Warmup", o.Warmup != nil}, {"Norm", o.Norm != 0}, {"Mode", o.Mode != ""}, {"TanhScale", o.TanhScale != 0},
		{"TargetL0", o.TargetL0 != 0}, {"Bandwidth", o.Bandwidth != 0}, {"ToInput", o.ToInput}, {"PreAct", o.PreAct != 0}, {"Aux", o.Aux != 0},
		{"WithoutAux", o.WithoutAux}, {"AuxPerLevel", o.AuxPerLevel}, {"ThresholdRate", o.ThresholdRate != 0}, {"Threshold", i.Threshold != 0},
	} {
		if f.set && !slices.Contains(c.fields(r), f.name) {
			return brief.Errorf("%s is set, and would do nothing to a dictionary of kind %q%s: leave it out", f.name, c.Dictionary.Kind, c.inMode())
		}
	}
	switch {
	case c.Resample != (Resampling{}) && !r.resample:
		return brief.Errorf("Resample is for dictionaries of kind %q, whose loss brings no dead feature back; of kind %q %s: leave it out", dictionary.Standard,
			c.Dictionary.Kind, c.instead())
	case c.Resample.Until != 0 && c.Resample.Every == 0:
		return brief.Errorf("Resample.Until is set, and would do nothing without Resample.Every: leave it out")
	case o.WithoutAux && (o.Aux != 0 || o.AuxPerLevel):
		return brief.Errorf("Objective.WithoutAux is set beside Aux or AuxPerLevel: leave one out")
	case i.From != nil && (i.Bias != "" || i.DecoderNorm != 0 || i.Threshold != 0 || i.Seed != 0):
		return brief.Errorf("Init.From is set, so that Bias, DecoderNorm, Threshold and Seed would do nothing: leave them out")
	}
	return nil
}

// fields are those that are read.
func (c Config) fields(r recipe) []string {
	read := slices.Clone(r.has)
	leave := map[Mode][]string{
		Step: {"TanhScale", "TargetL0"}, Tanh: {"TargetL0"}, Quadratic: {"TanhScale"},
		LargestOfBatch: {"Sparsity", "Warmup", "TanhScale", "Bandwidth", "ToInput", "PreAct", "Threshold"},
	}
	mode := c.Objective.Mode
	if mode == "" {
		mode = Step
	}
	if slices.Contains(r.has, "Mode") {
		read = slices.DeleteFunc(read, func(f string) bool { return slices.Contains(leave[mode], f) })
		if mode == LargestOfBatch {
			read = append(read, allFields...)
		}
	}
	return read
}

// instead is what other kinds have in the place of resampling.
func (c Config) instead() string {
	switch c.Dictionary.Kind {
	case dictionary.TopK, dictionary.BatchTopK, dictionary.Matryoshka:
		return "the auxiliary loss does it (Objective.Aux)"
	case dictionary.JumpReLU, dictionary.JumpReLUTranscoder:
		return "the pre-activation loss does it (Objective.PreAct)"
	}
	return "no resampling is known here"
}

func (c Config) inMode() string {
	if c.Objective.Mode == "" {
		return ""
	}
	return brief.Sprintf(" in mode %q", c.Objective.Mode)
}

// checkNumbers refuses numbers that nothing can be trained with.
func (c Config) checkNumbers(r recipe) error {
	o, read := c.Objective, c.fields(r)
	if _, ok := sparsities[o.Mode]; !ok && o.Mode != "" && o.Mode != LargestOfBatch {
		return brief.Errorf("Objective.Mode is %q: want %q, %q, %q or %q", o.Mode, Step, Tanh, Quadratic, LargestOfBatch)
	}
	for _, f := range []struct {
		name  string
		value float64
		zero  bool // stands for a default, or for none
	}{
		{"Sparsity", o.Sparsity, !slices.Contains(read, "Sparsity")}, {"Norm", o.Norm, true}, {"TanhScale", o.TanhScale, true},
		{"TargetL0", o.TargetL0, o.Mode != Quadratic && o.Mode != LargestOfBatch}, {"Bandwidth", o.Bandwidth, true}, {"PreAct", o.PreAct, true},
		{"Aux", o.Aux, true}, {"ThresholdRate", o.ThresholdRate, true}, {"Init.DecoderNorm", c.Init.DecoderNorm, true},
		{"Init.Threshold", c.Init.Threshold, true},
	} {
		if !(f.value > 0 && f.value <= math.MaxFloat32) && !(f.zero && f.value == 0) {
			return brief.Errorf("%s is %v: want a number above 0", f.name, f.value)
		}
	}
	switch {
	case o.ThresholdRate > 1:
		return brief.Errorf("Objective.ThresholdRate is %v: want at most 1", o.ThresholdRate)
	case o.Mode == LargestOfBatch && o.TargetL0 > float64(c.Dictionary.Features):
		return brief.Errorf("Objective.TargetL0 is %v: want at most the %d features", o.TargetL0, c.Dictionary.Features)
	case c.Batch < 1:
		return brief.Errorf("Config.Batch is %d: want the number of activations of a step", c.Batch)
	case c.DeadAfter < 0:
		return brief.Errorf("Config.DeadAfter is %d: want a number of steps", c.DeadAfter)
	case c.Resample.Every < 0 || c.Resample.Until < 0:
		return brief.Errorf("Config.Resample is every %d steps until step %d: want numbers of steps", c.Resample.Every, c.Resample.Until)
	case c.Resample.Every > 0 && c.Resample.Every > cmp.Or(c.Resample.Until, c.Steps/2):
		return brief.Errorf("Resample.Every is %d, and the last step that may resample is %d: it would do nothing", c.Resample.Every, cmp.Or(c.Resample.Until, c.Steps/2))
	case c.UnitNorm && c.Dictionary.RescaleByNorm:
		return brief.Errorf("Config.UnitNorm would do nothing: with RescaleByNorm the norm of a direction does not matter")
	case c.Init.Bias != "" && biases[c.Init.Bias] == nil:
		return brief.Errorf("Init.Bias is %q: want %q, %q or %q", c.Init.Bias, GeometricMedian, Mean, Zeros)
	}
	return nil
}

// checkFrom refuses a dictionary that the training cannot go on from.
func (c Config) checkFrom() error {
	from := c.Init.From
	if from == nil {
		return nil
	}
	if c.Objective.Mode == LargestOfBatch {
		return brief.Errorf("Init.From: a training in mode %q begins anew", LargestOfBatch)
	}
	have, want := from.Config.WeightShapes(), c.Dictionary.WeightShapes()
	for name, shape := range want {
		if from.Weights[name] == nil || !slices.Equal(have[name], shape) {
			return brief.Errorf("Init.From is a dictionary of kind %q with %s of shape %v: here it has %v", from.Config.Kind, name, have[name], shape)
		}
	}
	return nil
}

// checkSource refuses a source that is not of the kind.
func (c Config) checkSource(r recipe, s *Source) error {
	switch {
	case r.ofTarget && s.out == nil:
		return brief.Errorf("a %q learns another site than it reads: the source has %s alone, name the other", c.Dictionary.Kind, s.in.Name)
	case !r.ofTarget && s.out != nil:
		return brief.Errorf("a dictionary of kind %q gives back what it reads, and the source has two sites, %s and %s", c.Dictionary.Kind, s.in.Name, s.out.Name)
	case (c.Dictionary.Normalization == dictionary.Rescaled || c.Dictionary.Normalization == dictionary.LayerNormed) && slices.Contains(c.fields(r), "Aux"):
		// its auxiliary loss would hold normalized vectors against others
		return brief.Errorf("the TopK kinds are not trained with normalize_activations %q: take %q", c.Dictionary.Normalization, dictionary.AverageOnlyIn)
	}
	return nil
}
