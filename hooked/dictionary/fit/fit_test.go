package fit_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/circuits"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/fit"
	"gopherlens/hooked/train"
	"gopherlens/internal/golden"
)

const toyWidth, toyFeatures = 12, 24

// toy are activations that are sums of three of the directions.
func toy(n int) *hooked.Array {
	random := rand.New(rand.NewPCG(7, 7))
	directions := make([][]float64, toyFeatures)
	for i := range directions {
		directions[i] = make([]float64, toyWidth)
		for j := range directions[i] {
			directions[i][j] = random.NormFloat64() / math.Sqrt(toyWidth)
		}
	}
	x := hooked.NewArray(n, toyWidth)
	for row := range n {
		for range 3 {
			d, strength := directions[random.IntN(toyFeatures)], 2+random.Float64()
			for j, v := range d {
				x.Data[row*toyWidth+j] += float32(strength*v) + 0.2
			}
		}
	}
	return x
}

const toySite = "blocks.0.hook_resid_post"

func toySource() *fit.Source { return fit.FromArrays(toySite, toy(2048), "", nil, 3) }

func toyConfig(kind dictionary.Kind) fit.Config {
	c := fit.Config{Dictionary: dictionary.Config{Kind: kind, Features: toyFeatures, SubtractBias: true}, Steps: 150, Batch: 128, LearningRate: 1e-2, DeadAfter: 10}
	switch kind {
	case dictionary.TopK, dictionary.BatchTopK, dictionary.Matryoshka:
		c.Dictionary.K, c.Dictionary.RescaleByNorm = 3, true
	default:
		c.Objective.Sparsity = 0.02
	}
	return c
}

// Every kind learns, comes out with decoder directions of norm one, and can be saved and loaded.
func TestKindsLearn(t *testing.T) {
	be := golden.PureGo(t)
	for kind, change := range map[dictionary.Kind]func(*fit.Config){
		dictionary.Standard:  func(c *fit.Config) { c.Init.Bias = fit.Mean },
		dictionary.Gated:     func(c *fit.Config) { c.UnitNorm = true },
		dictionary.JumpReLU:  func(c *fit.Config) { c.Objective.PreAct, c.Objective.Mode = 1e-3, fit.Tanh },
		dictionary.TopK:      func(c *fit.Config) { c.Dictionary.Normalization = dictionary.AverageOnlyIn },
		dictionary.BatchTopK: func(c *fit.Config) { c.Dictionary.Normalization = dictionary.AverageOnlyIn },
		dictionary.Matryoshka: func(c *fit.Config) {
			c.Dictionary.Widths, c.Objective.AuxPerLevel = []int{8}, true
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			c := toyConfig(kind)
			change(&c)
			out, err := fit.RunOn(context.Background(), be, toySource(), c)
			if err != nil {
				t.Fatal(err)
			}
			first, last := out.Curve[0], out.Curve[len(out.Curve)-1]
			if !(last.Loss < first.Loss/2 && last.Explained > 0.7) {
				t.Errorf("the loss went from %v to %v, explained %v", first.Loss, last.Loss, last.Explained)
			}
			for i, n := range rowNorms(out.Dictionary.Weights["W_dec"].Float32s()) {
				if math.Abs(n-1) > 1e-5 {
					t.Fatalf("direction %d has norm %v", i, n)
				}
			}
			explains(t, out.Dictionary, last.Explained-0.1)
			folder := filepath.Join(t.TempDir(), "saved")
			if err := out.Dictionary.Save(folder); err != nil {
				t.Fatal(err)
			}
			if again, err := dictionary.Load(folder); err != nil || again.Config.Kind != kind {
				t.Errorf("%v, %v", again, err)
			}
		})
	}
}

func rowNorms(values []float32) (norms []float64) {
	for row := range slices.Chunk(values, toyWidth) {
		sum := 0.0
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		norms = append(norms, math.Sqrt(sum))
	}
	return norms
}

// explains checks that the finished dictionary, with the threshold of one that chooses among a
// batch, gives back the activations as they are.
func explains(t *testing.T, d *dictionary.Dictionary, least float64) {
	t.Helper()
	x := toy(2048)
	d = hooked.Must(d.Inference())
	got := hooked.Must(d.Reconstruct(hooked.Must(hooked.NewTensor(x, "row d_model")))).Float32s()
	mean, n := make([]float64, toyWidth), len(x.Data)/toyWidth
	for i, v := range x.Data {
		mean[i%toyWidth] += float64(v) / float64(n)
	}
	variance, missed := 0.0, 0.0
	for i, v := range x.Data {
		variance += (float64(v) - mean[i%toyWidth]) * (float64(v) - mean[i%toyWidth])
		missed += float64(v-got[i]) * float64(v-got[i])
	}
	if explained := 1 - missed/variance; !(explained > least) {
		t.Errorf("the finished dictionary explains %v, want more than %v", explained, least)
	}
}

