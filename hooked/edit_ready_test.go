package hooked_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// fixture is one of testdata/interventions: runs of TransformerLens on a processed model with
// hooks, masks, caches and gradients.
type fixture struct {
	*golden.File
	name                      string
	m                         *hooked.Model
	tokens, corrupted, answer hooked.Tokens
	tol                       golden.Tolerance // of logits and activations
	gradTol                   golden.Tolerance // of gradients
	json                      fixtureJSON
}

type fixtureJSON struct {
	NamesFilter   map[string][]string `json:"names_filter"`
	RaggedPrompts []string            `json:"ragged_prompts"`
	FrozenLen     int                 `json:"kv_frozen_len"`
	LossClean     float32             `json:"loss_clean"`
	Corrupted     float32             `json:"corrupted_metric_backward"`
	Tolerance     struct {
		Abs  float64 `json:"suggested_atol"`
		Rel  float64 `json:"suggested_rtol"`
		Grad float64 `json:"gradients_rtol"`
	}
}

func openFixture(t *testing.T, name string, be compute.Backend) *fixture {
	t.Helper()
	path := filepath.Join("testdata/interventions", name)
	f := &fixture{File: golden.Open(t, path+".safetensors"), name: name, m: load(t, name, hooked.DefaultProcessing, be)}
	golden.JSON(t, path+".json", &f.json)
	f.tokens, f.corrupted, f.answer = f.Ints("tokens"), f.Ints("corrupted_tokens"), f.Ints("answers")
	f.tol = golden.Tolerance{Abs: f.json.Tolerance.Abs, Rel: f.json.Tolerance.Rel}
	f.gradTol = golden.Tolerance{Abs: f.json.Tolerance.Abs, Rel: f.json.Tolerance.Grad}
	return f
}

// forEachFixture runs a test for every model of testdata/interventions whose family can be loaded,
// on every backend.
func forEachFixture(t *testing.T, test func(t *testing.T, f *fixture)) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range families(t) {
			if found, _ := filepath.Glob(filepath.Join("testdata/interventions", name+".json")); len(found) > 0 {
				t.Run(name, func(t *testing.T) { test(t, openFixture(t, name, be)) })
			}
		}
	})
}

// lastTwo are the positions that most fixtures of hooked runs hold.
var lastTwo = hooked.LogitsAt(-2, -1)

// hookedRuns are the runs of the fixtures' "hooks", each with the option that does the same here.
func hookedRuns(f *fixture, clean, corrupted *hooked.Cache) map[string][]hooked.Option {
	cfg := f.m.Config()
	uniform := hooked.NewArray(15, 15)
	for q := range 15 {
		for k := range q + 1 {
			uniform.Data[15*q+k] = 1 / float32(q+1)
		}
	}
	steer := make([]float32, cfg.DModel) // half of numpy's linspace(-1, 1, d_model)
	for i := range steer {
		steer[i] = float32(i)/float32(cfg.DModel-1) - 0.5
	}
	return map[string][]hooked.Option{
		"zero_ablate_head": {hooked.Edit(hooked.AttnZ.At(1), hooked.ZeroHead(1))},
		"mean_ablate_head": {hooked.Edit(hooked.AttnZ.At(0), hooked.MeanOver("batch", hooked.Head(0))), lastTwo},
		"patch_resid_pos":  {hooked.Edit(hooked.ResidPre.At(1), hooked.Replace(corrupted.Get("resid_pre", 1), hooked.Pos(3)))},
		"patch_resid_all":  {hooked.Edit(hooked.ResidPost.At(1), hooked.Replace(corrupted.Get("resid_post", 1))), lastTwo},
		"uniform_pattern":  {hooked.Edit(hooked.AttnPattern.At(1), hooked.Replace(uniform, hooked.Head(0)))},
		"steer":            {hooked.Edit(hooked.ResidPost.At(0), hooked.AddTo(steer, hooked.Pos(-1))), lastTwo},
		"freeze_scales":    {freezeScales(clean), lastTwo},
		"zero_mlp_out":     {hooked.Edit(hooked.MLPOut, hooked.Zero()), lastTwo},
		"raise_score":      {hooked.Edit(hooked.AttnScores.At(0), hooked.AddTo(3, hooked.Head(1), hooked.Pos(-1), hooked.Key(2))), lastTwo},
		"ablate_neurons":   {hooked.Edit(hooked.MLPPost.At(cfg.NLayers-1), hooked.Zero(hooked.Neuron(0, 5, 7))), lastTwo},
		"two_hooks_in_order": {hooked.Edit(hooked.AttnOut.At(0), hooked.AddTo(1)),
			hooked.Edit(hooked.AttnOut.At(0), hooked.ScaleBy(2.0)), lastTwo},
		"halve_embed":      {hooked.Edit("hook_embed", hooked.ScaleBy(2.0)), lastTwo},
		"patch_q":          {hooked.Edit(hooked.AttnQ.At(1), hooked.Replace(corrupted.Get("q", 1), hooked.Head(0))), lastTwo},
		"patch_normalized": {hooked.Edit(hooked.LNFinalNormalized, hooked.Replace(corrupted.Get("normalized"))), lastTwo},
	}
}

