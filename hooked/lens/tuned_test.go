package lens_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/lens"
	"gopherlens/internal/golden"
	_ "gopherlens/xla"
)

// sentences are rows of tokens that repeat, so that there is something to learn of.
func sentences(t *testing.T, m *hooked.Model) corpus.Contexts {
	t.Helper()
	rows := make([][]int, 16)
	for i := range rows {
		for k := range 12 {
			rows[i] = append(rows[i], (i*7+k*(i%3+1))%m.Config().DVocab)
		}
	}
	return hooked.Must(corpus.FromTokens(rows))
}

// TestTunedLensIdentity: a lens that was not fitted is the logit lens, after the last layer it is
// the model, and its divergence is that of the run's own logits.
func TestTunedLensIdentity(t *testing.T) {
	for _, family := range []string{"gpt2", "llama", "gemma2", "gptj"} {
		m := openModel(t, family, hooked.DefaultProcessing)
		one := hooked.Must(lens.NewTunedLens(m))
		tokens := hooked.Tokens{{3, 1, 4, 1, 5}, {9, 2, 6, 5, 3}}
		logits, cache := hooked.Must2(m.RunWithCache(tokens))
		want, wantLabels, err := lens.LogitLensOwnScale(m, cache)
		if err != nil {
			t.Fatal(err)
		}
		got, labels, err := one.Logits(cache)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(labels, wantLabels) {
			t.Errorf("%s: labels %v, want %v", family, labels, wantLabels)
		}
		golden.Close(t, family, got.Float32s(), want.Float32s(), golden.Tolerance{Abs: 1e-5})

		rows := hooked.Must(corpus.FromTokens(tokens))
		kl, err := one.Divergence(t.Context(), m, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 10, Batch: 2, Seed: 1}), 1)
		if err != nil {
			t.Fatal(err)
		}
		bU := hooked.Must(m.BU())
		end := logits.LogSoftmax(logits.AxisNames()[2])
		for l := range m.Config().NLayers {
			row := want.At(l)
			read := row.Add(bU.Named(row.AxisNames()[2])).LogSoftmax(row.AxisNames()[2])
			p, q := end.Float32s(), read.Float32s()
			sum := 0.0
			for i := range p {
				sum += math.Exp(float64(p[i])) * float64(p[i]-q[i])
			}
			golden.Close(t, family+" divergence", []float32{float32(kl[l])}, []float32{float32(sum / 10)}, golden.Tolerance{Abs: 1e-5, Rel: 1e-4})
		}
	}
}

// fitted is a lens fitted to a model in some steps.
func fitted(t *testing.T, m *hooked.Model, source lens.StreamSource, steps int) *lens.TunedLens {
	t.Helper()
	tuned, err := lens.FitTunedLens(t.Context(), m, source, lens.TunedConfig{Steps: steps, LearningRate: 0.3})
	if err != nil {
		t.Fatal(err)
	}
	return tuned
}

// TestTunedLens: the divergence falls at every layer, on tokens in other batches than those that
// the lens was fitted in; and after the last layer the lens reads the logits.
func TestTunedLens(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, family := range []string{"gpt2", "llama"} {
			if golden.LeftOut(be, family, "llama") {
				continue
			}
			m := hooked.Must(hooked.FromPretrained(filepath.Join("../testdata/arch", family), hooked.DefaultProcessing, hooked.LoadOptions{Backend: be}))
			rows := sentences(t, m)
			tuned := fitted(t, m, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 64, Batch: 16, Skip: 1, Seed: 1}), 25)
			one := hooked.Must(lens.NewTunedLens(m))
			test := lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 40, Batch: 4, Skip: 1, Seed: 2})
			before := hooked.Must(one.Divergence(t.Context(), m, test, 4))
			after := hooked.Must(tuned.Divergence(t.Context(), m, test, 4))
			for l := range before {
				if !(after[l] < before[l]) {
					t.Errorf("%s, layer %d: the divergence is %v, was %v with the logit lens", family, l, after[l], before[l])
				}
			}
			logits, cache := hooked.Must2(m.RunWithCache(hooked.Tokens{{3, 1, 4, 1, 5}}))
			read, labels, err := tuned.Logits(cache)
			if err != nil {
				t.Fatal(err)
			}
			last := read.At(len(labels) - 1)
			bU := hooked.Must(m.BU())
			golden.Close(t, family+" after the last layer", last.Add(bU.Named(last.AxisNames()[2])).Float32s(), logits.Float32s(), golden.Tolerance{Abs: 2e-5})
			if family == "llama" {
				table := hooked.Must(tuned.Table(cache, 2))
				plain := hooked.Must(lens.LogitLensTable(cache, 2))
				if n := len(table.Top) - 1; !slices.EqualFunc(table.Top[n], plain.Top[n], slices.Equal) || slices.EqualFunc(table.Top[0], plain.Top[0], slices.Equal) {
					t.Errorf("the tables' last rows must be the same and the first ones not: %v, %v", table.Top, plain.Top)
				}
			}
		}
	})
}

