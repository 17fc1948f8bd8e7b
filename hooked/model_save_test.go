package hooked_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
	"gopherlens/internal/weights"
	"gopherlens/tokenize"
)

// fixtureModels are the folders and files of testdata that hold a decoder.
func fixtureModels(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, glob := range []string{"arch/*", "native/*", "formats/*", "rope/*", "gguf/*.gguf", "gguf_optional/*.gguf"} {
		paths, err := filepath.Glob("testdata/" + glob)
		if err != nil || len(paths) == 0 {
			t.Fatal(glob, err)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && (info.IsDir() || strings.HasSuffix(path, ".gguf")) {
				found = append(found, path)
			}
		}
	}
	return found
}

// sameBits fails unless two models have the same weights and logits, bit for bit.
func sameBits(t *testing.T, got, want *hooked.Model) {
	t.Helper()
	a, b := hooked.Must(got.StateDict()), hooked.Must(want.StateDict())
	if !slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b))) {
		t.Fatal("the weights have other names")
	}
	for name := range b {
		equalBits(t, name, a[name].Data, b[name].Data)
	}
	n := min(5, want.Config().NCtx)
	tokens := hooked.Tokens{[]int{1, 0, 3, 2, 1}[:n]}
	equalBits(t, "logits", hooked.Must(got.Run(tokens)).Float32s(), hooked.Must(want.Run(tokens)).Float32s())
}

func equalBits(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: entry %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// Every family comes back as it was saved: raw and processed, whatever it is loaded with.
func TestSaveModel(t *testing.T) {
	be := golden.PureGo(t)
	o := hooked.LoadOptions{Backend: be}
	loadable := 0
	for _, path := range fixtureModels(t) {
		m, err := hooked.FromPretrained(path, hooked.DefaultProcessing, o)
		if err != nil {
			continue // a fixture of an error
		}
		loadable++
		t.Run(strings.TrimPrefix(path, "testdata/"), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "saved")
			if err := m.Save(dir); err != nil {
				t.Fatal(err)
			}
			for _, processing := range []hooked.Processing{hooked.DefaultProcessing, hooked.NoProcessing} {
				again := hooked.Must(hooked.FromPretrained(dir, processing, o))
				sameBits(t, again, m)
				if again.GraphID() != m.GraphID() {
					t.Error("the model that was loaded again has programs of its own")
				}
				for _, s := range again.Skipped() {
					if m.Applied()&s.Step != 0 {
						t.Errorf("not applied: %s", s)
					}
				}
				if again.Applied() != m.Applied() {
					t.Errorf("applied: %s, want %s", again.Applied(), m.Applied())
				}
				got, want := again.Config(), m.Config()
				got.ModelName = want.ModelName
				if a, b := hooked.Must(json.Marshal(got)), hooked.Must(json.Marshal(want)); string(a) != string(b) {
					t.Errorf("configuration %s, want %s", a, b)
				}
			}
			file := hooked.Must(weights.Open(dir))
			defer file.Close()
			names := slices.Sorted(slices.Values(file.Names()))
			for _, name := range slices.Sorted(maps.Keys(hooked.Must(m.StateDict()))) {
				if !slices.Contains(names, name) && !strings.HasSuffix(name, "b_gate") {
					t.Errorf("the file holds no %s", name)
				}
			}
		})
	}
	if loadable < 40 {
		t.Errorf("only %d models", loadable)
	}
}

// A model that was saved raw is processed when it is loaded, as the checkpoint would be.
func TestSaveRaw(t *testing.T) {
	o := hooked.LoadOptions{Backend: golden.PureGo(t)}
	raw := hooked.Must(hooked.FromPretrained("testdata/arch/gpt2", hooked.NoProcessing, o))
	dir := filepath.Join(t.TempDir(), "raw")
	if err := raw.Save(dir); err != nil {
		t.Fatal(err)
	}
	want := hooked.Must(hooked.FromPretrained("testdata/arch/gpt2", hooked.DefaultProcessing, o))
	sameBits(t, hooked.Must(hooked.FromPretrained(dir, hooked.DefaultProcessing, o)), want)

	half := hooked.Must(hooked.FromPretrained("testdata/arch/gpt2", hooked.FoldLN, o))
	folded := filepath.Join(t.TempDir(), "folded")
	if err := half.Save(folded); err != nil {
		t.Fatal(err)
	}
	rest := hooked.Must(hooked.FromPretrained(folded, hooked.DefaultProcessing, o))
	if rest.Applied() != want.Applied() {
		t.Errorf("applied: %s, want %s", rest.Applied(), want.Applied())
	}
	sameBits(t, rest, want)
}

