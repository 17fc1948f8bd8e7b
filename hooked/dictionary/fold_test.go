package dictionary_test

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/golden"
)

// What SAELens folds, and what comes out afterwards.
func TestFolding(t *testing.T) {
	for name, dir := range folders(t, "saes/*/folded.safetensors") {
		t.Run(name, func(t *testing.T) {
			s := newSpliceTest(t, dir, golden.PureGo(t))
			f := golden.Open(t, filepath.Join(dir, "folded.safetensors"))
			x := tensor(t, s.m, s.file, "sae_in", s.axes())
			same := func(what string, got *hooked.Tensor) {
				t.Helper()
				want, _ := f.Floats(what)
				golden.Close(t, what, got.Float32s(), want, s.g.tolerance())
			}
			if f.Has("W_dec_norm/norms") {
				folded := hooked.Must(s.d.FoldDecoderNorms())
				same("W_dec_norm/feature_acts", hooked.Must(folded.Encode(x)))
				same("W_dec_norm/out", hooked.Must(folded.Reconstruct(x)))
			}
			if !f.Has("norm_factor/factor") {
				return
			}
			factor, _ := f.Floats("norm_factor/factor")
			folded := hooked.Must(s.d.FoldNormFactor(float64(factor[0])))
			for _, w := range []string{"W_enc", "W_dec", "b_enc", "b_dec"} {
				same("norm_factor/"+w, folded.Weights[w])
			}
			same("norm_factor/feature_acts", hooked.Must(folded.Encode(x)))
			same("norm_factor/out", hooked.Must(folded.Reconstruct(x)))
		})
	}
}

// Activations times the factor have a mean norm of sqrt(d_in).
func TestNormFactor(t *testing.T) {
	s := newSpliceTest(t, "testdata/saes/standard_z", golden.PureGo(t))
	values, _ := s.file.Floats("sae_in")
	mean := 0.0
	rows := slices.Collect(slices.Chunk(values, s.d.Config.DIn)) // all heads of a position
	for _, row := range rows {
		sum := 0.0
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		mean += math.Sqrt(sum) / float64(len(rows))
	}
	got := hooked.Must(s.d.NormFactor(tensor(t, s.m, s.file, "sae_in", s.axes())))
	if want := math.Sqrt(float64(s.d.Config.DIn)) / mean; !(math.Abs(got-want) < 1e-5*want) {
		t.Errorf("the factor is %v, want %v", got, want)
	}
}

// A folded transcoder gives for activations what it gave for activations times the factor, skip
// included.
func TestFoldNormFactorOfTranscoders(t *testing.T) {
	const factor = 2.5
	for _, name := range []string{"transcoder_mlp", "skip_transcoder_mlp", "jumprelu_skip_transcoder_mlp"} {
		s := newSpliceTest(t, "testdata/saes/"+name, golden.PureGo(t))
		s.d.Config.Normalization = dictionary.AverageOnlyIn
		x := tensor(t, s.m, s.file, "sae_in", s.axes())
		want := hooked.Must(s.d.Reconstruct(x.Scale(factor)))
		got := hooked.Must(hooked.Must(s.d.FoldNormFactor(factor)).Reconstruct(x))
		golden.Close(t, name, got.Float32s(), want.Float32s(), golden.Default)
	}
}

// A folded BatchTopK keeps the features that it kept, as it is trained and as it is used: its
// threshold is in units of activation times decoder norm.
func TestFoldNormFactorOfThresholds(t *testing.T) {
	const factor = 0.4
	dirs := folders(t, "saes/batchtopk*/training/cfg.json")
	for _, dir := range dirs {
		d := hooked.Must(dictionary.Load(dir))
		d.Config.Normalization = dictionary.AverageOnlyIn
		x := hooked.NewNormal(1, "row d_in", 6, d.Config.DIn)
		folded := hooked.Must(d.FoldNormFactor(factor))
		d.Config.Normalization = dictionary.NoNormalization // it does nothing itself
		want := hooked.Must(hooked.Must(d.Inference()).Reconstruct(x.Scale(factor))).Scale(1 / factor)
		got := hooked.Must(hooked.Must(folded.Inference()).Reconstruct(x))
		golden.Close(t, dir, got.Float32s(), want.Float32s(), golden.Tolerance{Abs: 1e-4, Rel: 1e-4})
	}
}