// freezeScales makes every norm divide by what it divided by in another run.
func freezeScales(from *hooked.Cache) hooked.Option {
	var edits []hooked.Option
	for _, s := range from.Sites() {
		if strings.HasSuffix(s.Name(), "hook_scale") {
			edits = append(edits, hooked.Edit(s, hooked.Replace(from.Get(s))))
		}
	}
	return hooked.Hooks(edits...)
}

// TestInterventions compares the logits of runs with hooks with TransformerLens' run_with_hooks.
func TestInterventions(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		cleanLogits, clean := hooked.Must2(f.m.RunWithCache(f.tokens))
		corruptedLogits, corrupted := hooked.Must2(f.m.RunWithCache(f.corrupted))
		compare(t, f.File, "clean_logits", cleanLogits, f.tol)
		compare(t, f.File, "corrupted_logits", corruptedLogits, f.tol)
		runs := hookedRuns(f, clean, corrupted)
		for _, name := range f.Names("hooks/") {
			input := f.tokens
			if name == "freeze_scales" {
				input = f.corrupted
			}
			logits, err := f.m.Run(input, runs[name]...)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			compare(t, f.File, "hooks/"+name, logits, f.tol)
		}
	})
}

// TestNamesFilter compares which activations are recorded with TransformerLens' names_filter.
func TestNamesFilter(t *testing.T) {
	endsWithZ := func(name string) bool { return strings.HasSuffix(name, "hook_z") }
	filters := map[string][]hooked.Option{
		"str":                  {hooked.Names("blocks.0.attn.hook_pattern")},
		"list":                 {hooked.Names([]string{"hook_embed", "blocks.1.hook_resid_post"})},
		"fn_endswith_hook_z":   {hooked.Names(endsWithZ)},
		"none":                 nil,
		"none_stop_at_layer_1": {hooked.StopAtLayer(1)},
	}
	forEachFixture(t, func(t *testing.T, f *fixture) {
		for name, want := range f.json.NamesFilter {
			_, cache := hooked.Must2(f.m.RunWithCache(f.tokens, filters[name]...))
			if got := cache.Names(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: recorded\n%v\nwant\n%v", name, got, want)
			}
		}
	})
}

// TestStartAndStop compares runs of some of the layers.
func TestStartAndStop(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		_, corrupted := hooked.Must2(f.m.RunWithCache(f.corrupted, hooked.Names("resid_pre")))
		for _, name := range f.Names("stop_at_layer/") {
			resid := hooked.Must(f.m.Run(f.tokens, hooked.StopAtLayer(atoi(t, name))))
			compare(t, f.File, "stop_at_layer/"+name, resid, f.tol)
		}
		for _, name := range f.Names("start_at_layer/") {
			l := atoi(t, name)
			logits := hooked.Must(f.m.Run(corrupted.Get("resid_pre", l), hooked.StartAtLayer(l)))
			compare(t, f.File, "start_at_layer/"+name, logits, f.tol)
		}
	})
}

