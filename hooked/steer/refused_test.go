package steer_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/probe"
	"gopherlens/hooked/steer"
	"gopherlens/internal/golden"
	"gopherlens/internal/weights"
)

// TestBadFiles holds that each of the fixtures' bad files is refused for what is wrong with it:
// seven when they are read, two when they meet a model.
func TestBadFiles(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	reasons := map[string]string{
		"zero_layer.gguf":         `"direction.0" is for layer 0`,
		"not_a_number.gguf":       `"direction.x" is no direction`,
		"two_dims.gguf":           `"direction.1" has shape [`,
		"float16.gguf":            `"direction.1" is of type F16`,
		"unequal.gguf":            "layer 2 has",
		"no_tensors.gguf":         `"other.1" is no direction`,
		"other_architecture.gguf": `general.architecture is "llama"`,
		"wrong_width.gguf":        "the model's d_model is 24",
		"layer_too_high.gguf":     "layer 99, and the model's 3 layers",
	}
	for name := range readFacts(t).Bad {
		v, err := steer.Load(fixtures + "bad/" + name)
		if err == nil {
			err = v.Fits(m)
			if _, ran := m.Run([]int{1, 2}, steer.AddTo(v, 1)); ran == nil {
				t.Errorf("%s: a run takes it", name)
			} else if !strings.Contains(ran.Error(), "blocks.") {
				t.Errorf("%s: the run's error names no site: %v", name, ran)
			}
			if _, ran := m.Run([]int{1, 2}, steer.Clamp(v, 1)); ran == nil {
				t.Errorf("%s: a run takes it clamped", name)
			}
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
		if want := reasons[name]; want == "" || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q of an error, got %v", name, want, err)
		}
	}
}

// vectorFile writes a file as a control vector's, with some of its metadata changed.
func vectorFile(t testing.TB, change map[string]any, names ...string) string {
	t.Helper()
	metadata := []weights.KeyValue{
		{Key: "general.architecture", Value: "controlvector"},
		{Key: "controlvector.model_hint", Value: "gpt2"},
		{Key: "controlvector.layer_count", Value: uint32(len(names))},
	}
	for i, kv := range metadata {
		if v, ok := change[kv.Key]; ok {
			metadata[i].Value = v
		}
	}
	var tensors []weights.Named
	for i, name := range names {
		values := []float32{1, 2, float32(i)}
		if change["value"] != nil {
			values[1] = change["value"].(float32)
		}
		tensors = append(tensors, weights.FromFloat32s(name, []int{3}, values))
	}
	path := filepath.Join(t.TempDir(), "vector.gguf")
	if err := weights.WriteGGUF(path, metadata, tensors); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOtherBadFiles tries what the fixtures have not, beside files that are good.
func TestOtherBadFiles(t *testing.T) {
	const count = "controlvector.layer_count"
	for _, good := range []map[string]any{nil, {count: int32(2)}, {count: "unread"}} {
		if v := must(steer.Load(vectorFile(t, good, "direction.7", "direction.3")))(t); !slices.Equal(v.Layers(), []int{3, 7}) {
			t.Errorf("layers %v", v.Layers())
		}
	}
	for want, path := range map[string]string{
		"holds NaN at 1":                vectorFile(t, map[string]any{"value": float32(math.NaN())}, "direction.1"),
		"holds -Inf at 1":               vectorFile(t, map[string]any{"value": float32(math.Inf(-1))}, "direction.1"),
		"is 5, and it has 2 directions": vectorFile(t, map[string]any{count: uint32(5)}, "direction.1", "direction.2"),
		"it has no directions":          vectorFile(t, nil),
		`"direction.01" is no`:          vectorFile(t, nil, "direction.01"),
		`"direction.-1" is no`:          vectorFile(t, nil, "direction.-1"),
		`"direction.1x" is no`:          vectorFile(t, nil, "direction.1x"),
		`"direction" is no`:             vectorFile(t, nil, "direction"),
		`architecture is ""`:            vectorFile(t, map[string]any{"general.architecture": uint32(3)}, "direction.1"),
		"control vectors are GGUF":      fixtures + "gpt2_all.safetensors",
		"no such file":                  fixtures + "nothing.gguf",
	} {
		if _, err := steer.Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q of an error, got %v", want, err)
		}
	}
}