// A transcoder learns another site than it reads, and one of the largest of a batch is a JumpReLU
// of the sparsity that was asked for.
func TestTranscoders(t *testing.T) {
	x := toy(2048)
	y := hooked.NewArray(2048, toyWidth)
	for i, v := range x.Data {
		y.Data[i/toyWidth*toyWidth+(i+3)%toyWidth] = 2 * max(v, 0)
	}
	source := fit.FromArrays("blocks.0.ln2.hook_normalized", x, "blocks.0.hook_mlp_out", y, 1)
	for kind, o := range map[dictionary.Kind]fit.Objective{
		dictionary.Transcoder:         {Sparsity: 0.02},
		dictionary.JumpReLUTranscoder: {Mode: fit.LargestOfBatch, TargetL0: 4, ThresholdRate: 0.05},
	} {
		c := fit.Config{Dictionary: dictionary.Config{Kind: kind, Features: 48, Normalization: dictionary.AverageOnlyIn}, Objective: o, Steps: 200, Batch: 128,
			LearningRate: 1e-2, DeadAfter: 20}
		out, err := fit.RunOn(context.Background(), golden.PureGo(t), source, c)
		if err != nil {
			t.Fatal(err)
		}
		last, d := out.Curve[len(out.Curve)-1], out.Dictionary
		if !(last.Explained > 0.6) || d.Config.Kind != kind || d.Config.HookOut != "blocks.0.hook_mlp_out" {
			t.Errorf("%s: explains %v", d, last.Explained)
		}
		if o.TargetL0 > 0 {
			active := 0
			for _, v := range hooked.Must(d.Encode(hooked.Must(hooked.NewTensor(x, "row d_model")))).Float32s() {
				if v > 0 {
					active++
				}
			}
			if l0 := float64(active) / 2048; math.Abs(l0-o.TargetL0) > 1 {
				t.Errorf("L0 is %v, asked for were %v", l0, o.TargetL0)
			}
			asSet(t, d)
		}
	}
	if _, err := fit.Run(context.Background(), source, toyConfig(dictionary.Standard)); err == nil || !strings.Contains(err.Error(), "two sites") {
		t.Errorf("a dictionary of two sites: %v", err)
	}
}

// asSet checks that transcoders come back from circuit-tracer's files as they were.
func asSet(t *testing.T, d *dictionary.Dictionary) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "set")
	if err := hooked.Must(circuits.PerLayer(d)).Save(folder); err != nil {
		t.Fatal(err)
	}
	again := hooked.Must(circuits.Load(folder))
	for name, w := range d.Weights {
		if !slices.Equal(again.Layers[0].Weights[name].Float32s(), w.Float32s()) {
			t.Errorf("%s differs in circuit-tracer's files", name)
		}
	}
}

// interrupted is what a training comes to that keeps its state so often, is stopped at a step, and
// then goes on.
func interrupted(t *testing.T, be compute.Backend, c fit.Config, every, at int) *fit.Result {
	t.Helper()
	c.Folder, c.Every = t.TempDir(), every
	stopped := errors.New("stopped")
	c.OnStep = func(r *fit.Report) error {
		if r.Step == at {
			return stopped
		}
		return nil
	}
	if _, err := fit.RunOn(context.Background(), be, toySource(), c); !errors.Is(err, stopped) {
		t.Fatal(err)
	}
	c.OnStep = nil
	rest, err := fit.ResumeOn(context.Background(), be, toySource(), c)
	if err != nil {
		t.Fatal(err)
	}
	return rest
}

