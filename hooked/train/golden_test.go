package train_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/internal/golden"

	_ "gopherlens/xla"
)

// The fixtures are PyTorch's optimizers on TransformerLens' models, see internal/golden/gen.

// fixture is a folder of testdata.
type fixture struct {
	dir  string
	Site string
	// Cases are trainings by name.
	Cases map[string]struct {
		Optimizer string
		Options   struct {
			LR          float64 `json:"lr"`
			WeightDecay float64 `json:"weight_decay"`
			Momentum    float64
			Nesterov    bool
			Betas       [2]float64
		}
		Clip       float64
		Accumulate int
		Only       string
		Loss       string
		Edit       bool
		Schedule   bool

		Losses        []float64
		LearningRates []float64 `json:"learning_rates"`
		GradNorms     []float64 `json:"grad_norms"`
		FinalLoss     float64   `json:"loss_of_batch_0_after_the_last_step"`
		ZeroGradient  []string  `json:"zero_gradient_parameters"`
		Unchanged     []string  `json:"unchanged_parameters"`
		Tolerance     struct {
			Abs float64 `json:"suggested_atol"`
			Rel float64 `json:"suggested_rtol"`
		}
	}
}

func fixtures(t testing.TB) (all []*fixture) {
	for _, name := range []string{"attn_only_2l", "modular_1l"} {
		f := &fixture{dir: filepath.Join("testdata", name)}
		golden.JSON(t, filepath.Join(f.dir, "golden.json"), f)
		all = append(all, f)
	}
	return all
}

func (f *fixture) modular() bool { return filepath.Base(f.dir) == "modular_1l" }

// model is that of a file of weights in TransformerLens' format.
func (f *fixture) model(t testing.TB, be compute.Backend, weights string) *hooked.Model {
	t.Helper()
	dir := t.TempDir()
	link(t, filepath.Join(f.dir, "cfg.json"), filepath.Join(dir, "cfg.json"))
	link(t, filepath.Join(f.dir, weights+".safetensors"), filepath.Join(dir, "model.safetensors"))
	m, err := hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// batches are the fixture's in order, with the tokens and labels that a loss reads.
func (f *fixture) batches(t testing.TB, loss string) train.Data {
	file := golden.Open(t, filepath.Join(f.dir, "batches.safetensors"))
	tokens := cube(t, file, map[bool]string{true: "padded_tokens", false: "tokens"}[loss == "masked"])
	var mask [][][]int
	if loss == "masked" {
		mask = cube(t, file, "mask")
	}
	var target [][]int
	if f.modular() {
		target = file.Ints("target")
	}
	sites, shape := file.Floats("site_target")
	size := len(sites) / len(tokens)
	return train.From(func(yield func(train.Batch) bool) {
		for i := range tokens {
			b := train.Batch{Tokens: tokens[i]}
			if mask != nil {
				b.Mask = mask[i]
			}
			switch {
			case loss == "site":
				b.Labels = map[string]any{"target": &hooked.Array{Shape: shape[1:], Data: sites[i*size : (i+1)*size]}}
			case f.modular() && loss != "kl":
				b.Labels = map[string]any{"target": target[i]}
			}
			if !yield(b) {
				return
			}
		}
	})
}

// cube is an int64 tensor [step, batch, pos].
func cube(t testing.TB, file *golden.File, name string) (out [][][]int) {
	t.Helper()
	values, shape := file.Floats(name)
	for s := range shape[0] {
		rows := make([][]int, shape[1])
		for i := range rows {
			for k := range shape[2] {
				rows[i] = append(rows[i], int(values[(s*shape[1]+i)*shape[2]+k]))
			}
		}
		out = append(out, rows)
	}
	return out
}

// config is the training of a case.
func (f *fixture) config(t testing.TB, be compute.Backend, name string) train.Config {
	c := f.Cases[name]
	o := c.Options
	cfg := train.Config{Data: f.batches(t, c.Loss), Steps: len(c.Losses), LearningRate: o.LR, Clip: c.Clip, Accumulate: c.Accumulate}
	switch c.Optimizer {
	case "SGD":
		cfg.Optimizer = train.SGD{Momentum: o.Momentum, Nesterov: o.Nesterov, L2: o.WeightDecay}
	case "Adam":
		cfg.Optimizer = train.Adam{Betas: o.Betas, L2: o.WeightDecay}
	case "AdamW":
		cfg.Optimizer = train.AdamW{Betas: o.Betas, Decay: o.WeightDecay}
	}
	if c.Schedule {
		cfg.Schedule = train.WarmupCosine(5, 20)
	}
	if c.Only != "" {
		cfg.Only = []string{c.Only + "*"}
	}
	if c.Edit {
		cfg.Edits = []hooked.Option{hooked.Edit(hooked.AttnZ.At(0), hooked.ZeroHead(1))}
	}
	last := []int{}
	if f.modular() {
		last = []int{-1}
	}
	switch {
	case c.Loss == "site":
		cfg.Loss = train.Regression(f.Site, "target")
	case c.Loss == "kl":
		cfg.Loss = train.KL(f.model(t, be, "teacher"), last...)
	case f.modular():
		cfg.Loss = train.CrossEntropy("target", last...)
	}
	return cfg
}

// TestOptimizers trains every case and compares losses, norms and weights with PyTorch's.
func TestOptimizers(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, f := range fixtures(t) {
			for name := range f.Cases {
				name := filepath.Base(f.dir) + "/" + name
				if golden.LeftOut(be, name, "attn_only_2l/adam_masked", "modular_1l/sgd_nesterov_l2", "modular_1l/adamw_site") {
					continue // XLA takes seconds to compile a step
				}
				t.Run(name, func(t *testing.T) { f.compare(t, be, filepath.Base(name)) })
			}
		}
	})
}

