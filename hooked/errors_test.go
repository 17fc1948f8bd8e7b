package hooked_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// kinds are the errors that a program can act on.
var kinds = []error{hooked.ErrUnknownModel, hooked.ErrNoAccess, hooked.ErrOffline, hooked.ErrUnsupportedFile, hooked.ErrUnknownHook,
	hooked.ErrOutOfContext, hooked.ErrNoWorker, hooked.ErrWorkerGone, hooked.ErrOutOfMemory, context.Canceled}

// hasKind wants errors, told by what was done, to be of a kind and of no other.
func hasKind(t *testing.T, want error, errs map[string]error) {
	t.Helper()
	for what, err := range errs {
		for _, kind := range kinds {
			if errors.Is(err, kind) != (kind == want) {
				t.Errorf("%s: %v; is it %q: %v", what, err, kind, errors.Is(err, kind))
			}
		}
	}
}

func ofAny(_ any, err error) error { return err }

// TestUnknownModels asks for what is no model, in all the ways in which one is asked for.
func TestUnknownModels(t *testing.T) {
	here := hooked.LoadOptions{Backend: golden.PureGo(t), Offline: true}
	revised := here
	revised.Revision = "step1000"
	hasKind(t, hooked.ErrUnknownModel, map[string]error{
		"a name that is none":           ofAny(hooked.FromPretrained("gpt2-smal", hooked.NoProcessing, here)),
		"an encoder's":                  ofAny(hooked.EncoderFromPretrained("bert-bas", here)),
		"a folder that is not there":    ofAny(hooked.FromPretrained("testdata/arch/nothing/", hooked.NoProcessing, here)),
		"a revision of a folder":        ofAny(hooked.FromPretrained("testdata/arch/gpt2", hooked.NoProcessing, revised)),
		"a revision of the only file":   ofAny(hooked.FromPretrained("smollm2-135m", hooked.NoProcessing, revised)),
		"an encoder's revision, folder": ofAny(hooked.EncoderFromPretrained(bertDir, revised)),
	})
}

// TestOffline asks for what is on the hub without a network.
func TestOffline(t *testing.T) {
	t.Setenv("HF_HUB_CACHE", t.TempDir())
	here := hooked.LoadOptions{Backend: golden.PureGo(t), Offline: true}
	away := hooked.LoadOptions{Backend: golden.PureGo(t)}
	errs := map[string]error{
		"a repository":     ofAny(hooked.FromPretrained("nobody/nothing-of-this-name", hooked.NoProcessing, here)),
		"a short name":     ofAny(hooked.FromPretrained("pythia-70m", hooked.NoProcessing, here)),
		"an encoder":       ofAny(hooked.EncoderFromPretrained("bert-base-cased", here)),
		"a training state": ofAny(hooked.FromPretrained("pythia-70m", hooked.NoProcessing, hooked.LoadOptions{Backend: here.Backend, Offline: true, Revision: "step1000"})),
	}
	t.Setenv("HF_HUB_OFFLINE", "1")
	errs["as the environment says"] = ofAny(hooked.FromPretrained("pythia-70m", hooked.NoProcessing, away))
	t.Setenv("HF_HUB_OFFLINE", "0")
	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:9") // where nobody listens
	errs["nobody answers"] = ofAny(hooked.FromPretrained("pythia-70m", hooked.NoProcessing, away))
	hasKind(t, hooked.ErrOffline, errs)
}

