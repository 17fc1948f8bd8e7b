package fit_test

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/fit"
	"gopherlens/hooked/train"
	"gopherlens/internal/golden"

	_ "gopherlens/xla"
)

// trainingGolden is the golden.json of SAELens' trainings.
type trainingGolden struct {
	LR   float64
	Runs map[string]struct {
		Extra struct {
			L1       float64 `json:"l1_coefficient"`
			LP       float64 `json:"lp_norm"`
			L1Warm   int     `json:"l1_warm_up_steps"`
			L0       float64 `json:"l0_coefficient"`
			L0Warm   int     `json:"l0_warm_up_steps"`
			Width    float64 `json:"jumprelu_bandwidth"`
			Mode     string  `json:"jumprelu_sparsity_loss_mode"`
			Target   float64 `json:"target_l0"`
			ToInput  bool    `json:"jumprelu_ste_to_input"`
			PreAct   float64 `json:"pre_act_loss_coefficient"`
			Aux      float64 `json:"aux_loss_coefficient"`
			PerLevel bool    `json:"use_matryoshka_aux_loss"`
			Rate     float64 `json:"topk_threshold_lr"`
		}
		Tolerance         struct{ Atol float64 }
		GradientTolerance struct{ Atol float64 } `json:"gradient_tolerance"`
	}
}

// A goldenRun is one of them.
type goldenRun struct {
	t          *testing.T
	be         compute.Backend
	file       *golden.File
	cfg        fit.Config
	x          [][]float32
	batch      int
	width      int
	warm       int
	tol, grads golden.Tolerance
	averages   bool
}

func TestGoldenTrainings(t *testing.T) {
	var g trainingGolden
	golden.JSON(t, "testdata/training/golden.json", &g)
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for name := range g.Runs {
			if golden.LeftOut(be, name, "matryoshka_aux") {
				continue
			}
			t.Run(name, func(t *testing.T) {
				r := newGoldenRun(t, be, g, name)
				r.firstLoss("nodead", nil)
				r.firstLoss("dead", r.deadMask())
				r.plain()
				r.trainer()
			})
		}
	})
}

func newGoldenRun(t *testing.T, be compute.Backend, g trainingGolden, name string) *goldenRun {
	dir := filepath.Join("testdata/training", name)
	r := &goldenRun{t: t, be: be, file: golden.Open(t, filepath.Join(dir, "golden.safetensors"))}
	all, shape := golden.Open(t, "testdata/training/batches.safetensors").Floats("x")
	r.batch, r.width = shape[1], shape[2]
	for i := range shape[0] {
		r.x = append(r.x, all[i*r.batch*r.width:(i+1)*r.batch*r.width])
	}
	d := hooked.Must(dictionary.Load(dir))
	c := d.Config
	r.averages = c.Normalization == dictionary.AverageOnlyIn
	c.Hook, c.HookOut, c.Model, c.DIn, c.DOut = "", "", "", 0, 0
	e := g.Runs[name].Extra
	r.warm = e.L1Warm + e.L0Warm
	r.cfg = fit.Config{Dictionary: c, Init: fit.Init{From: d}, Steps: len(r.x), Batch: r.batch, LearningRate: g.LR,
		Objective: fit.Objective{Sparsity: e.L1 + e.L0, Norm: e.LP, Bandwidth: e.Width, Mode: fit.Mode(e.Mode), TargetL0: e.Target, ToInput: e.ToInput,
			PreAct: e.PreAct, Aux: e.Aux, AuxPerLevel: e.PerLevel, ThresholdRate: e.Rate}}
	r.tol = golden.Tolerance{Abs: g.Runs[name].Tolerance.Atol}
	r.grads = golden.Tolerance{Abs: g.Runs[name].GradientTolerance.Atol}
	return r
}

func (r *goldenRun) source() *fit.Source {
	return fit.FromBatches("blocks.1.hook_resid_pre", r.width, r.x)
}

func (r *goldenRun) deadMask() []bool {
	values, _ := r.file.Floats("dead_mask")
	mask := make([]bool, len(values))
	for i, v := range values {
		mask[i] = v != 0
	}
	return mask
}

func (r *goldenRun) same(name string, got []float32, tol golden.Tolerance) {
	r.t.Helper()
	want, _ := r.file.Floats(name)
	golden.Close(r.t, name, got, want, tol)
}

