package hooked_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// The folders are made by gen_families.py (t5, umt5) and testdata/encoder_decoder/make.py.
const (
	t5Dir   = "testdata/encoder_decoder/t5"
	flanDir = "testdata/encoder_decoder/flan"
	umt5Dir = "testdata/encoder_decoder/umt5"
)

func loadT5(t *testing.T, dir string, be compute.Backend) *hooked.EncoderDecoder {
	t.Helper()
	m, err := hooked.EncoderDecoderFromPretrained(dir, hooked.LoadOptions{Backend: be})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readT5(t *testing.T, dir string) (archGolden, *golden.File, golden.Tolerance) {
	var g archGolden
	golden.JSON(t, dir+"/golden.json", &g)
	return g, golden.Open(t, dir+"/golden.safetensors"), golden.Tolerance{Abs: g.Tolerance.Abs, Rel: g.Tolerance.Rel}
}

// inputsOf are a fixture's two texts and the mask of the first.
func inputsOf(file *golden.File) (source, target hooked.Tokens, mask hooked.Option) {
	return file.Ints("tokens"), file.Ints("decoder_tokens"), hooked.AttentionMask(file.Ints("attention_mask"))
}

// TestEncoderDecoder compares a T5's logits and every activation with Hugging Face and with
// TransformerLens, whose decoder the generator made causal.
func TestEncoderDecoder(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		want, file, tol := readT5(t, t5Dir)
		m := loadT5(t, t5Dir, be)
		source, target, mask := inputsOf(file)
		logits, cache := hooked.Must2(m.RunWithCache(source, target, mask))
		compare(t, file, "hf_logits", logits, tol)
		compare(t, file, "mended_tl_logits", logits, tol)
		if got := cache.Names(); !slices.Equal(got, want.HookNames) {
			t.Errorf("hooks in order:\n got %v\nwant %v", got, want.HookNames)
		}
		for _, hook := range file.Names("cache/") {
			hook = strings.TrimPrefix(hook, "cache/")
			want := valuesOf(t, file, "cache/"+hook)
			for i, v := range want { // TransformerLens' T5 masks pads by the lowest number
				if v <= -math.MaxFloat32 {
					want[i] = float32(math.Inf(-1))
				}
			}
			golden.Close(t, hook, cache.Get(hook).Float32s(), want, tol)
		}
		for l := range 2 {
			for fixture, site := range map[string]hooked.Site{
				"encoder_hidden":  hooked.ResidPre.At(l).InEncoder(),
				"decoder_hidden":  hooked.ResidPre.At(l).InDecoder(),
				"encoder_pattern": hooked.AttnPattern.At(l).InEncoder(),
				"decoder_pattern": hooked.AttnPattern.At(l).InDecoder(),
				"cross_pattern":   hooked.CrossAttnPattern.At(l),
			} {
				compare(t, file, fmt.Sprint(fixture, "/", l), cache.Get(site), tol)
			}
		}
		compare(t, file, "encoder_hidden/2", hooked.Must(m.Encode(source, mask)), tol)
	})
}