// TestTunedLensStep compares a step with one worked out by differences: of a bias of one layer,
// whose gradient is small enough not to be clipped.
func TestTunedLensStep(t *testing.T) {
	m := openModel(t, "gpt2", hooked.DefaultProcessing)
	source := lens.StreamsOf(t.Context(), m, sentences(t, m), lens.StreamConfig{Size: 48, Batch: 4, Seed: 1})
	const rate = 0.01
	tuned := hooked.Must(lens.FitTunedLens(t.Context(), m, source, lens.TunedConfig{Steps: 1, LearningRate: rate}))
	for l := range tuned.Layers() {
		b, w := hooked.Must(tuned.Bias(l)), hooked.Must(tuned.Weight(l))
		// the first step is rate (1 + momentum) times the clipped gradient
		size := 0.0
		for _, v := range append(b.Float32s(), w.Float32s()...) {
			size += float64(v) * float64(v)
		}
		if size = math.Sqrt(size) / (rate * 1.9); size > 1.0001 {
			t.Errorf("layer %d: the gradient has norm %v after clipping", l, size)
		}
	}
	// along the step the divergence falls as fast as the gradient says
	one := hooked.Must(lens.NewTunedLens(m))
	before := hooked.Must(one.Divergence(t.Context(), m, source, 1))
	after := hooked.Must(tuned.Divergence(t.Context(), m, source, 1))
	for l := range before {
		square := 0.0
		for _, v := range append(hooked.Must(tuned.Bias(l)).Float32s(), hooked.Must(tuned.Weight(l)).Float32s()...) {
			square += float64(v) * float64(v)
		}
		step := math.Sqrt(square)
		if slope := (before[l] - after[l]) / step; !(slope > 0) {
			t.Errorf("layer %d: the divergence changes by %v along the gradient", l, -slope)
		}
	}
}