// terms compares the terms of a loss with the fixture's. Without dead features there is no term for
// them, where SAELens has a zero.
func (r *goldenRun) terms(prefix string, got map[string]float32) {
	r.t.Helper()
	names := r.file.Names(prefix)
	if len(names) == 0 {
		r.t.Fatalf("no terms %s", prefix)
	}
	for _, name := range names {
		r.same(prefix+name, []float32{got[name]}, r.tol)
	}
}

// firstLoss checks the loss on the first batch, and its gradients.
func (r *goldenRun) firstLoss(tag string, dead []bool) {
	r.t.Helper()
	cfg := r.cfg
	terms, grads, err := fit.FirstLoss(r.be, r.source(), cfg, &hooked.Array{Shape: []int{r.batch, r.width}, Data: r.x[0]}, dead)
	if err != nil {
		r.t.Fatal(err)
	}
	r.terms(tag+"/losses/", terms)
	for name, g := range grads {
		r.same(tag+"/grad/"+name, g, r.grads)
	}
}

// plain checks five steps of Adam without clipping, warm-up or dead features.
func (r *goldenRun) plain() {
	r.t.Helper()
	cfg := r.cfg
	cfg.Dictionary.Normalization = ""
	r.fit("plain", cfg)
}

// trainer checks five steps of SAELens' trainer.
func (r *goldenRun) trainer() {
	r.t.Helper()
	cfg := r.cfg
	cfg.Clip, cfg.DeadAfter = 1, 1
	if r.warm > 0 {
		cfg.Objective.Warmup = train.Delayed(train.Warmup(r.warm))
	}
	out := r.fit("trainer", cfg)
	fired := make([]float32, len(out.Fired))
	for i, n := range out.Fired {
		fired[i] = float32(n)
	}
	r.same("trainer/act_freq_scores", fired, golden.Tolerance{})
	if r.averages {
		for _, name := range r.file.Names("trainer/folded/") {
			r.same("trainer/folded/"+name, r.unfolded(out, name), r.tol)
		}
	}
}

// unfolded is a weight of a result as it was before its decoder's norms were folded in.
func (r *goldenRun) unfolded(out *fit.Result, name string) []float32 {
	values := slices.Clone(out.Dictionary.Weights[name].Float32s())
	dec, shape := r.file.Floats("trainer/folded/W_dec")
	for i := range values {
		feature := i % shape[0] // of W_enc and b_enc
		switch name {
		case "b_dec":
			continue
		case "W_dec":
			feature = i / shape[1]
		}
		sum := 0.0
		for _, v := range dec[feature*shape[1] : (feature+1)*shape[1]] {
			sum += float64(v) * float64(v)
		}
		if norm := float32(math.Sqrt(sum)); name == "W_dec" {
			values[i] *= norm
		} else {
			values[i] /= norm
		}
	}
	return values
}

func (r *goldenRun) fit(tag string, cfg fit.Config) *fit.Result {
	r.t.Helper()
	cfg.OnStep = func(p *fit.Report) error {
		r.t.Helper()
		step := tag + "/step" + string(rune('0'+p.Step-1))
		r.same(step+"/loss", []float32{float32(p.Loss)}, r.tol)
		if tag == "trainer" {
			r.same(step+"/l0", []float32{float32(p.L0)}, golden.Tolerance{Rel: 1e-6})
			terms := make(map[string]float32)
			for name, v := range p.Terms {
				terms[name] = float32(v)
			}
			r.terms(step+"/losses/", terms)
		}
		after := step + "/after/"
		if tag == "plain" && p.Step == cfg.Steps {
			after = "plain/after/"
		}
		if len(r.file.Names(after)) == 0 {
			return nil
		}
		r.after(after, p)
		return nil
	}
	out, err := fit.RunOn(context.Background(), r.be, r.source(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	if out.Steps != cfg.Steps {
		r.t.Errorf("%d steps", out.Steps)
	}
	return out
}

// after compares weights and threshold after a step.
func (r *goldenRun) after(prefix string, p *fit.Report) {
	r.t.Helper()
	weights, state := hooked.Must(fit.VariablesOf(p)), hooked.Must(fit.StateOf(p))
	for _, name := range r.file.Names(prefix) {
		if name == "topk_threshold" {
			r.same(prefix+name, []float32{float32(tensors.ToScalar[float64](state["threshold"]))}, r.tol)
			continue
		}
		r.same(prefix+name, weights[name].Data, r.tol)
	}
}