// A training that was interrupted goes on to the same weights, and the same state.
func TestResume(t *testing.T) {
	be := golden.PureGo(t)
	c := toyConfig(dictionary.BatchTopK)
	c.Steps, c.Dictionary.Normalization = 12, dictionary.AverageOnlyIn
	whole, err := fit.RunOn(context.Background(), be, toySource(), c)
	if err != nil {
		t.Fatal(err)
	}
	rest := interrupted(t, be, c, 5, 7)
	if rest.Steps != 12 || len(rest.Curve) != 5 {
		t.Errorf("%d steps, %d of them here", rest.Steps, len(rest.Curve))
	}
	if !slices.Equal(rest.Fired, whole.Fired) || rest.Dictionary.Config.Threshold != whole.Dictionary.Config.Threshold {
		t.Errorf("state differs: threshold %v, %v", rest.Dictionary.Config.Threshold, whole.Dictionary.Config.Threshold)
	}
	for name, w := range whole.Dictionary.Weights {
		if !slices.Equal(w.Float32s(), rest.Dictionary.Weights[name].Float32s()) {
			t.Errorf("%s differs", name)
		}
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*fit.Config){
		"Sparsity is 0": func(c *fit.Config) {
			c.Dictionary, c.Objective = dictionary.Config{Kind: dictionary.Standard, Features: 4}, fit.Objective{}
		},
		"Sparsity is NaN": func(c *fit.Config) {
			c.Objective.Sparsity = math.NaN()
			c.Dictionary = dictionary.Config{Kind: dictionary.Gated, Features: 4}
		},
		"Sparsity is set":         func(c *fit.Config) { c.Objective.Sparsity = 1 },
		"Bandwidth is set":        func(c *fit.Config) { c.Objective.Bandwidth = 1 },
		"AuxPerLevel is set":      func(c *fit.Config) { c.Objective.AuxPerLevel = true },
		"leave one out":           func(c *fit.Config) { c.Objective.Aux, c.Objective.WithoutAux = 1, true },
		"Threshold is set":        func(c *fit.Config) { c.Init.Threshold = 1 },
		"UnitNorm would do":       func(c *fit.Config) { c.UnitNorm = true },
		"Init.Bias is":            func(c *fit.Config) { c.Init.Bias = "median" },
		"are not trained here":    func(c *fit.Config) { c.Dictionary.Kind = dictionary.SkipTranscoder },
		"leave them empty":        func(c *fit.Config) { c.Dictionary.Hook = toySite },
		"Config.Batch is 0":       func(c *fit.Config) { c.Batch = 0 },
		"Steps is 0":              func(c *fit.Config) { c.Steps = 0 },
		"LearningRate is NaN":     func(c *fit.Config) { c.LearningRate = math.NaN() },
		"a batch of 4096 of 2048": func(c *fit.Config) { c.Batch = 4096 },
		"k is 25":                 func(c *fit.Config) { c.Dictionary.K = 25 },
		"are not trained with normalize_activations": func(c *fit.Config) { c.Dictionary.Normalization = dictionary.LayerNormed },
		"TanhScale is set, and would do nothing to a dictionary of kind \"jumprelu\"": func(c *fit.Config) {
			c.Dictionary = dictionary.Config{Kind: dictionary.JumpReLU, Features: 4}
			c.Objective = fit.Objective{Sparsity: 1, TanhScale: 2}
		},
		"TargetL0 is 0": func(c *fit.Config) {
			c.Dictionary = dictionary.Config{Kind: dictionary.JumpReLU, Features: 4}
			c.Objective = fit.Objective{Sparsity: 1, Mode: fit.Quadratic}
		},
		"the auxiliary loss does it": func(c *fit.Config) { c.Resample.Every = 10 },
		"the pre-activation loss does it": func(c *fit.Config) {
			c.Dictionary = dictionary.Config{Kind: dictionary.JumpReLU, Features: 4}
			c.Objective, c.Resample.Every = fit.Objective{Sparsity: 1}, 10
		},
		"without Resample.Every": func(c *fit.Config) {
			c.Dictionary, c.Objective.Sparsity, c.Resample.Until = dictionary.Config{Kind: dictionary.Standard, Features: 4}, 1, 10
		},
		"Resample.Every is 100, and the last step that may resample is 75": func(c *fit.Config) {
			c.Dictionary, c.Objective.Sparsity, c.Resample.Every = dictionary.Config{Kind: dictionary.Standard, Features: 4}, 1, 100
		},
		"every -1 steps": func(c *fit.Config) {
			c.Dictionary, c.Objective.Sparsity, c.Resample.Every = dictionary.Config{Kind: dictionary.Standard, Features: 4}, 1, -1
		},
		"Init.From is set": func(c *fit.Config) { c.Init = fit.Init{From: &dictionary.Dictionary{}, Seed: 1} },
	} {
		c := toyConfig(dictionary.TopK)
		change(&c)
		if _, err := fit.Run(context.Background(), toySource(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	if _, err := fit.Run(context.Background(), nil, toyConfig(dictionary.TopK)); err == nil {
		t.Error("no source, and no error")
	}
}

// Activations that are no numbers are refused; a training that diverges says so and keeps weights.
func TestNotANumber(t *testing.T) {
	x := toy(256)
	x.Data[100] = float32(math.NaN())
	c := toyConfig(dictionary.TopK)
	if _, err := fit.Run(context.Background(), fit.FromArrays(toySite, x, "", nil, 0), c); err == nil || !strings.Contains(err.Error(), "must be finite") {
		t.Errorf("NaN in the activations: %v", err)
	}
	c = toyConfig(dictionary.Standard)
	c.LearningRate, c.Optimizer = 1e12, train.SGD{}
	out, err := fit.RunOn(context.Background(), golden.PureGo(t), toySource(), c)
	if !errors.Is(err, train.ErrDiverged) {
		t.Fatalf("a learning rate of 1e12: %v", err)
	}
	if out != nil && out.Dictionary != nil && !finite(out.Dictionary.Weights["W_enc"].Float32s()) {
		t.Error("the weights are not finite")
	}
}

func finite(all []float32) bool {
	return !slices.ContainsFunc(all, func(v float32) bool { return v-v != 0 })
}

// The geometric median of points on a line is their median; unlike the mean it stays where most
// are.
func TestGeometricMedian(t *testing.T) {
	got := fit.MedianOf([]float32{0, 1, 1, 1, 2, 1, 100, 1, 3, 1}, 2)
	if math.Abs(got[0]-2) > 1e-3 || math.Abs(got[1]-1) > 1e-6 {
		t.Errorf("%v, want [2 1]", got)
	}
}

// A store and a model give the same activations, those of the BOS left out: row 0 of both begins
// with it, and so does what follows it in row 1.
func TestSourcesLeaveOutTheBOS(t *testing.T) {
	m := hooked.Must(hooked.FromPretrained("../../testdata/arch/gpt2", hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	rows := [][]int{{0, 12, 8, 200, 31, 7}, {0, 5, 0, 9, 200, 8}, {0, 3, 4, 5, 6, 7}}
	contexts := hooked.Must(corpus.FromTokens(rows))
	at := hooked.ResidPost.At(1)
	target := hooked.MLPOut.At(1)
	store := hooked.Must(activations.Harvest(context.Background(), m, contexts, activations.Config{Folder: t.TempDir(), Sites: []hooked.Site{at, target}, Batch: 1}))
	defer store.Close()
	cache := hooked.Must(m.Cache(hooked.Tokens(rows), hooked.Names(at, target)))
	var want [2][]float32
	for i, site := range []hooked.Site{at, target} {
		values, width := cache.Get(site).Float32s(), m.Config().DModel
		for place := range 18 {
			if rows[place/6][place%6] != 0 {
				want[i] = append(want[i], values[place*width:(place+1)*width]...)
			}
		}
	}
	for name, s := range map[string]*fit.Source{
		"store": fit.FromStore(store, at, fit.StoreOptions{Target: target}),
		"model": fit.FromModel(m, contexts, at, fit.ModelOptions{Target: target, Exclude: []int{0}, Rows: 2}),
	} {
		x, y, err := fit.BatchesOf(s, 14, 0, 2)
		if err != nil {
			t.Fatal(err)
		}
		for epoch := range x { // 18 tokens less 4 BOS: each epoch is a batch of all, in an order of its own
			for i, got := range [][]float32{x[epoch], y[epoch]} {
				if slices.Equal(got, want[i]) {
					t.Errorf("%s: epoch %d is in order", name, epoch)
				}
				if a, b := slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want[i])); !near(a, b) {
					t.Errorf("%s: epoch %d has other activations", name, epoch)
				}
			}
		}
		if slices.Equal(x[0], x[1]) {
			t.Errorf("%s: both epochs have the same order", name)
		}
		later, _, err := fit.BatchesOf(s, 14, 1, 1)
		if err != nil || !slices.Equal(later[0], x[1]) {
			t.Errorf("%s: beginning with the second batch gives another: %v", name, err)
		}
	}
	small := fit.FromModel(m, contexts, at, fit.ModelOptions{Exclude: []int{0}, Buffer: 1})
	if _, _, err := fit.BatchesOf(small, 14, 0, 1); err == nil || !strings.Contains(err.Error(), "no buffer") {
		t.Errorf("a buffer smaller than a batch: %v", err)
	}
	if _, _, err := fit.BatchesOf(fit.FromStore(nil, at), 1, 0, 1); err == nil {
		t.Error("no store, and no error")
	}
}

func near(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Abs(float64(x-y)) < 1e-5 })
}