func atoi(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestRunTimeValuesDoNotCompile changes every run-time value of an edit and sees that the engine
// compiles nothing.
func TestRunTimeValuesDoNotCompile(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.DefaultProcessing, be)
		tokens := hooked.Tokens{{1, 2, 3, 4}}
		_, cache := hooked.Must2(m.RunWithCache(tokens))
		run := func(pos, head int, amount float64, layer int) []float32 {
			value := cache.Get("resid_pre", layer)
			return hooked.Must(m.Run(tokens,
				hooked.Edit(hooked.ResidPre.At(1), hooked.Replace(value, hooked.Pos(pos))),
				hooked.Edit(hooked.AttnZ.At(0), hooked.ScaleBy(amount, hooked.Head(head), hooked.Pos(pos))))).Float32s()
		}
		first := run(3, 0, 0.5, 1)
		compiled := m.Programs()
		second := run(-2, 2, -7, 2)
		if n := m.Programs(); n != compiled {
			t.Errorf("another position, head, factor and value compiled %d programs", n-compiled)
		}
		if fmt.Sprint(first) == fmt.Sprint(second) {
			t.Error("another position, head, factor and value changed nothing")
		}
	})
}

// TestValueForms gives one change in each form that a value may have: they must agree exactly.
func TestValueForms(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.DefaultProcessing, be)
		tokens := hooked.Tokens{{1, 2, 3, 4}, {5, 6, 7, 8}}
		other := hooked.Tokens{{9, 8, 7, 6}, {5, 4, 3, 2}}
		_, cache := hooked.Must2(m.RunWithCache(other))
		resid := cache.Get("resid_pre", 1) // [batch, pos, d_model]
		at := hooked.Pos(2, -4)
		run := func(edit hooked.Intervention) []float32 {
			return hooked.Must(m.Run(tokens, hooked.Edit(hooked.ResidPre.At(1), edit))).Float32s()
		}
		want := run(hooked.Replace(resid, at))
		forms := map[string]hooked.Intervention{
			"only the picked entries": hooked.Replace(resid.At(hooked.All, []int{2, 0}), at),
			"as an array":             hooked.Replace(&hooked.Array{Shape: resid.Shape(), Data: resid.Float32s()}, at),
			"other names":             hooked.Replace(resid.Named("a b c"), at),
			"axes in another order":   hooked.Replace(hooked.StackTensors("batch", resid.At(0), resid.At(1)), at),
		}
		for name, edit := range forms {
			if got := run(edit); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: other logits than a value of the activation's shape", name)
			}
		}
	})
}