// TestUMT5 compares logits, streams and patterns of a T5 whose layers have numbers of relative
// positions of their own with Hugging Face's, from the folder, the GGUF file and what is saved, and
// what a generation's step computes with a run of the whole target.
func TestUMT5(t *testing.T) {
	_, file, tol := readT5(t, umt5Dir)
	source, target, mask := inputsOf(file)
	saved := t.TempDir() + "/saved"
	if err := loadT5(t, umt5Dir, golden.PureGo(t)).Save(saved); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{umt5Dir, umt5Dir + ".gguf", saved} {
		t.Run(from, func(t *testing.T) {
			m := loadT5(t, from, golden.PureGo(t))
			logits, cache := hooked.Must2(m.RunWithCache(source, target, mask))
			compare(t, file, "hf_logits", logits, tol)
			for l := range m.Config().NLayers {
				compare(t, file, fmt.Sprint("decoder_hidden/", l), cache.Get(hooked.ResidPre.At(l).InDecoder()), tol)
				compare(t, file, fmt.Sprint("decoder_pattern/", l), cache.Get(hooked.AttnPattern.At(l).InDecoder()), tol)
				compare(t, file, fmt.Sprint("cross_pattern/", l), cache.Get(hooked.CrossAttnPattern.At(l)), tol)
			}
			for l := range m.Config().NEncoderLayers {
				compare(t, file, fmt.Sprint("encoder_hidden/", l), cache.Get(hooked.ResidPre.At(l).InEncoder()), tol)
				compare(t, file, fmt.Sprint("encoder_pattern/", l), cache.Get(hooked.AttnPattern.At(l).InEncoder()), tol)
			}
			ids := hooked.Must(m.Generate(source, hooked.Generation{MaxNewTokens: 5, StopTokens: []int{}}, mask))
			for row, text := range ids {
				whole := hooked.Must(m.Run(source[row:row+1], text, hooked.AttentionMask(file.Ints("attention_mask")[row:row+1])))
				for i, id := range text[1:] {
					scores := whole.At(0, i).Float32s()
					if best := slices.Index(scores, slices.Max(scores)); best != id {
						t.Errorf("row %d: step %d gave token %d, a run of the whole target %d", row, i, id, best)
					}
				}
			}
		})
	}
}

// withoutHeads takes a head out of the encoder and one out of what looks at it.
func withoutHeads() hooked.Option {
	return hooked.Hooks(hooked.Edit(hooked.AttnZ.At(1).InEncoder(), hooked.ZeroHead(1)), hooked.Edit("decoder.0.cross_attn.hook_z", hooked.ZeroHead(2)))
}

// TestFlan compares a gated T5 whose two stacks have unlike numbers of layers with Hugging Face:
// logits, also of texts longer than distances are told apart, the loss and its gradients, edits,
// and what is generated with and without them.
func TestFlan(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		_, file, tol := readT5(t, flanDir)
		m := loadT5(t, flanDir, be)
		source, target, mask := inputsOf(file)
		compare(t, file, "hf_logits", hooked.Must(m.Run(source, target, mask)), tol)
		compare(t, file, "edited_logits", hooked.Must(m.Run(source, target, mask, withoutHeads())), tol)
		long := hooked.Must(m.Run(file.Ints("long/tokens"), file.Ints("long/decoder_tokens")))
		compare(t, file, "long/hf_logits", long, tol)
		loss, _, grads, err := m.LossWithGradients(source, target, mask, hooked.GradientsOfWeights("decoder.1.cross_attn.W_K", "encoder.0.attn.rel_pos_bias.weight"),
			hooked.Gradients("encoder.1.hook_resid_post", hooked.ResidPost.At(0).InDecoder(), hooked.CrossAttnOut.At(-1)))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, file, "hf_loss", loss, tol)
		compare(t, file, "hf_loss", hooked.Must(m.Loss(source, target, mask)), tol)
		for _, s := range grads.Sites() {
			compare(t, file, "grad/"+s.Name(), grads.Get(s), tol)
		}
		for name, g := range grads.WeightGradients() {
			compare(t, file, "grad/"+name, g, tol)
		}
		if n := grads.Len() + len(grads.WeightGradients()); n != 5 {
			t.Errorf("%d gradients, want 5", n)
		}
		eight := hooked.Generation{MaxNewTokens: 8, StopTokens: []int{}}
		for fixture, edits := range map[string]hooked.Option{"generated": hooked.Hooks(), "generated_edited": withoutHeads()} {
			if got, want := hooked.Must(m.Generate(source, eight, mask, edits)), file.Ints(fixture); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s is %v, want %v", fixture, got, want)
			}
		}
	})
}