// TestUnsupportedFiles breaks a checkpoint in one file after the other.
func TestUnsupportedFiles(t *testing.T) {
	here := hooked.LoadOptions{Backend: golden.PureGo(t)}
	errs := make(map[string]error)
	broken := func(what, source string, spoil func(dir string), use func(m *hooked.Model) error) {
		dir := copied(t, source)
		spoil(dir)
		m, err := hooked.FromPretrained(dir, hooked.DefaultProcessing, here)
		if err == nil {
			err = use(m)
		}
		errs[what] = err
	}
	llama := "testdata/arch/llama"
	config := func(changes map[string]any) func(string) {
		return func(dir string) { editConfig(t, dir, changes) }
	}
	write := func(name, text string) func(string) {
		return func(dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func(m *hooked.Model) error { return ofAny(m.Run([]int{1})) }
	text := func(m *hooked.Model) error { return ofAny(m.Run("text")) }
	broken("an unknown field", llama, config(map[string]any{"clip_qkv": 8.0}), run)
	broken("an unknown family", llama, config(map[string]any{"architectures": []string{"MambaForCausalLM"}}), run)
	broken("a size that makes no sense", llama, config(map[string]any{"num_attention_heads": 5}), run)
	broken("a size that the tensors have not", llama, config(map[string]any{"intermediate_size": 64}), run)
	broken("a layer too few", llama, config(map[string]any{"num_hidden_layers": 9}), run)
	broken("no JSON", llama, write("config.json", "{"), run)
	broken("weights that are none", llama, write("model.safetensors", "nothing of the kind"), run)
	broken("a tokenizer that is none", "testdata/arch/gpt2", write("tokenizer.json", "{"), text)
	broken("a tokenizer of an unknown kind", "testdata/arch/gpt2", write("tokenizer.json", `{"model": {"type": "Other"}}`), text)
	dir := copied(t, bertDir)
	editConfig(t, dir, map[string]any{"position_embedding_type": "relative_key"})
	errs["an encoder of another kind"] = ofAny(hooked.EncoderFromPretrained(dir, here))
	hasKind(t, hooked.ErrUnsupportedFile, errs)
}

// TestUnknownHooks names hooks that a model has not, wherever hooks are named.
func TestUnknownHooks(t *testing.T) {
	be := golden.PureGo(t)
	m := load(t, "gpt2", hooked.NoProcessing, be)
	encoder := hooked.Must(hooked.EncoderFromPretrained(bertDir, hooked.LoadOptions{Backend: be}))
	_, cache := hooked.Must2(m.RunWithCache([]int{1, 2}))
	never := func(string) bool { return false }
	grads := func(o ...hooked.Option) error { _, _, _, err := m.LossWithGradients([]int{1, 2}, o...); return err }
	stream := func(o ...hooked.Option) (err error) {
		for _, err = range m.GenerateStream([]int{1}, hooked.Generation{}, o...) {
		}
		return err
	}
	hasKind(t, hooked.ErrUnknownHook, map[string]error{
		"Names, a short name":      ofAny(m.Cache([]int{1}, hooked.Names("patern"))),
		"Names, a glob":            ofAny(m.Cache([]int{1}, hooked.Names("blocks.*.hook_nothing"))),
		"Names, a function":        ofAny(m.Cache([]int{1}, hooked.Names(never))),
		"Names, a site of others":  ofAny(m.Cache([]int{1}, hooked.Names(hooked.AttnRotQ))),
		"Names, a slice":           ofAny(m.Cache([]int{1}, hooked.Names([]string{"z", "zz"}))),
		"Names, a layer too many":  ofAny(m.Cache([]int{1}, hooked.Names("k9"))),
		"Names, a site's layer":    ofAny(m.Cache([]int{1}, hooked.Names(hooked.AttnK.At(9)))),
		"Edit":                     ofAny(m.Run([]int{1}, hooked.Edit("hook_patern", hooked.Zero()))),
		"EditGrad":                 grads(hooked.EditGrad("hook_patern", hooked.Zero())),
		"Gradients":                grads(hooked.Gradients("hook_patern")),
		"Observe":                  ofAny(m.Run([]int{1}, hooked.Observe("hook_patern", func(*hooked.Tensor, hooked.Site) {}))),
		"an edit of a generation":  ofAny(m.Generate([]int{1}, hooked.Generation{}, hooked.Edit("hook_patern", hooked.Zero()))),
		"Names of a generation":    stream(hooked.Names("hook_patern")),
		"Lookup, a short name":     ofAny(cache.Lookup("patern", 1)),
		"Lookup, a full name":      ofAny(cache.Lookup("blocks.0.hook_patern")),
		"Lookup, a site of others": ofAny(cache.Lookup(hooked.AttnRotQ, 0)),
		"Lookup, a layer too many": ofAny(cache.Lookup("k", 9)),
		"Get":                      hooked.Try(func() { cache.Get("patern", 1) }),
		"StackActivation":          ofAny(cache.StackActivation("patern")),
		"an encoder's cache": func() error {
			_, _, err := encoder.RunWithCache([]int{1}, hooked.Names("ln_final.hook_scale"))
			return err
		}(),
		"an encoder's edit":          ofAny(encoder.Run([]int{1}, hooked.Edit("hook_patern", hooked.Zero()))),
		"an encoder's next sentence": ofAny(encoder.NextSentence([]int{1}, hooked.Edit("hook_patern", hooked.Zero()))),
	})
}

// TestOutOfContext gives models more than they have positions for, wherever texts go.
func TestOutOfContext(t *testing.T) {
	be := golden.PureGo(t)
	m := load(t, "gpt2", hooked.NoProcessing, be)
	encoder := hooked.Must(hooked.EncoderFromPretrained(bertDir, hooked.LoadOptions{Backend: be}))
	n := m.Config().NCtx
	long := slices.Repeat([]int{1}, n+1)
	many := hooked.Generation{MaxNewTokens: n + 1}
	resid := hooked.Must(m.NewTensor(hooked.NewArray(1, n+1, m.Config().DModel), "batch pos d_model"))
	kv := m.NewKVCache(1)
	hooked.Must(m.Run([]int{1, 2}, hooked.WithKV(kv)))
	_, _, ofBoth := m.LogitsAndLoss(long)
	_, _, ofCached := m.RunWithCache(long)
	_, _, _, ofGradients := m.LossWithGradients(long)
	var ofStream error
	for _, ofStream = range m.GenerateStream([]int{1}, many) {
	}
	hasKind(t, hooked.ErrOutOfContext, map[string]error{
		"Run": ofAny(m.Run(long)), "RunWithCache": ofCached, "Cache": ofAny(m.Cache(long)), "Loss": ofAny(m.Loss(long)), "LogitsAndLoss": ofBoth,
		"LossWithGradients":         ofGradients,
		"Generate":                  ofAny(m.Generate([]int{1}, many)),
		"Generate, a long prompt":   ofAny(m.Generate(long, hooked.Generation{MaxNewTokens: 1})),
		"GenerateText":              ofAny(m.GenerateText("text", many)),
		"GenerateStream":            ofStream,
		"a key-value cache":         ofAny(m.Run(long[:n-1], hooked.WithKV(kv))),
		"Generate on a cache":       ofAny(m.Generate(long[:n-1], hooked.Generation{MaxNewTokens: 1}, hooked.WithKV(kv))),
		"Embed":                     ofAny(m.Embed(long)),
		"PosEmbed":                  ofAny(m.PosEmbed(long)),
		"PositionsOf":               ofAny(m.PositionsOf(hooked.NewMetric([]int{-1}, nil), hooked.Tokens{long})),
		"a residual stream":         ofAny(m.Run(resid, hooked.StartAtLayer(1))),
		"Attn":                      ofAny(m.Attn(0, resid, resid, resid)),
		"an encoder":                ofAny(encoder.Run(make([]int, encoder.Config().NCtx+1))),
		"an encoder, two sentences": ofAny(encoder.NextSentence(make([]int, encoder.Config().NCtx+1))),
	})
}

// TestNoWorker asks for a worker where none can be started: in a process of its own, since a
// process opens its backend once.
func TestNoWorker(t *testing.T) {
	dir := t.TempDir()
	for bin, mode := range map[string]os.FileMode{"/no/such/program": 0o700, "/bin/false": 0o700, "/bin/true": 0o755} {
		if err := os.Chmod(dir, mode); err != nil { // where others may write no worker is started
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutWorker$")
		cmd.Env = append(os.Environ(), "GOMLX_BACKEND=resident:go:", "GOPHERLENS_BIN="+bin, "GOPHERLENS_RESIDENT_DIR="+dir)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
			t.Errorf("%s: %v\n%s", bin, err, out)
		}
	}
}

// TestWithoutWorker is what [TestNoWorker] does in its process.
func TestWithoutWorker(t *testing.T) {
	if os.Getenv("GOMLX_BACKEND") != "resident:go:" || os.Getenv("GOPHERLENS_BIN") == "" {
		t.Skip("TestNoWorker does this in a process of its own")
	}
	hasKind(t, hooked.ErrNoWorker, map[string]error{
		"FromPretrained":        ofAny(hooked.FromPretrained("testdata/arch/gpt2", hooked.NoProcessing)),
		"EncoderFromPretrained": ofAny(hooked.EncoderFromPretrained(bertDir)),
		"New":                   ofAny(hooked.New(hooked.Config{NLayers: 1, DModel: 8, NCtx: 8, DHead: 4, NHeads: 2, DMLP: 16, DVocab: 10, ActFn: hooked.ReLU})),
	})
}