// The names are those of TransformerLens' own state dicts, and its configuration says what it said.
func TestSaveForTransformerLens(t *testing.T) {
	o := hooked.LoadOptions{Backend: golden.PureGo(t)}
	dirs := hooked.Must(filepath.Glob("testdata/native/*"))
	for _, dir := range dirs {
		out := filepath.Join(t.TempDir(), "saved")
		if err := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, o)).Save(out); err != nil {
			t.Fatal(err)
		}
		theirs, ours := hooked.Must(weights.Open(dir)), hooked.Must(weights.Open(out))
		want := slices.DeleteFunc(theirs.Names(), func(name string) bool {
			return strings.HasSuffix(name, ".mask") || strings.HasSuffix(name, ".IGNORE") || strings.Contains(name, ".rotary_") || strings.HasSuffix(name, ".alibi")
		})
		if got := ours.Names(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: names %v, want %v", dir, got, want)
		}
		for _, name := range want {
			a, b := hooked.Must(theirs.Tensor(name)), hooked.Must(ours.Tensor(name))
			if !slices.Equal(a.Shape, b.Shape) || !slices.Equal(a.Raw(), b.Raw()) {
				t.Errorf("%s: %s has shape %v, want %v, or other values", dir, name, b.Shape, a.Shape)
			}
		}
		theirs.Close()
		ours.Close()
		path := filepath.Join(dir, "cfg.json")
		if _, err := os.Stat(path); err != nil {
			path = filepath.Join(dir, "config.json")
		}
		before, after := readObject(t, path), readObject(t, filepath.Join(out, "cfg.json"))
		for key, value := range after {
			if was, ok := before[key]; ok && was != nil && key != "model_name" && key != "init_weights" && fmt.Sprint(was) != fmt.Sprint(value) &&
				fmt.Sprint(was) != "-1" {
				t.Errorf("%s: cfg.json says %s %v, TransformerLens said %v", dir, key, value, was)
			}
		}
	}
	grouped := filepath.Join(t.TempDir(), "grouped")
	if err := hooked.Must(hooked.FromPretrained("testdata/arch/llama", hooked.NoProcessing, o)).Save(grouped); err != nil {
		t.Fatal(err)
	}
	if says := readObject(t, filepath.Join(grouped, "cfg.json")); says["n_key_value_heads"] == nil || says["normalization_type"] != "RMS" {
		t.Errorf("cfg.json says %v", says)
	}
	file := hooked.Must(weights.Open(grouped))
	defer file.Close()
	for _, name := range []string{"blocks.0.attn._W_K", "blocks.0.attn._b_V", "blocks.0.attn.b_O", "unembed.b_U", "ln_final.w"} {
		if !slices.Contains(file.Names(), name) {
			t.Errorf("the file has no %s", name)
		}
	}
}