// TestSaveRefused holds that what a file cannot say is refused, and no file is there.
func TestSaveRefused(t *testing.T) {
	for want, v := range map[string]*steer.Vector{
		"are for hook_resid_post": {Site: "hook_resid_pre", Directions: map[int][]float32{1: {1, 2}}},
		"direction for layer 0":   {Site: "hook_resid_post", Directions: map[int][]float32{0: {1, 2}, 1: {1, 2}}},
		"holds NaN":               {Site: "hook_resid_post", Directions: map[int][]float32{1: {1, nan}}},
		"is nil":                  nil,
	} {
		path := filepath.Join(t.TempDir(), "v.gguf")
		if err := v.Save(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q of an error, got %v", want, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: there is a file", want)
		}
	}
}

var nan = float32(math.NaN())

// TestRefused holds that vectors, numbers and prompts that mean nothing are refused by name.
func TestRefused(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	good := must(steer.Load(fixtures + "gpt2_all.gguf"))(t)
	zero := must(good.Scale(0))(t)
	narrow := &steer.Vector{Site: good.Site, Directions: map[int][]float32{1: {1, 2}}}
	elsewhere := &steer.Vector{Site: "hook_nowhere", Directions: good.Directions}
	run := func(o hooked.Option) error { _, err := m.Run([]int{1, 2, 3}, o); return err }
	build := func(_ *steer.Vector, err error) error { return err }
	contrast := func(p steer.Prompts) error { return build(steer.Contrast(ctx, m, p)) }
	a, b := [][]int{{1, 2}, {3, 4}}, [][]int{{1, 5}}
	head := func(heads []steer.Head, c probe.Collection, layer int) error {
		return build(steer.FunctionVector(ctx, m, c, heads, layer))
	}
	one := probe.Collection{Tokens: a}
	for _, c := range []struct {
		want string
		err  error
	}{
		{"the strength is NaN", run(steer.AddTo(good, math.NaN()))},
		{"the strength is +Inf", run(steer.AddKeepingNorm(good, math.Inf(1)))},
		{"the value is NaN", run(steer.Clamp(good, math.NaN()))},
		{"holds NaN at 1", run(steer.AddTo(&steer.Vector{Site: good.Site, Directions: map[int][]float32{1: {0, nan}}}, 1))},
		{"has length 0", run(steer.Clamp(zero, 1))},
		{"has length 0", run(steer.ProjectOut(zero))},
		{"has length 0", build(zero.Unit())},
		{"blocks.1.hook_resid_post", run(steer.AddTo(narrow, 1))},
		{"direction of 2 entries for an activation of 24", run(steer.ProjectOut(narrow))},
		{"hook_nowhere", run(steer.AddTo(elsewhere, 1))},
		{"hook_nowhere", elsewhere.Fits(m)},
		{"want the name of one site", run(steer.AddTo(&steer.Vector{Site: "*", Directions: good.Directions}, 1))},
		{"1 entries: want d_model", run(steer.AddTo(&steer.Vector{Site: good.Site, Directions: map[int][]float32{1: {1}}}, 1))},
		{"layers count from 0", run(steer.AddTo(&steer.Vector{Site: good.Site, Directions: map[int][]float32{-1: {1, 2}}}, 1))},
		{`picks no entry of axis "pos"`, run(steer.AddTo(good, 1, steer.Steps(3, 4, 2)))},
		{"are for hook_resid_post and hook_nowhere", build(good.Add(elsewhere))},
		{"24 and 2 wide", build(good.Sub(narrow))},
		{"the factor is NaN", build(good.Scale(math.NaN()))},
		{"holds +Inf", build(must(good.Scale(1e30))(t).Scale(1e30))},
		{"no direction for layer 7", build(good.Only(1, 7))},
		{"from layer 5 to layer 9", build(good.Between(5, 9))},
		{"of one layer", build(steer.FromTensor(hooked.ResidPost, hooked.NewOnes("d_model", 24)))},
		{"has not one axis", build(steer.FromTensor(hooked.ResidPost.At(1), hooked.NewOnes("head d_head", 3, 8)))},
		{"want a site of one layer", build(steer.FromTensor(hooked.Embed.At(0), hooked.NewOnes("d_model", 24)))},
		{"the dictionary is nil", build(steer.FromFeature(&dictionary.Dictionary{}, 0))},
		{"2 positive and 0 negative", contrast(steer.Prompts{PositiveTokens: a})},
		{"as texts and as tokens", contrast(steer.Prompts{PositiveTokens: a, Negative: []string{"x"}})},
		{"is of pairs", contrast(steer.Prompts{PositiveTokens: a, NegativeTokens: b, Method: steer.PairCentred})},
		{"there is no Method(9)", contrast(steer.Prompts{PositiveTokens: a, NegativeTokens: b, Method: 9})},
		{"PairDifferences: ", contrast(steer.Prompts{PositiveTokens: b, NegativeTokens: b, Method: steer.PairDifferences})},
		{"these are made of the prompts", contrast(steer.Prompts{PositiveTokens: a, NegativeTokens: b, Collection: one})},
		{"6 rows of 3 texts", contrast(steer.Prompts{PositiveTokens: a, NegativeTokens: b, Collection: probe.Collection{At: probe.All()}})},
		{"several kinds", contrast(steer.Prompts{PositiveTokens: a, NegativeTokens: b, Collection: probe.Collection{Sites: []string{"resid_pre", "resid_post"}}})},
		{"no site of a layer", contrast(steer.Prompts{PositiveTokens: a, NegativeTokens: b, Collection: probe.Collection{Sites: "hook_embed"}})},
		{"have the same mean", contrast(steer.Prompts{PositiveTokens: b, NegativeTokens: b})},
		{"it is no place for directions", (&steer.Vector{Site: "attn.hook_pattern", Directions: good.Directions}).Fits(m)},
		{"the model's d_head is 8", (&steer.Vector{Site: "attn.hook_z", Directions: good.Directions}).Fits(m)},
		{"the model is nil", good.Fits(nil)},
		{"there are no heads", head(nil, one, 1)},
		{"is there twice", head([]steer.Head{{1, 1}, {1, 1}}, one, 1)},
		{"no head 9 of layer 1", head([]steer.Head{{1, 9}}, one, 1)},
		{"there is no layer 3", head([]steer.Head{{1, 1}}, one, 3)},
		{"the heads say which", head([]steer.Head{{1, 1}}, probe.Collection{Tokens: a, Sites: "z"}, 1)},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("want %q of an error, got %v", c.want, c.err)
		}
	}
	gemma := tiny(t, golden.PureGo(t), "gemma2")
	if _, err := steer.FunctionVector(ctx, gemma, one, []steer.Head{{1, 1}}, 1); err == nil || !strings.Contains(err.Error(), "a norm stands after the heads") {
		t.Error(err)
	}
}

// TestDamagedFiles changes a bit of each byte of a file: what comes of it is an error, or a vector
// of the kind that files hold.
func TestDamagedFiles(t *testing.T) {
	whole := must(os.ReadFile(fixtures + "gpt2_all.gguf"))(t)
	path := filepath.Join(t.TempDir(), "damaged.gguf")
	read := 0
	for i := range whole {
		b := whole[i] ^ 1<<(i%8)
		damaged := slices.Clone(whole)
		damaged[i] = b
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		v, err := steer.Load(path)
		if err != nil {
			continue
		}
		read++
		for layer, direction := range v.Directions {
			for _, x := range direction {
				if layer < 1 || !(math.Abs(float64(x)) <= math.MaxFloat32) {
					t.Fatalf("byte %d as %d: layer %d has %v", i, b, layer, x)
				}
			}
		}
	}
	if read == 0 || read == len(whole) {
		t.Errorf("%d of %d files were read", read, len(whole))
	}
}