// TestFlanSteps checks that a generation's steps compute what a run of the whole target does, that
// the encoder is seen in the first alone, and that edits are at its positions and the target's.
func TestFlanSteps(t *testing.T) {
	_, file, tol := readT5(t, flanDir)
	m := loadT5(t, flanDir, golden.PureGo(t))
	source, _, mask := inputsOf(file)
	edits := hooked.Hooks(
		hooked.Edit(hooked.ResidPost.At(0).InEncoder(), hooked.Zero().Only(hooked.Pos(4))),
		hooked.Edit(hooked.CrossAttnZ.At(0), hooked.Zero().Only(hooked.Pos(2))),
		hooked.Edit(hooked.CrossAttnPattern.At(1), hooked.Zero().Only(hooked.Along("source", 1), hooked.Pos(3))))
	tokens := hooked.Tokens{{0}, {0}}
	var steps [][]float32
	n := 0
	for step, err := range m.GenerateStream(source, hooked.Generation{MaxNewTokens: 6, StopTokens: []int{}}, mask, edits,
		hooked.Names("decoder.1.hook_resid_post", "decoder.*.cross_attn.hook_pattern", "encoder.0.hook_resid_pre")) {
		if err != nil {
			t.Fatal(err)
		}
		if got := step.Cache.Len(); got != 4 && n == 0 || got != 3 && n > 0 {
			t.Errorf("step %d recorded %v", n, step.Cache.Names())
		}
		if shape := step.Cache.Get(hooked.CrossAttnPattern.At(0)).Shape(); !slices.Equal(shape, []int{2, 4, 1, 9}) {
			t.Errorf("step %d: the pattern has shape %v", n, shape)
		}
		steps = append(steps, step.Cache.Get("decoder.1.hook_resid_post").Float32s())
		for i, id := range step.Tokens {
			tokens[i] = append(tokens[i], id)
		}
		n++
	}
	_, cache := hooked.Must2(m.RunWithCache(source, tokens, mask, edits))
	for i, got := range steps {
		golden.Close(t, fmt.Sprint("step ", i), got, cache.Get("decoder.1.hook_resid_post").At(hooked.All, i).Float32s(), tol)
	}
	_, plain := hooked.Must2(m.RunWithCache(source, tokens, mask))
	if slices.Equal(plain.Get("decoder.1.hook_resid_post").At(hooked.All, 2).Float32s(), steps[2]) {
		t.Error("the edits changed nothing")
	}
}

// TestRelativeBuckets compares the bucket of every distance with PyTorch's.
func TestRelativeBuckets(t *testing.T) {
	file := golden.Open(t, flanDir+"/golden.safetensors")
	names := file.Names("buckets/")
	if len(names) < 8 {
		t.Fatal("fixtures are missing", names)
	}
	for _, name := range names {
		var buckets, most int
		var kind string
		if _, err := fmt.Sscanf(strings.ReplaceAll(name, "_", " "), "%d %d %s", &buckets, &most, &kind); err != nil {
			t.Fatal(name, err)
		}
		got := hooked.RelativeBucketsOf(hooked.Config{RelativeBuckets: buckets, RelativeMaxDistance: most,
			AttentionDir: map[string]hooked.Direction{"both": hooked.Bidirectional, "causal": hooked.Causal}[kind]})
		for i, want := range file.Ints("buckets/" + name)[0] {
			distance := min(max(i-300, -most), most)
			if int(got[distance+most]) != want {
				t.Errorf("%s: distance %d is in bucket %d, want %d", name, i-300, got[distance+most], want)
			}
		}
	}
}