func readObject(t *testing.T, path string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(hooked.Must(os.ReadFile(path)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// An encoder, a model made by New with a tokenizer of words, one with other weights, and one in 16
// bits.
func TestSaveOfOtherModels(t *testing.T) {
	be := golden.PureGo(t)
	o := hooked.LoadOptions{Backend: be}
	dir := t.TempDir()

	bert := hooked.Must(hooked.EncoderFromPretrained("testdata/encoder/bert", o))
	if err := bert.Save(filepath.Join(dir, "bert")); err != nil {
		t.Fatal(err)
	}
	again := hooked.Must(hooked.EncoderFromPretrained(filepath.Join(dir, "bert"), o))
	tokens := hooked.Tokens{{2, 7, 9, 3}}
	equalBits(t, "bert", hooked.Must(again.Run(tokens)).Float32s(), hooked.Must(bert.Run(tokens)).Float32s())
	if _, err := os.Stat(filepath.Join(dir, "bert", "cfg.json")); err == nil {
		t.Error("an encoder has a configuration of HookedTransformer's")
	}

	tok := hooked.Must(tokenize.FromWords([]string{"[start]", "[pad]", "[end]", "(", ")"},
		tokenize.WordOptions{BOS: "[start]", Pad: "[pad]", EOS: "[end]", Characters: true}))
	m := hooked.Must(tapModel(t, be).WithTokenizer(tok))
	bias := hooked.NewArray(11)
	bias.Data[3] = 1
	m = hooked.Must(m.WithWeights(hooked.StateDict{"unembed.b_U": bias}))
	if err := m.Save(filepath.Join(dir, "deep", "er", "made")); err != nil {
		t.Fatal(err)
	}
	made := hooked.Must(hooked.FromPretrained(filepath.Join(dir, "deep", "er", "made"), hooked.NoProcessing, o))
	sameBits(t, made, m)
	equalBits(t, "a text", hooked.Must(made.Run("(()")).Float32s(), hooked.Must(m.Run("(()")).Float32s())

	o.DType = hooked.BF16
	half := hooked.Must(hooked.FromPretrained("testdata/arch/llama", hooked.DefaultProcessing, o))
	if err := half.Save(filepath.Join(dir, "half")); err != nil {
		t.Fatal(err)
	}
	sameBits(t, hooked.Must(hooked.FromPretrained(filepath.Join(dir, "half"), hooked.DefaultProcessing, o)), half)
	file := hooked.Must(weights.Open(filepath.Join(dir, "half")))
	defer file.Close()
	if tensor := hooked.Must(file.Tensor("unembed.W_U")); tensor.DType != weights.BF16 {
		t.Errorf("the weights are saved as %s", tensor.DType)
	}
}

// With fewer bits the values are rounded to the nearest, and what is too large is refused.
func TestSaveRounded(t *testing.T) {
	be := golden.PureGo(t)
	m := tapModel(t, be)
	b := hooked.NewArray(8)
	copy(b.Data, []float32{1.00390625, 1.01171875, 1.0050, -3.14159, 70000, 0, 1e-3, 5})
	m = hooked.Must(m.WithWeights(hooked.StateDict{"blocks.0.attn.b_O": b}))
	dir := filepath.Join(t.TempDir(), "rounded")
	if err := m.Save(dir, hooked.SaveOptions{DType: hooked.BF16}); err != nil {
		t.Fatal(err)
	}
	again := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: be}))
	// torch.tensor([...]).to(torch.bfloat16): ties go to the even one
	want := []float32{1, 1.015625, 1.0078125, -3.140625, 70144, 0, 0.00099945068359375, 5}
	equalBits(t, "bfloat16", hooked.Must(again.StateDict())["blocks.0.attn.b_O"].Data, want)
	if err := m.Save(filepath.Join(t.TempDir(), "f16"), hooked.SaveOptions{DType: hooked.F16}); err == nil || !strings.Contains(err.Error(), "too large for F16") {
		t.Errorf("70000 in float16: %v", err)
	}
}

