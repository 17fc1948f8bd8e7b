package train_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/internal/golden"
)

// toy is a model of a layer that can learn addition modulo 7.
func toy(t testing.TB, be compute.Backend) *hooked.Model {
	t.Helper()
	m, err := hooked.New(hooked.Config{ModelName: "toy", NLayers: 1, DModel: 16, NHeads: 2, DHead: 8, DMLP: 32, NCtx: 3, DVocab: 8, DVocabOut: 7,
		ActFn: "relu", InitMode: "gpt2", InitializerRange: 0.2, Seed: 3}, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func additions(t testing.TB) train.Batch {
	t.Helper()
	b, err := train.ModularAddition(7)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sums is a training of toy that takes some steps.
func sums(t testing.TB, steps int) train.Config {
	return train.Config{Data: additions(t).Shuffled(16, 1), Loss: train.CrossEntropy("sum", -1), Steps: steps, LearningRate: 1e-2,
		Optimizer: train.AdamW{Decay: 0.1}, Schedule: train.WarmupCosine(3, steps)}
}

func mustRun(t testing.TB, m *hooked.Model, cfg train.Config) *train.Result {
	t.Helper()
	out, err := train.Run(context.Background(), m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameWeights(t testing.TB, what string, a, b *hooked.Model) {
	t.Helper()
	if !reflect.DeepEqual(hooked.Must(a.StateDict()), hooked.Must(b.StateDict())) {
		t.Errorf("%s: the weights differ", what)
	}
}

// TestSameSeedSameNumbers holds that a training can be repeated to the last digit.
func TestSameSeedSameNumbers(t *testing.T) {
	be := golden.PureGo(t)
	a, b := mustRun(t, toy(t, be), sums(t, 12)), mustRun(t, toy(t, be), sums(t, 12))
	sameWeights(t, "twice the same", a.Model, b.Model)
	if !reflect.DeepEqual(a.Curve, b.Curve) {
		t.Error("the curves differ")
	}
	other := sums(t, 12)
	other.Data = additions(t).Shuffled(16, 2)
	if c := mustRun(t, toy(t, be), other); c.Curve[0].Loss == a.Curve[0].Loss {
		t.Error("another seed gives the same batch")
	}
}

// TestResume holds that a training which is interrupted and resumed comes to the weights of one
// that is not, and that its folder opens as a sequence of models.
func TestResume(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		optimizers := map[string]train.Optimizer{"adamw": train.AdamW{Decay: 0.1}, "sgd": train.SGD{Momentum: 0.9}}
		for name, optimizer := range optimizers {
			if golden.LeftOut(be, name, "adamw") {
				continue
			}
			t.Run(name, func(t *testing.T) { testResume(t, be, optimizer) })
		}
	})
}

func testResume(t *testing.T, be compute.Backend, optimizer train.Optimizer) {
	m := toy(t, be)
	cfg := sums(t, 12)
	cfg.Optimizer, cfg.Accumulate, cfg.Clip, cfg.Only = optimizer, 2, 1, []string{"blocks.*", "unembed.*"}
	whole := mustRun(t, m, cfg)

	ctx, interrupt := context.WithCancelCause(context.Background())
	cfg.Folder, cfg.Every = filepath.Join(t.TempDir(), "run"), 2
	pressed := errors.New("the stop button")
	cfg.OnStep = func(r *train.Report) error {
		if r.Step == 7 {
			interrupt(pressed)
		}
		return nil
	}
	out, err := train.Run(ctx, m, cfg)
	if !errors.Is(err, pressed) || out == nil || out.Steps != 7 || len(out.Curve) != 7 {
		t.Fatalf("interrupted after step 7: %v, %+v", err, out)
	}
	kept, err := train.Checkpoints(cfg.Folder)
	if err != nil || !slices.EqualFunc(kept, []int{2, 4, 6, 7}, func(c train.Checkpoint, step int) bool { return c.Step == step }) {
		t.Fatalf("checkpoints %+v, %v", kept, err)
	}
	last, err := kept[3].Model(hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	sameWeights(t, "the checkpoint of the interruption", last, out.Model)

	cfg.OnStep = nil
	if _, err := train.Run(context.Background(), m, cfg); err == nil || !strings.Contains(err.Error(), "Resume") {
		t.Errorf("a second training in the folder: %v", err)
	}
	resumed, err := train.Resume(context.Background(), m, cfg)
	if err != nil {
		t.Fatal(err)
	}
	sameWeights(t, "resumed", resumed.Model, whole.Model)
	if want := whole.Curve[7:]; !reflect.DeepEqual(resumed.Curve, want) {
		t.Errorf("resumed curve %+v, want %+v", resumed.Curve, want)
	}
	if left, _ := filepath.Glob(filepath.Join(cfg.Folder, ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestResumeRefuses holds that a training goes on as it began or not at all.
func TestResumeRefuses(t *testing.T) {
	be := golden.PureGo(t)
	cfg := sums(t, 4)
	cfg.Folder, cfg.Only = filepath.Join(t.TempDir(), "run"), []string{"blocks.*"}
	mustRun(t, toy(t, be), cfg)
	cfg.Steps = 6
	for _, c := range []struct {
		want   string
		change func(*train.Config)
	}{
		{"SGD", func(c *train.Config) { c.Optimizer = train.SGD{} }},
		{"clip 2", func(c *train.Config) { c.Clip = 2 }},
		{"trains", func(c *train.Config) { c.Only = nil }},
		{"ask for more", func(c *train.Config) { c.Steps = 4 }},
		{"no training", func(c *train.Config) { c.Folder = t.TempDir() }},
		{"Folder is empty", func(c *train.Config) { c.Folder = "" }},
	} {
		changed := cfg
		c.change(&changed)
		if _, err := train.Resume(context.Background(), toy(t, be), changed); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want an error with %q, got %v", c.want, err)
		}
	}
	stranger := hooked.Must(hooked.New(func() hooked.Config { c := toy(t, be).Config(); c.Seed = 4; return c }(), hooked.LoadOptions{Backend: be}))
	if _, err := train.Resume(context.Background(), stranger, cfg); err == nil {
		t.Error("a model with other frozen weights was taken")
	}
	if out, err := train.Resume(context.Background(), toy(t, be), cfg); err != nil || out.Steps != 6 || len(out.Curve) != 2 {
		t.Errorf("two more steps: %+v, %v", out, err)
	}
}

// TestDiverged holds that a step whose loss or gradient is no number is named, and leaves the
// weights of the step before.
func TestDiverged(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for name, spoil := range map[string]func(x *graph.Node) *graph.Node{
			"loss":     func(x *graph.Node) *graph.Node { return graph.Log(graph.Neg(graph.Abs(x))) },
			"gradient": func(x *graph.Node) *graph.Node { return graph.Sqrt(graph.Mul(x, graph.ZerosLike(x))) },
		} {
			if golden.LeftOut(be, name, "loss") {
				continue
			}
			t.Run(name, func(t *testing.T) { testDiverged(t, be, name, spoil) })
		}
	})
}

func testDiverged(t *testing.T, be compute.Backend, what string, spoil func(x *graph.Node) *graph.Node) {
	m := toy(t, be)
	cfg := sums(t, 3)
	good := mustRun(t, m, func() train.Config { c := cfg; c.Steps = 2; return c }())

	// The label says whether the batch spoils the loss.
	batch := 0
	cfg.Data = func(yield func(train.Batch, error) bool) {
		for b, err := range additions(t).Shuffled(16, 1) {
			if batch++; batch == 3 {
				b.Labels["spoilt"] = slices.Repeat([]float64{1}, len(b.Tokens))
			} else {
				b.Labels["spoilt"] = make([]float64, len(b.Tokens))
			}
			if !yield(b, err) {
				return
			}
		}
	}
	task := train.CrossEntropy("sum", -1)
	cfg.Loss = train.Sum(task, train.Loss{Logits: true, Labels: []string{"spoilt"}, Of: func(p *train.Pass) *graph.Node {
		x := spoil(graph.ReduceAllMean(p.Logits()))
		return graph.Where(graph.GreaterThan(graph.ReduceAllMax(p.Label("spoilt")), graph.ScalarZero(x.Graph(), x.DType())), x, graph.ScalarZero(x.Graph(), x.DType()))
	}})
	if what == "gradient" { // Where's other branch has one too: only the third batch is spoilt
		cfg.Loss = train.Sum(task, train.Loss{Logits: true, Labels: []string{"spoilt"}, Of: func(p *train.Pass) *graph.Node {
			x := graph.ReduceAllMean(p.Logits())
			return graph.Sqrt(graph.Add(graph.Mul(x, graph.ScalarZero(x.Graph(), x.DType())), graph.OneMinus(graph.ReduceAllMax(p.Label("spoilt")))))
		}})
	}
	out, err := train.Run(context.Background(), m, cfg)
	if !errors.Is(err, train.ErrDiverged) || !strings.Contains(err.Error(), "step 3: the "+map[string]string{"loss": "loss", "gradient": "norm"}[what]) {
		t.Fatalf("%v", err)
	}
	if out == nil || out.Steps != 2 {
		t.Fatalf("%+v", out)
	}
	if what == "gradient" {
		for name, a := range hooked.Must(out.Model.StateDict()) {
			if slices.ContainsFunc(a.Data, func(v float32) bool { return math.IsNaN(float64(v)) }) {
				t.Errorf("%s is not a number", name)
			}
		}
		return
	}
	for name, a := range hooked.Must(good.Model.StateDict()) {
		if strings.HasSuffix(name, "b_K") { // whose gradient is rounding alone
			continue
		}
		golden.Close(t, name, hooked.Must(out.Model.StateDict())[name].Data, a.Data, golden.Tolerance{Abs: 1e-6})
	}
}

// TestEvaluation compares the evaluation with runs of the model, and stops when it does not fall.
func TestEvaluation(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := toy(t, be)
		all := additions(t)
		cfg := sums(t, 10)
		cfg.Eval = train.Evaluation{Data: all.InOrder(20), Every: 5, Metrics: map[string]train.Loss{"accuracy": train.Accuracy("sum", -1)}}
		out := mustRun(t, m, cfg)
		for i, p := range out.Curve {
			if got := p.Eval != nil; got != (p.Step%5 == 0) {
				t.Errorf("step %d: evaluated is %t", i+1, got)
			}
		}
		logits := hooked.Must(out.Model.Run(all.Tokens)).Float32s()
		loss, right := 0., 0.
		for i, sum := range all.Labels["sum"].([]int) {
			row := logits[(i*3+2)*7:][:7]
			total, best := 0., 0
			for k, v := range row {
				if total += math.Exp(float64(v)); v > row[best] {
					best = k
				}
			}
			loss += math.Log(total) - float64(row[sum])
			if best == sum {
				right++
			}
		}
		n := float64(len(all.Tokens))
		got := out.Curve[9].Eval
		if math.Abs(got["loss"]-loss/n) > 1e-5 || math.Abs(got["accuracy"]-right/n) > 1e-6 {
			t.Errorf("evaluated %v, want loss %v, accuracy %v", got, loss/n, right/n)
		}
	})
}

// TestLabelsOfMetrics holds that a label which only a metric reads may be in the training's
// batches, as after a split, or be missing there.
func TestLabelsOfMetrics(t *testing.T) {
	m := toy(t, golden.PureGo(t))
	both := additions(t)
	both.Labels["twice"] = both.Labels["sum"]
	for name, data := range map[string]train.Batch{"there": both, "missing": additions(t)} {
		cfg := sums(t, 2)
		cfg.Data = data.Full()
		cfg.Eval = train.Evaluation{Data: both.Full(), Metrics: map[string]train.Loss{"twice": train.CrossEntropy("twice", -1)}}
		out := mustRun(t, m, cfg)
		if e := out.Curve[1].Eval; !(math.Abs(e["twice"]-e["loss"]) <= 1e-6) {
			t.Errorf("%s: %v", name, e)
		}
	}
}

// TestInterruptedEvaluation holds that a step whose evaluation is interrupted is in the curve.
func TestInterruptedEvaluation(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cfg := sums(t, 5)
	cfg.Eval = train.Evaluation{Every: 2, Data: train.From(func(yield func(train.Batch) bool) { cancel(); yield(additions(t)) })}
	out, err := train.Run(ctx, toy(t, golden.PureGo(t)), cfg)
	if !errors.Is(err, context.Canceled) || out == nil || out.Steps != 2 || len(out.Curve) != 2 {
		t.Fatalf("%+v, %v", out, err)
	}
}

func TestPatience(t *testing.T) {
	m := toy(t, golden.PureGo(t))
	cfg := sums(t, 50)
	cfg.LearningRate = 1e-20 // nothing changes
	cfg.Eval = train.Evaluation{Data: additions(t).Full(), Every: 3, Patience: 2}
	if out := mustRun(t, m, cfg); out.Steps != 9 {
		t.Errorf("stopped after %d steps, want 3 evaluations of 3", out.Steps)
	}
	cfg.Eval = train.Evaluation{}
	cfg.OnStep = func(r *train.Report) error {
		if r.Step == 4 {
			return train.ErrStop
		}
		return nil
	}
	if out := mustRun(t, m, cfg); out.Steps != 4 {
		t.Errorf("ErrStop after step 4: %d steps", out.Steps)
	}
}

// TestRefused holds that what cannot be trained is known before the first step.
func TestRefused(t *testing.T) {
	be := golden.PureGo(t)
	one := additions(t)
	with := func(change func(*train.Batch)) train.Data {
		b := additions(t)
		change(&b)
		return b.Full()
	}
	for want, change := range map[string]func(*train.Config){
		"Data is nil":         func(c *train.Config) { c.Data = nil },
		"Steps is 0":          func(c *train.Config) { c.Steps = 0 },
		"LearningRate is NaN": func(c *train.Config) { c.LearningRate = math.NaN() },
		"LearningRate is 0":   func(c *train.Config) { c.LearningRate = 0 },
		"Clip is NaN":         func(c *train.Config) { c.Clip = math.NaN() },
		"Clip is +Inf":        func(c *train.Config) { c.Clip = math.Inf(1) },
		"no function Of": func(c *train.Config) {
			c.Loss = train.Loss{Check: func(train.Batch, hooked.Config) error { return nil }}
		},
		"Accumulate is -1":    func(c *train.Config) { c.Accumulate = -1 },
		"no such number of":   func(c *train.Config) { c.Accumulate = 3 },
		"Folder":              func(c *train.Config) { c.Every = 3 },
		"Betas[0] is 1":       func(c *train.Config) { c.Optimizer = train.Adam{Betas: [2]float64{1, 0.9}} },
		"Nesterov":            func(c *train.Config) { c.Optimizer = train.SGD{Nesterov: true} },
		"no Data to evaluate": func(c *train.Config) { c.Eval.Every = 2 },
		`matches no weight`:   func(c *train.Config) { c.Only = []string{"block.0.*"} },
		"unknown hook":        func(c *train.Config) { c.Loss = train.L1("hook_mlp_poost") },
		"is_not_there":        func(c *train.Config) { c.Loss = train.CrossEntropy("is_not_there", -1) },
		"neither loss nor":    func(c *train.Config) { c.Loss = train.L2("mlp_post") },
		"no next token":       func(c *train.Config) { c.Loss = train.Loss{}; c.Data = with(func(b *train.Batch) { b.Labels = nil }) },
		"class 9":             func(c *train.Config) { c.Data = with(func(b *train.Batch) { b.Labels["sum"].([]int)[5] = 9 }) },
		"class -1":            func(c *train.Config) { c.Data = with(func(b *train.Batch) { b.Labels["sum"].([]int)[5] = -1 }) },
		"token 8":             func(c *train.Config) { c.Data = with(func(b *train.Batch) { b.Tokens[3][1] = 8 }) },
		"48 rows, the": func(c *train.Config) {
			c.Data = train.From(func(yield func(train.Batch) bool) {
				b := additions(t)
				b.Labels["sum"] = b.Labels["sum"].([]int)[1:]
				yield(b)
			})
		},
		"batches of 50 rows": func(c *train.Config) { c.Data = one.Shuffled(50, 1) },
		"position 3":         func(c *train.Config) { c.Loss = train.CrossEntropy("sum", 3) },
		"has no batches":     func(c *train.Config) { c.Data = train.From(func(func(train.Batch) bool) {}) },
		"mask has 1 rows": func(c *train.Config) {
			c.Data = train.From(func(yield func(train.Batch) bool) { b := additions(t); b.Mask = [][]int{{1, 1, 1}}; yield(b) })
		},
		"must be a single": func(c *train.Config) { c.Loss.Of = func(p *train.Pass) *graph.Node { return p.LogitsAt(-1) } },
		"add it to Loss.At": func(c *train.Config) {
			c.Loss.Of = func(p *train.Pass) *graph.Node { return graph.ReduceAllMean(p.LogitsAt(0)) }
		},
		"read them with LogitsAt": func(c *train.Config) {
			c.Loss.Of = func(p *train.Pass) *graph.Node { return graph.ReduceAllMean(p.Logits()) }
		},
		"Logits is not set": func(c *train.Config) { c.Loss.Logits = false },
		"no row has a token": func(c *train.Config) {
			c.Data = with(func(b *train.Batch) { b.Mask = slices.Repeat([][]int{{1, 1, 0}}, len(b.Tokens)) })
		},
		"add it to Loss.Sites": func(c *train.Config) {
			c.Loss.Of = func(p *train.Pass) *graph.Node { return graph.ReduceAllMean(p.Site("mlp_post")) }
		},
		"set NextToken: true": func(c *train.Config) { c.Loss.Of = (*train.Pass).NextToken },
		"depends on none":     func(c *train.Config) { c.Loss = train.Accuracy("sum", -1) },
		"does not take Observe": func(c *train.Config) {
			c.Edits = []hooked.Option{hooked.Observe("mlp_post", func(*hooked.Tensor, hooked.Site) {})}
		},
		"the model is nil": func(c *train.Config) { c.Loss = train.KL(nil) },
	} {
		cfg := sums(t, 5)
		cfg.OnStep = func(*train.Report) error { t.Errorf("%s: a step was taken", want); return train.ErrStop }
		change(&cfg)
		if _, err := train.Run(context.Background(), toy(t, be), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		} else if len(err.Error()) > 600 {
			t.Errorf("an error of %d bytes: %s", len(err.Error()), err)
		}
	}
	if _, err := train.Run(context.Background(), nil, sums(t, 5)); err == nil {
		t.Error("a nil model was trained")
	}
	cfg := sums(t, 5)
	cfg.Folder = filepath.Join(t.TempDir(), "run")
	cfg.Data = with(func(b *train.Batch) { b.Labels["sum"].([]int)[5] = 9 })
	if _, err := train.Run(context.Background(), toy(t, be), cfg); err == nil {
		t.Error("class 9 was trained on")
	}
	if _, err := os.Stat(cfg.Folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a training that could not begin has left a folder: %v", err)
	}
}

// TestDonation holds that the model that a training begins with keeps its weights, and that a model
// out of OnStep keeps its own while the training goes on.
func TestDonation(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := toy(t, be)
		before := hooked.Must(m.StateDict())
		var second *hooked.Model
		var its hooked.StateDict
		cfg := sums(t, 6)
		cfg.OnStep = func(r *train.Report) (err error) {
			if r.Step == 2 {
				second, err = r.Model()
				its = hooked.Must(second.StateDict())
			}
			return err
		}
		out := mustRun(t, m, cfg)
		if !reflect.DeepEqual(hooked.Must(m.StateDict()), before) {
			t.Error("the model that the training began with has changed")
		}
		if !reflect.DeepEqual(hooked.Must(second.StateDict()), its) {
			t.Error("the model of step 2 has changed")
		}
		for _, one := range []*hooked.Model{m, second, out.Model} {
			if _, err := one.Run(additions(t).Tokens); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestTaps holds that a loss may read a value which an edit has named: twice an activation has four
// times its square.
func TestTaps(t *testing.T) {
	be := golden.PureGo(t)
	cfg := sums(t, 4)
	cfg.Optimizer = train.SGD{}
	task := cfg.Loss
	cfg.Loss = train.Sum(task, train.L2("blocks.0.mlp.hook_post").Times(4))
	want := mustRun(t, toy(t, be), cfg)
	cfg.Loss = train.Sum(task, train.L2("blocks.0.mlp.hook_post.doubled"))
	cfg.Edits = []hooked.Option{hooked.Edit(hooked.MLPPost.At(0), func(x *graph.Node, _ hooked.Site) *graph.Node {
		return graph.MulScalar(hooked.Tap("doubled", graph.MulScalar(x, 2), "batch pos d_mlp"), 0.5)
	})}
	got := mustRun(t, toy(t, be), cfg)
	for name, a := range hooked.Must(want.Model.StateDict()) {
		golden.Close(t, name, hooked.Must(got.Model.StateDict())[name].Data, a.Data, golden.Tolerance{Abs: 1e-6})
	}
	cfg.Edits = nil
	if _, err := train.Run(context.Background(), toy(t, be), cfg); err == nil || !strings.Contains(err.Error(), "make it in an edit") && !strings.Contains(err.Error(), "doubled") {
		t.Errorf("a tap that no edit makes: %v", err)
	}
}

// TestMask holds that ready losses leave pads out: a row of two tokens and one of three are worth
// two and three fifths of what they are alone.
func TestMask(t *testing.T) {
	be := golden.PureGo(t)
	m, other := toy(t, be), hooked.Must(hooked.New(func() hooked.Config { c := toy(t, be).Config(); c.Seed = 4; return c }(), hooked.LoadOptions{Backend: be}))
	target := func(rows, pos int) *hooked.Array {
		a := &hooked.Array{Shape: []int{rows, pos, 16}}
		for range rows {
			for k := range pos * 16 {
				a.Data = append(a.Data, float32(k%5))
			}
		}
		return a
	}
	batch := func(row, label []int) train.Batch {
		return train.Batch{Tokens: hooked.Tokens{row}, Labels: map[string]any{"next": [][]int{label}}}
	}
	short, long := batch([]int{1, 2}, []int{3, 4}), batch([]int{4, 5, 6}, []int{0, 1, 2})
	both := train.Batch{Tokens: hooked.Tokens{{1, 2, 7}, {4, 5, 6}}, Mask: [][]int{{1, 1, 0}, {1, 1, 1}}, Labels: map[string]any{"next": [][]int{{3, 4, -100}, {0, 1, 2}}}}
	loss := func(l train.Loss, b train.Batch) float64 {
		switch l.Name {
		case "regression to target":
			b.Labels = map[string]any{"target": target(len(b.Tokens), len(b.Tokens[0]))}
		case "KL", "L1", "L2":
			b.Labels = nil
		}
		// accuracy has no gradient
		out := mustRun(t, m, train.Config{Data: b.Full(), Loss: train.Sum(l, train.L2("hook_embed").Times(0)), Steps: 1, LearningRate: 1e-9})
		return out.Curve[0].Loss
	}
	for _, l := range []train.Loss{
		train.CrossEntropy("next"), train.Accuracy("next"), train.KL(other), train.L1("pattern"), train.L2("mlp_post"), train.Regression("blocks.0.hook_resid_post", "target"),
	} {
		one, two, got := loss(l, short), loss(l, long), loss(l, both)
		want := (2*one + 3*two) / 5
		if l.Name == "L1" { // of patterns whose rows sum to one, among as many keys as the batch has
			want = 1. / 3
		}
		if !(math.Abs(got-want) <= 1e-6*max(1, math.Abs(want))) || l.Name != "accuracy of next" && !(want > 0) {
			t.Errorf("%s: %v, want %v of %v and %v", l.Name, got, want, one, two)
		}
	}
}

// TestTooLarge asks for a step that no machine has memory for: it is refused before anything is
// compiled, and the folder is not taken.
func TestTooLarge(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "run")
	const pos, rows = 2048, 4096
	m := hooked.Must(hooked.New(hooked.Config{NLayers: 2, DModel: 8, NHeads: 8, DHead: 1, AttnOnly: true, NCtx: pos, DVocab: 4}, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	row := make([]int, pos)
	_, err := train.Run(context.Background(), m, train.Config{
		Data: train.Batch{Tokens: slices.Repeat(hooked.Tokens{row}, rows)}.Full(), Steps: 1, LearningRate: 1e-3, Folder: folder,
	})
	if err == nil || !strings.Contains(err.Error(), "does not fit into the memory: it needs ") || !strings.Contains(err.Error(), "lower the rows of a batch") {
		t.Fatalf("%v", err)
	}
	t.Log(err)
	if _, err := os.Stat(folder); err == nil {
		t.Error("the folder was taken")
	}
}

// TestLateRefusal has the loss refuse the program of another number of rows in the third step: what
// the first two have come to is handed over and saved, and can be gone on with.
func TestLateRefusal(t *testing.T) {
	be := golden.PureGo(t)
	cfg := sums(t, 4)
	data, loss := cfg.Data, cfg.Loss
	short := func(yield func(train.Batch, error) bool) {
		step := 0
		for b, err := range data {
			if step++; step == 3 {
				b, err = additions(t), nil
			}
			if !yield(b, err) {
				return
			}
		}
	}
	cfg.Data, cfg.Folder = short, filepath.Join(t.TempDir(), "run")
	cfg.Loss.Of = func(p *train.Pass) *graph.Node {
		x := loss.Of(p)
		if p.LogitsAt(-1).Shape().Dim(0) != 16 {
			panic(errors.New("the rows of this test"))
		}
		return x
	}
	out, err := train.Run(context.Background(), toy(t, be), cfg)
	if err == nil || !strings.Contains(err.Error(), "step 3: ") || !strings.Contains(err.Error(), "the rows of this test") {
		t.Fatal(err)
	}
	if out == nil || out.Steps != 2 || len(out.Curve) != 2 {
		t.Fatalf("%+v", out)
	}
	whole := sums(t, 4)
	whole.Folder = cfg.Folder
	resumed, err := train.Resume(context.Background(), toy(t, be), whole)
	if err != nil || len(resumed.Curve) != 2 {
		t.Fatalf("%+v, %v", resumed, err)
	}
	sameWeights(t, "gone on after a refusal", resumed.Model, mustRun(t, toy(t, be), sums(t, 4)).Model)
}

// TestInterruptedSkipping interrupts a resumption while it reads over what earlier steps have read.
func TestInterruptedSkipping(t *testing.T) {
	be := golden.PureGo(t)
	cfg := sums(t, 6)
	cfg.Folder = filepath.Join(t.TempDir(), "run")
	mustRun(t, toy(t, be), cfg)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	read, data := 0, cfg.Data
	cfg.Steps, cfg.Data = 9, func(yield func(train.Batch, error) bool) {
		for b, err := range data {
			if read++; read == 2 {
				cancel()
			}
			if !yield(b, err) {
				return
			}
		}
	}
	out, err := train.Resume(ctx, toy(t, be), cfg)
	if !errors.Is(err, context.Canceled) || read != 2 || out == nil || out.Steps != 6 {
		t.Errorf("%d batches, %+v, %v", read, out, err)
	}
}
