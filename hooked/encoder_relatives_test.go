package hooked_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
	"gopherlens/internal/weights"
)

// encoderFixture is a fixture under testdata/encoder whose numbers are Hugging Face's.
func encoderFixture(t *testing.T, name string) (*golden.File, golden.Tolerance) {
	var g archGolden
	dir := filepath.Join("testdata/encoder", name)
	golden.JSON(t, filepath.Join(dir, "golden.json"), &g)
	return golden.Open(t, filepath.Join(dir, "golden.safetensors")), golden.Tolerance{Abs: g.Tolerance.Abs, Rel: g.Tolerance.Rel}
}

// TestEncoderRelatives compares RoBERTa and DistilBERT with Hugging Face, pads among the tokens.
func TestEncoderRelatives(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range []string{"roberta", "distilbert"} {
			t.Run(name, func(t *testing.T) {
				if golden.LeftOut(be, name, "roberta") {
					t.Skip("left to pure Go")
				}
				file, tol := encoderFixture(t, name)
				e := hooked.Must(hooked.EncoderFromPretrained("testdata/encoder/"+name, hooked.LoadOptions{Backend: be}))
				mask := hooked.AttentionMask(file.Ints("attention_mask"))
				logits, cache := hooked.Must2(e.RunWithCache(hooked.Tokens(file.Ints("tokens")), mask))
				compare(t, file, "hf_logits", logits, tol)
				attnOut := map[string]string{"roberta": "blocks.%d.ln1.hook_normalized", "distilbert": "blocks.%d.hook_attn_out"}[name]
				for l := range e.Config().NLayers {
					compare(t, file, fmt.Sprint("hidden/", l), cache.Get("resid_pre", l), tol)
					compare(t, file, fmt.Sprint("resid_post/", l), cache.Get("normalized_resid_post", l), tol)
					compare(t, file, fmt.Sprint("pattern/", l), cache.Get("pattern", l), tol)
					compare(t, file, fmt.Sprint("attn_out/", l), cache.Get(fmt.Sprintf(attnOut, l)), tol)
				}
			})
		}
	})
}

// TestHeadlessEncoders loads checkpoints as sentence encoders are saved, without heads: a run gives
// what the last layer does.
func TestHeadlessEncoders(t *testing.T) {
	for name, class := range map[string]string{"roberta": "RobertaModel", "distilbert": "DistilBertModel", "bert": "BertModel"} {
		dir := copied(t, filepath.Join("testdata/encoder", name))
		editConfig(t, dir, map[string]any{"architectures": []string{class}})
		heads := []string{"lm_head.", "vocab_", "cls."}
		prefix := name + "."
		rewrite(t, dir, func(tensor weights.Tensor) (string, bool) {
			for _, head := range heads {
				if strings.HasPrefix(tensor.Name, head) {
					return "", false
				}
			}
			return strings.TrimPrefix(tensor.Name, prefix), true
		})
		e := hooked.Must(hooked.EncoderFromPretrained(dir, hooked.LoadOptions{Backend: golden.PureGo(t)}))
		file, tol := encoderFixture(t, name)
		tokens, options := hooked.Tokens(file.Ints("tokens")), []hooked.Option{hooked.AttentionMask(file.Ints("attention_mask"))}
		if name == "bert" {
			options = append(options, hooked.TokenTypes(file.Ints("token_type_ids")))
		}
		last, cache := hooked.Must2(e.RunWithCache(tokens, options...))
		want := "hidden/2"
		if name == "bert" {
			want = fmt.Sprint("cache/blocks.", e.Config().NLayers-1, ".hook_normalized_resid_post")
		}
		compare(t, file, want, last, tol)
		if sites := cache.Names(); strings.Contains(fmt.Sprint(sites), "mlm_head") {
			t.Errorf("%s: sites of a head that is not there: %v", class, sites)
		}
		if _, err := e.NextSentence(tokens); err == nil {
			t.Errorf("%s tells the next sentence", class)
		}
		if _, err := e.Run(tokens, hooked.LogitsAt(-1)); err == nil {
			t.Errorf("%s gives logits at a position", class)
		}
	}
}

// rewrite writes a folder's tensors anew, under the names that keep gives, without those it drops.
func rewrite(t *testing.T, dir string, keep func(weights.Tensor) (name string, ok bool)) {
	t.Helper()
	path := filepath.Join(dir, "model.safetensors")
	file := hooked.Must(weights.Open(path))
	var tensors []weights.Named
	for tensor, err := range file.Tensors() {
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := keep(tensor); ok {
			tensors = append(tensors, weights.FromFloat32s(name, tensor.Shape, hooked.Must(tensor.Float32s())))
		}
	}
	file.Close()
	if err := weights.WriteSafetensors(path, nil, tensors); err != nil {
		t.Fatal(err)
	}
}