// What is in a folder stays, unless it is an earlier save and may go; a save that fails leaves
// nothing.
func TestSaveReplaces(t *testing.T) {
	be := golden.PureGo(t)
	m := tapModel(t, be)
	other := hooked.Must(hooked.New(withSeed(m.Config(), 5), hooked.LoadOptions{Backend: be}))
	parent := t.TempDir()
	dir := filepath.Join(parent, "model")
	load := func() *hooked.Model {
		return hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: be}))
	}
	refused := func(want string, options ...hooked.SaveOptions) {
		t.Helper()
		if err := other.Save(dir, options...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want something of %q", err, want)
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil { // an empty folder is as good as none
		t.Fatal(err)
	}
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	refused("SaveOptions.Replace")
	refused("2 SaveOptions", hooked.SaveOptions{}, hooked.SaveOptions{})
	refused("DType", hooked.SaveOptions{DType: "float8"})
	sameBits(t, load(), m)

	note := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(note, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	refused("notes.txt", hooked.SaveOptions{Replace: true})
	os.Remove(note)
	before := load() // of which nothing is read yet
	if err := other.Save(dir, hooked.SaveOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	sameBits(t, load(), other)
	if err := before.Save(filepath.Join(parent, "before")); err != nil {
		t.Errorf("a model that was opened before its folder was replaced: %v", err)
	}
	if err := load().Save(dir, hooked.SaveOptions{Replace: true}); err != nil { // over itself
		t.Fatal(err)
	}
	sameBits(t, load(), other)

	foreign := filepath.Join(parent, "foreign")
	if err := os.Mkdir(foreign, 0o755); err != nil {
		t.Fatal(err)
	}
	dir = foreign
	os.WriteFile(filepath.Join(foreign, "thesis.tex"), nil, 0o644)
	refused("no save has written", hooked.SaveOptions{Replace: true})
	if left := hooked.Must(filepath.Glob(filepath.Join(parent, ".*"))); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	if err := (*hooked.Model)(nil).Save(dir); err == nil {
		t.Error("no model was saved")
	}
}

// A damaged description is an error that names it.
func TestSavedFileErrors(t *testing.T) {
	be := golden.PureGo(t)
	dir := filepath.Join(t.TempDir(), "model")
	if err := tapModel(t, be).Save(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "gopherlens.json")
	whole := string(hooked.Must(os.ReadFile(path)))
	for _, test := range []struct{ old, new, want string }{
		{`"Version": 1`, `"Version": 7`, "version 7"},
		{`"NLayers": 3`, `"NLayers": 1000000000`, "NLayers"},
		{`"Normalization": "LN"`, `"Normalization": "LM"`, "Normalization"},
		{`"PositionalEmbedding": "standard"`, `"PositionalEmbedding": "round"`, "PositionalEmbedding"},
		{`"AttentionDir": "causal"`, `"AttentionDir": "casual"`, "AttentionDir"},
		{`"NHeads": 2`, `"Heads": 2`, "Heads"},
		{`"Applied": null`, `"Applied": ["fold_it"]`, "fold_it"},
		{`"NLayers": 3`, `"NLayers": 2`, "blocks.2"},
		{whole, "{", "gopherlens.json"},
	} {
		if !strings.Contains(whole, test.old) {
			t.Fatalf("%s holds no %s", path, test.old)
		}
		os.WriteFile(path, []byte(strings.Replace(whole, test.old, test.new, 1)), 0o644)
		if _, err := hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: be}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want something of %q", test.new, err, test.want)
		}
	}
}

// saveKilledEnv makes a run of the tests the process that TestSaveKilled kills.
const saveKilledEnv = "GOPHERLENS_TEST_SAVE_KILLED"

// A save that is killed leaves what was there before.
func TestSaveKilled(t *testing.T) {
	big := func(seed int64) *hooked.Model {
		return hooked.Must(hooked.New(hooked.Config{NLayers: 1, DModel: 64, NCtx: 4, DHead: 16, NHeads: 4, DVocab: 100_000, AttnOnly: true, Seed: seed},
			hooked.LoadOptions{Backend: golden.PureGo(t)}))
	}
	if dir := os.Getenv(saveKilledEnv); dir != "" {
		if err := big(2).Save(dir, hooked.SaveOptions{Replace: true}); err != nil {
			t.Fatal(err)
		}
		return
	}
	parent := t.TempDir()
	dir := filepath.Join(parent, "model")
	if err := big(1).Save(dir); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestSaveKilled$")
	child.Env = append(os.Environ(), saveKilledEnv+"="+dir)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && !killed; time.Sleep(time.Millisecond) {
		if parts, _ := filepath.Glob(filepath.Join(parent, ".model.gopherlens-*", ".model.safetensors.gopherlens-*")); len(parts) > 0 {
			child.Process.Kill()
			killed = true
		}
	}
	child.Wait()
	m := hooked.Must(hooked.FromPretrained(dir, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)}))
	want := hooked.Must(big(1).WE()).Float32s()
	left := func() int { return len(hooked.Must(filepath.Glob(filepath.Join(parent, ".model.gopherlens-*")))) }
	if !killed || left() == 0 {
		t.Skip("the save was over before it could be killed")
	}
	equalBits(t, "the model that was there before", hooked.Must(m.WE()).Float32s(), want)
	if err := tapModel(t, golden.PureGo(t)).Save(filepath.Join(parent, "another")); err != nil {
		t.Fatal(err)
	}
	if left() > 0 {
		t.Error("the next save leaves what the killed one has left")
	}
}

func ExampleModel_Save() {
	model := hooked.Must(hooked.FromPretrained(exampleModel, hooked.DefaultProcessing))
	folder := filepath.Join(os.TempDir(), fmt.Sprint("gopherlens-example-", os.Getpid()))
	defer os.RemoveAll(folder)
	if err := model.Save(folder); err != nil {
		fmt.Println(err)
		return
	}
	again := hooked.Must(hooked.FromPretrained(folder, hooked.DefaultProcessing))
	fmt.Println(again.Applied())
	// Output: fold_ln | center_unembed | fold_value_biases
}