// TestTunedLensFromStore: fitted to stored streams a lens falls too.
func TestTunedLensFromStore(t *testing.T) {
	m := openModel(t, "llama", hooked.DefaultProcessing)
	last := m.Config().NLayers - 1
	store, err := activations.Harvest(t.Context(), m, sentences(t, m), activations.Config{Folder: filepath.Join(t.TempDir(), "streams"),
		Sites: []hooked.Selector{hooked.ResidPre, hooked.ResidPost.At(last)}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	source := lens.StreamsFrom(store, m, activations.Reading{Size: 48, Shuffle: true, Seed: 1})
	raw := openModel(t, "llama", hooked.NoProcessing)
	stranger := lens.StreamsFrom(store, raw, activations.Reading{Size: 48})
	if _, err := lens.FitTunedLens(t.Context(), raw, stranger, lens.TunedConfig{Steps: 1}); err == nil || !strings.Contains(err.Error(), "processing") {
		t.Errorf("streams of the model with processing for the one without: %v", err)
	}
	tuned := fitted(t, m, source, 25)
	before := hooked.Must(hooked.Must(lens.NewTunedLens(m)).Divergence(t.Context(), m, source, 4))
	after := hooked.Must(tuned.Divergence(t.Context(), m, source, 4))
	for l := range before {
		if !(after[l] < before[l]) {
			t.Errorf("layer %d: the divergence is %v, was %v with the logit lens", l, after[l], before[l])
		}
	}
	if run := hooked.Must(hooked.Must(lens.NewTunedLens(m)).Divergence(t.Context(), m, lens.StreamsOf(t.Context(), m, sentences(t, m), lens.StreamConfig{Size: 192, Batch: 16, Seed: 1}), 1)); math.Abs(run[0]-before[0]) > 1e-4 {
		t.Errorf("the divergence is %v from the store, %v from runs", before[0], run[0])
	}
}

// TestTunedLensSaved reads back what was saved, and what the package tuned-lens has written.
func TestTunedLensSaved(t *testing.T) {
	m := openModel(t, "llama", hooked.DefaultProcessing)
	tuned := fitted(t, m, lens.StreamsOf(t.Context(), m, sentences(t, m), lens.StreamConfig{Size: 64, Batch: 16, Seed: 1}), 1)
	folder := filepath.Join(t.TempDir(), "lens")
	if err := tuned.Save(folder); err != nil {
		t.Fatal(err)
	}
	read, err := lens.OpenTunedLens(folder)
	if err != nil {
		t.Fatal(err)
	}
	for l := range tuned.Layers() {
		if !slices.Equal(hooked.Must(read.Weight(l)).Float32s(), hooked.Must(tuned.Weight(l)).Float32s()) ||
			!slices.Equal(hooked.Must(read.Bias(l)).Float32s(), hooked.Must(tuned.Bias(l)).Float32s()) {
			t.Errorf("layer %d is read back otherwise", l)
		}
	}
	if err := tuned.Save(folder); err != nil {
		t.Errorf("a saved lens is not replaced: %v", err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.tex"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := tuned.Save(full); err == nil || !strings.Contains(err.Error(), "thesis.tex") {
		t.Errorf("a folder that holds another file: %v", err)
	}
	if there := hooked.Must(os.ReadDir(full)); len(there) != 1 {
		t.Errorf("a refused save leaves %v", there)
	}
	config := filepath.Join(folder, "config.json")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	for change, want := range map[[2]string]string{
		{`"num_hidden_layers": 3`, `"num_hidden_layers": 4`}: `no "3.weight"`,
		{`"num_hidden_layers": 3`, `"num_hidden_layers": 2`}: `which is no part of a lens of 2 layers`,
		{`"d_model"`, `"model"`}:                             "d_model is 0",
		{`linear_tuned_lens`, `mlp`}:                         `lens_type is "mlp"`,
		{`{`, ``}:                                            "config.json",
	} {
		if !strings.Contains(string(text), change[0]) {
			t.Fatalf("config.json has no %s: %s", change[0], text)
		}
		if err := os.WriteFile(config, []byte(strings.Replace(string(text), change[0], change[1], 1)), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := lens.OpenTunedLens(folder); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestTunedLensRefuses lists what is an error.
func TestTunedLensRefuses(t *testing.T) {
	m, other := openModel(t, "llama", hooked.DefaultProcessing), openModel(t, "gpt2", hooked.DefaultProcessing)
	raw := openModel(t, "gpt2", hooked.NoProcessing)
	rows := sentences(t, m)
	source := lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 16, Batch: 4, Seed: 1})
	one := hooked.Must(lens.NewTunedLens(m))
	mids := hooked.Must(m.Cache(hooked.Tokens{{1, 2}}))
	fit := func(c lens.TunedConfig, source lens.StreamSource) error {
		return failure(lens.FitTunedLens(t.Context(), m, source, c))
	}
	for want, err := range map[string]error{
		"TunedConfig.Steps is 0":            fit(lens.TunedConfig{}, source),
		"TunedConfig.LearningRate is -1":    fit(lens.TunedConfig{Steps: 1, LearningRate: -1}, source),
		"TunedConfig.LearningRate is NaN":   fit(lens.TunedConfig{Steps: 1, LearningRate: math.NaN()}, source),
		"TunedConfig.WeightDecay is 2":      fit(lens.TunedConfig{Steps: 1, WeightDecay: 2}, source),
		"hold no step of 99 tokens":         fit(lens.TunedConfig{Steps: 1}, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 99, Batch: 1, Seed: 1})),
		"the source gives no streams":       fit(lens.TunedConfig{Steps: 1}, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 16, Batch: 4, Rows: hooked.Range{From: 14}, Seed: 1})),
		"ends after 4 steps":                failure(one.Divergence(t.Context(), m, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 48, Batch: 4, Seed: 1}), 5)),
		"ends after 1 steps":                failure(one.Divergence(t.Context(), m, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 48, Batch: 4, Rows: hooked.Range{To: 4}}), 2)),
		"the contexts end at 16":            failure(one.Divergence(t.Context(), m, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 48, Batch: 4, Rows: hooked.Range{To: 17}}), 9)),
		"StreamConfig.Batch is 0":           failure(one.Divergence(t.Context(), m, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 48}), 1)),
		"StreamConfig.Rows is from 3 to 2":  failure(one.Divergence(t.Context(), m, lens.StreamsOf(t.Context(), m, rows, lens.StreamConfig{Size: 48, Batch: 4, Rows: hooked.Range{From: 3, To: 2}}), 1)),
		"the lens is of a model with":       failure(one.Divergence(t.Context(), other, source, 1)),
		"no map for 0_mid":                  failure2(one.Logits(mids, hooked.IncludeMid)),
		"there is no layer 3":               failure(one.Weight(3)),
		"hooked.CenterWriting":              failure(hooked.Must(lens.NewTunedLens(other)).Divergence(t.Context(), raw, source, 1)),
		"Translate: the stream is":          failure(one.Translate(0, hooked.NewOnes("d_model", 3))),
		"OpenTunedLens: ../testdata: open ": failure(lens.OpenTunedLens("../testdata")),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