// TestFlanTexts runs texts of unlike lengths: the tokens and the loss are transformers'.
func TestFlanTexts(t *testing.T) {
	_, file, tol := readT5(t, flanDir)
	var texts struct{ Source, Target []string }
	if err := json.Unmarshal(hooked.Must(os.ReadFile(flanDir+"/texts.json")), &texts); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{flanDir, "testdata/encoder_decoder/flan.gguf"} {
		m := loadT5(t, from, golden.PureGo(t))
		source, _, err := m.ToTokens(texts.Source...)
		target, mask, targetErr := m.ToTargets(texts.Target...)
		if err != nil || targetErr != nil {
			t.Fatal(err, targetErr)
		}
		for name, got := range map[string][][]int{"source": source, "target": target, "target_mask": mask} {
			if want := file.Ints("text/" + name); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %s is %v, want %v", from, name, got, want)
			}
		}
		compare(t, file, "text/loss", hooked.Must(m.Loss(texts.Source, texts.Target)), tol)
		both := hooked.Must(m.Run(texts.Source, texts.Target))
		alone := hooked.Must(m.Run(texts.Source[1], texts.Target[1]))
		golden.Close(t, "the shorter source", both.At(1).Float32s(), alone.At(0).Float32s(), tol)
		first := hooked.Must(m.Run(texts.Source, nil))
		golden.Close(t, "without a target", first.Float32s(), both.At(hooked.All, hooked.Range{To: 1}).Float32s(), tol)
		text := hooked.Must(m.GenerateText(texts.Source[0], hooked.Generation{MaxNewTokens: 4, StopTokens: []int{}}))
		tokens := hooked.Must(m.Generate(texts.Source[0], hooked.Generation{MaxNewTokens: 4, StopTokens: []int{}}))
		tok := hooked.Must(m.Tokenizer())
		if want := hooked.Must(tok.DecodeSkipSpecial(tokens[0])); text != want {
			t.Errorf("generated %q, want %q", text, want)
		}
		compare(t, file, "hf_logits", hooked.Must(m.Run(hooked.Tokens(file.Ints("tokens")), file.Ints("decoder_tokens"),
			hooked.AttentionMask(file.Ints("attention_mask")))), tol)
	}
}

// TestEncoderDecoderRefusals checks what is said of inputs, options and sites that cannot be.
func TestEncoderDecoderRefusals(t *testing.T) {
	here := hooked.LoadOptions{Backend: golden.PureGo(t)}
	m := loadT5(t, t5Dir, here.Backend)
	source, target := []int{3, 4, 5}, []int{0, 7}
	run := func(o ...hooked.Option) error { _, err := m.Run(source, target, o...); return err }
	cached := func(o ...hooked.Option) error { _, _, err := m.RunWithCache(source, target, o...); return err }
	_, asModel := hooked.FromPretrained(t5Dir, hooked.DefaultProcessing, here)
	_, asEncoder := hooked.EncoderFromPretrained(t5Dir, here)
	_, other := hooked.EncoderDecoderFromPretrained("testdata/arch/gpt2", here)
	_, fewer := hooked.EncoderDecoderFromPretrained(t5Dir, hooked.LoadOptions{Backend: here.Backend, FirstNLayers: 1})
	_, twoTargets := m.Run(source, hooked.Tokens{{0}, {0}})
	_, noSource := m.Run(nil, target)
	_, outside := m.Run([]int{99}, target)
	var none *hooked.EncoderDecoder
	_, nothing := none.Run(source, target)
	_, short := m.Loss(source, nil)
	for _, test := range []struct {
		want string
		err  error
	}{
		{"load it with EncoderDecoderFromPretrained", asModel}, {"load it with EncoderDecoderFromPretrained", asEncoder},
		{"load it with FromPretrained", other}, {"FirstNLayers", fewer},
		{"1 sources and 2 targets", twoTargets}, {"source of type <nil>", noSource}, {"the source: prompt 0, position 0: token 99", outside},
		{"the model is nil", nothing}, {"an input of one token has none", short},
		{"does not take StopAtLayer", run(hooked.StopAtLayer(1))}, {"does not take PosSlice", cached(hooked.PosSlice(0))},
		{"the source: the attention mask's row 0 has 2 entries", run(hooked.AttentionMask([][]int{{1, 1}}))},
		{"encoder.*.hook_resid_post or decoder.*.hook_resid_post", cached(hooked.Names(hooked.ResidPost))},
		{"layer 5 does not exist", cached(hooked.Names(hooked.ResidPost.At(5).InEncoder()))},
		{"unknown hook", cached(hooked.Names("encoder.0.hook_resid_midd"))}, {"unknown hook", cached(hooked.Names("resid_post"))},
		{"has axes [batch source", run(hooked.Edit(hooked.CrossAttnK.At(0), hooked.Zero().Only(hooked.Pos(0))))},
		{"RelativeBuckets, RelativeMaxDistance and RelativeEachLayer are of RelativePositions", hooked.Config{NLayers: 1, DModel: 8, NCtx: 9, DHead: 4, NHeads: 2, DVocab: 9, ActFn: "relu", RelativeBuckets: 8}.Validate()},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("error %v, want one that says %q", test.err, test.want)
		}
	}
}