func (f *fixture) compare(t *testing.T, be compute.Backend, name string) {
	c := f.Cases[name]
	tol := golden.Tolerance{Abs: c.Tolerance.Abs, Rel: c.Tolerance.Rel}
	file := golden.Open(t, filepath.Join(f.dir, name+".safetensors"))
	cfg := f.config(t, be, name)
	start := f.model(t, be, "init")
	before := hooked.Must(start.StateDict())
	cfg.OnStep = func(r *train.Report) error {
		for what, pair := range map[string][2]float64{
			"loss":          {r.Loss, c.Losses[r.Step-1]},
			"learning rate": {r.LearningRate, c.LearningRates[r.Step-1]},
			"gradient norm": {r.GradientNorm, c.GradNorms[r.Step-1]},
		} {
			if !(math.Abs(pair[0]-pair[1]) <= 2e-5*max(1, math.Abs(pair[1]))) {
				t.Errorf("step %d: %s %v, want %v", r.Step, what, pair[0], pair[1])
			}
		}
		if r.Step == 1 || r.Step == 5 {
			m, err := r.Model()
			if err != nil {
				return err
			}
			compareWeights(t, file, fmt.Sprintf("step%d/", r.Step), m, c.ZeroGradient, tol)
		}
		return nil
	}
	out, err := train.Run(context.Background(), start, cfg)
	if err != nil {
		t.Fatal(err)
	}
	compareWeights(t, file, "step20/", out.Model, c.ZeroGradient, tol)
	after := hooked.Must(out.Model.StateDict())
	for _, name := range c.Unchanged {
		if !slices.Equal(after[name].Data, before[name].Data) {
			t.Errorf("%s has no gradient, and was changed", name)
		}
	}
	if again := hooked.Must(start.StateDict()); !slices.Equal(again["embed.W_E"].Data, before["embed.W_E"].Data) {
		t.Error("the model that the training began with was changed")
	}
}

// compareWeights compares all weights but those whose gradient is rounding alone.
func compareWeights(t *testing.T, file *golden.File, prefix string, m *hooked.Model, leftOut []string, tol golden.Tolerance) {
	t.Helper()
	sd := hooked.Must(m.StateDict())
	names := file.Names(prefix)
	if len(names) == 0 {
		t.Fatalf("no weights %s in the fixture", prefix)
	}
	for _, name := range names {
		if slices.Contains(leftOut, name) {
			continue
		}
		want, _ := file.Floats(prefix + name)
		golden.Close(t, prefix+name, sd[name].Data, want, tol)
	}
}