// TestBadEdits names edit, line and site in each error, and fails before anything runs.
func TestBadEdits(t *testing.T) {
	be := golden.PureGo(t)
	m := load(t, "gpt2", hooked.DefaultProcessing, be)
	tokens := hooked.Tokens{{1, 2, 3, 4}}
	vector := func(n int) []float32 { return make([]float32, n) }
	reshaped := func(x *Node, _ hooked.Site) *Node { return Reshape(x, -1) }
	none := func(*Node, hooked.Site) *Node { return nil }
	for want, option := range map[string]hooked.Option{
		`blocks.1.hook_resid_pre by ZeroHead (FILE): it picks entries of axis "head"`:           hooked.Edit(hooked.ResidPre.At(1), hooked.ZeroHead(0)),
		`blocks.1.attn.hook_z by ZeroHead (FILE): it picks entry 3 of axis "head", which has 3`: hooked.Edit(hooked.AttnZ.At(1), hooked.ZeroHead(3)),
		`blocks.1.attn.hook_z by Zero (FILE): it picks entry -5 of axis "pos", which has 4`:     hooked.Edit(hooked.AttnZ.At(1), hooked.Zero(hooked.Pos(-5))),
		`blocks.1.attn.hook_z by ZeroHead (FILE): it picks no entry of axis "head"`:             hooked.Edit(hooked.AttnZ.At(1), hooked.ZeroHead()),
		`blocks.1.hook_resid_pre by Replace (FILE): it has a value of shape [7]`:                hooked.Edit(hooked.ResidPre.At(1), hooked.Replace(vector(7))),
		`blocks.1.hook_resid_pre (FILE): it returned shape`:                                     hooked.Edit(hooked.ResidPre.At(1), reshaped),
		`blocks.1.hook_resid_pre (FILE): it returned nil`:                                       hooked.Edit(hooked.ResidPre.At(1), none),
		`by MeanOver (FILE): blocks.1.hook_resid_pre has axes`:                                  hooked.Edit(hooked.ResidPre.At(1), hooked.MeanOver("head")),
		`nearest: "blocks.1.hook_resid_pre"`:                                                    hooked.Edit("blocks.1.hook_resid_pr", hooked.Zero()),
	} {
		_, err := m.Run(tokens, option)
		if err == nil || !strings.Contains(inFile.ReplaceAllString(err.Error(), "(FILE)"), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// inFile is a place in this file, which messages name.
var inFile = regexp.MustCompile(`\([^ ]*/edit_ready_test.go:\d+\)`)

// TestOnly holds that an edit which is limited to entries changes these alone, in a run and in a
// generation, and that other entries compile nothing.
func TestOnly(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := load(t, "gpt2", hooked.DefaultProcessing, be)
		tokens := hooked.Tokens{{1, 2, 3, 4}, {4, 3, 2, 1}}
		triple := hooked.With(func(x *Node, _ hooked.Site, v []*Node) *Node { return Mul(x, v[0]) }, hooked.Value(3.0)).Local()
		run := func(edit hooked.Intervention) string {
			return fmt.Sprint(hooked.Must(m.Run(tokens, hooked.Edit(hooked.ResidPre.At(1), edit))).Float32s())
		}
		if run(triple.Only(hooked.Pos(1), hooked.Prompt(0))) != run(hooked.ScaleBy(3, hooked.Pos(1), hooked.Prompt(0))) {
			t.Error("Only at a position of a prompt differs from ScaleBy there")
		}
		programs := m.Programs()
		if run(triple.Only(hooked.Pos(-1), hooked.Prompt(1))) != run(hooked.ScaleBy(3, hooked.Pos(-1), hooked.Prompt(1))) {
			t.Error("Only at other entries differs from ScaleBy there")
		}
		if n := m.Programs() - programs; n != 0 {
			t.Errorf("other entries compiled %d programs", n)
		}
		if run(triple.Only(hooked.Pos(1)).Only(hooked.Prompt(0))) != run(hooked.ScaleBy(3, hooked.Pos(1), hooked.Prompt(0))) {
			t.Error("Only of Only is not the intersection")
		}
		generate := func(edit hooked.Intervention) string {
			return fmt.Sprint(hooked.Must(m.Generate(tokens, hooked.Generation{MaxNewTokens: 4}, hooked.Edit(hooked.ResidPre.At(1), edit))))
		}
		if generate(triple.Only(hooked.Pos(5))) != generate(hooked.ScaleBy(3, hooked.Pos(5))) {
			t.Error("Only in a generation differs from ScaleBy there")
		}
		for what, edit := range map[string]hooked.Intervention{"Only()": triple.Only(), "no function": hooked.Intervention{}.Only(hooked.Pos(0))} {
			if _, err := m.Run(tokens, hooked.Edit(hooked.ResidPre.At(1), edit)); err == nil {
				t.Errorf("%s is not refused", what)
			}
		}
	})
}