// TestEncoderDecoderSave saves and loads: the same numbers, whichever file they came from.
func TestEncoderDecoderSave(t *testing.T) {
	_, file, tol := readT5(t, flanDir)
	here := golden.PureGo(t)
	folder := t.TempDir() + "/saved"
	if err := loadT5(t, flanDir, here).Save(folder); err != nil {
		t.Fatal(err)
	}
	source, target, mask := inputsOf(file)
	compare(t, file, "hf_logits", hooked.Must(loadT5(t, folder, here).Run(source, target, mask)), tol)
	half := hooked.Must(hooked.EncoderDecoderFromPretrained(flanDir, hooked.LoadOptions{Backend: here, DType: hooked.BF16}))
	golden.Close(t, "in 16 bits", hooked.Must(half.Run(source, target, mask)).Float32s(),
		hooked.Must(loadT5(t, flanDir, here).Run(source, target, mask)).Float32s(), golden.Tolerance{Abs: 0.3})
}

// TestEncoderDecoderTaps names a value in the encoder's last layer, of which the decoder has none,
// edits it, and differentiates a metric with respect to it.
func TestEncoderDecoderTaps(t *testing.T) {
	_, file, _ := readT5(t, flanDir)
	m := loadT5(t, flanDir, golden.PureGo(t))
	source, target, mask := inputsOf(file)
	at := hooked.ResidPost.At(-1).InEncoder()
	name := hooked.Edit(at, func(x *graph.Node, _ hooked.Site) *graph.Node { return hooked.Tap("acts", x, "batch pos d_model") })
	_, cache := hooked.Must2(m.RunWithCache(source, target, mask, name))
	acts := "encoder.2.hook_resid_post.acts"
	golden.Close(t, acts, cache.Get(acts).Float32s(), cache.Get("encoder.2.hook_resid_post").Float32s(), golden.Tolerance{})
	metric := hooked.NewMetric(nil, func(logits *graph.Node, _ []*graph.Node) *graph.Node { return graph.ReduceAllSum(logits) })
	value, _, grads, err := m.RunWithGradients(source, target, metric, mask, name, hooked.Gradients(acts, "encoder.2.hook_resid_post"))
	if err != nil {
		t.Fatal(err)
	}
	golden.Close(t, "gradients", grads.Get(acts).Float32s(), grads.Get("encoder.2.hook_resid_post").Float32s(), golden.Default)
	golden.Close(t, "the metric", value.Float32s(), hooked.Must(m.Measure(source, target, metric, mask)).Float32s(), golden.Default)
	_, elsewhere := load(t, "gpt2", hooked.NoProcessing, golden.PureGo(t)).
		Cache([]int{1, 2}, hooked.Names(hooked.ResidPost.At(0).InEncoder()))
	if elsewhere == nil || !strings.Contains(elsewhere.Error(), "does not exist in") {
		t.Errorf("a site of an encoder in GPT-2: %v", elsewhere)
	}
}