// A configuration that says nothing of a normalization has none, and is saved so.
func TestNoNormalization(t *testing.T) {
	d := hooked.Must(dictionary.Load("testdata/saes/jumprelu_resid"))
	x := hooked.NewNormal(1, "row d_in", 3, d.Config.DIn)
	want := hooked.Must(d.Reconstruct(x)).Float32s()
	d.Config.Normalization = ""
	if got := hooked.Must(d.Reconstruct(x)).Float32s(); !slices.Equal(got, want) {
		t.Errorf("it gives %v, want %v", got, want)
	}
	folder := filepath.Join(t.TempDir(), "saved")
	if err := d.Save(folder); err != nil {
		t.Fatal(err)
	}
	if got := hooked.Must(dictionary.Load(folder)).Config.Normalization; got != dictionary.NoNormalization {
		t.Errorf("it is saved as %q", got)
	}
}

// A dictionary as its training class saves it chooses among all rows, and becomes the one that is
// saved for use.
func TestTrainingForm(t *testing.T) {
	for name, dir := range folders(t, "saes/*/golden.json") {
		training := filepath.Join(dir, "training")
		if _, err := dictionary.Load(training); err != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := model(t, "gpt2", golden.PureGo(t))
			d := hooked.Must(dictionary.Load(training))
			f := golden.Open(t, filepath.Join(training, "golden.safetensors"))
			tol := golden.Tolerance{Abs: 4e-5, Rel: 1e-4}
			for _, tag := range []string{"", "_first_rows"} {
				x := tensor(t, m, f, "x"+tag, "row d_in")
				want, _ := f.Floats("feature_acts" + tag)
				golden.Close(t, "feature_acts"+tag, hooked.Must(d.Encode(x)).Float32s(), want, tol)
			}
			x := tensor(t, m, f, "x", "row d_in")
			want, _ := f.Floats("out")
			golden.Close(t, "out", hooked.Must(d.Reconstruct(x)).Float32s(), want, tol)
			dense := hooked.Must(hooked.Must(d.Sparse(x)).Dense())
			acts, _ := f.Floats("feature_acts")
			golden.Close(t, "sparse", dense.Float32s(), acts, tol)

			use, saved := hooked.Must(d.Inference()), hooked.Must(dictionary.Load(dir))
			for w, t1 := range saved.Weights {
				golden.Close(t, w, use.Weights[w].Float32s(), t1.Float32s(), golden.Tolerance{Abs: 1e-7, Rel: 1e-6})
			}
			if use.Config.Kind != saved.Config.Kind || use.Config.SubtractBias != saved.Config.SubtractBias {
				t.Errorf("%+v, want %+v", use.Config, saved.Config)
			}
		})
	}
}

// What is saved is read again, bit for bit.
func TestSave(t *testing.T) {
	dirs := folders(t, "saes/*/cfg.json")
	for name, dir := range folders(t, "saes/*/training/cfg.json") {
		dirs[name+" "+dir] = dir
	}
	dirs["gemma"] = "testdata/layouts/gemma_scope2_transcoder/transcoder/layer_1_width_16k_l0_medium_affine"
	dirs["old"] = "testdata/layouts/saelens_v5_topk"
	for name, dir := range dirs {
		t.Run(name, func(t *testing.T) {
			d := hooked.Must(dictionary.Load(dir))
			to := filepath.Join(t.TempDir(), "a", "b")
			if err := d.Save(to); err != nil {
				t.Fatal(err)
			}
			again := hooked.Must(dictionary.Load(to))
			if got, want := again.Config.String(), d.Config.String(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if again.Config.Threshold != d.Config.Threshold {
				t.Errorf("the threshold is %v, want %v", again.Config.Threshold, d.Config.Threshold)
			}
			for w, t1 := range d.Weights {
				golden.Close(t, w, again.Weights[w].Float32s(), t1.Float32s(), golden.Tolerance{})
			}
			if err := d.Save(to); err == nil {
				t.Error("a folder that holds something was taken")
			}
		})
	}
}
