package dictionary_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/golden"
)

// saeGolden is a dictionary's golden.json.
type saeGolden struct {
	Model     string
	Hook      string
	HookOut   string `json:"hook_out"`
	BOS       int
	Answers   [][]int
	Feature   int
	Steer     float64
	L0        float64
	Tolerance struct{ Atol, Rtol float64 }
}

func (g saeGolden) tolerance() golden.Tolerance {
	return golden.Tolerance{Abs: g.Tolerance.Atol, Rel: g.Tolerance.Rtol}
}

// folders are the fixtures of testdata/WHERE, by name.
func folders(t testing.TB, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures in testdata/%s (%v)", pattern, err)
	}
	out := make(map[string]string)
	for _, file := range files {
		dir := filepath.Dir(file)
		out[filepath.Base(dir)] = dir
	}
	return out
}

// A spliceTest is a dictionary of the fixtures in its model.
type spliceTest struct {
	t    *testing.T
	g    saeGolden
	file *golden.File
	d    *dictionary.Dictionary
	m    *hooked.Model
	in   hooked.Tokens
}

func newSpliceTest(t *testing.T, dir string, be compute.Backend) *spliceTest {
	t.Helper()
	s := &spliceTest{t: t, file: golden.Open(t, filepath.Join(dir, "golden.safetensors"))}
	golden.JSON(t, filepath.Join(dir, "golden.json"), &s.g)
	s.d = hooked.Must(dictionary.Load(dir))
	s.m = model(t, s.g.Model, be)
	s.in = s.file.Ints("tokens")
	return s
}

// same compares a tensor with the fixture's of this name.
func (s *spliceTest) same(name string, got *hooked.Tensor) {
	s.t.Helper()
	want, shape := s.file.Floats(name)
	if got == nil {
		s.t.Errorf("%s: there is none", name)
		return
	}
	if size(got.Shape()) != size(shape) {
		s.t.Errorf("%s: shape %v, want %v", name, got.Shape(), shape)
		return
	}
	golden.Close(s.t, name, got.Float32s(), want, s.g.tolerance())
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func (s *spliceTest) axes() string {
	if s.d.Config.FlattenHeads {
		return "batch pos head d_head"
	}
	return "batch pos d_model"
}

func (s *spliceTest) skips() bool { return strings.Contains(string(s.d.Config.Kind), "skip") }

// Every number that SAELens gives for a dictionary in its model.
func TestFixtures(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for name, dir := range folders(t, "saes/*/golden.json") {
			if golden.LeftOut(be, name, "jumprelu_skip_transcoder_mlp", "topk_rescale_resid") {
				continue
			}
			t.Run(name, func(t *testing.T) {
				s := newSpliceTest(t, dir, be)
				s.alone()
				s.spliced("", dictionary.SpliceOptions{})
				s.spliced("_err", dictionary.SpliceOptions{ErrorTerm: true})
				s.excluded()
			})
		}
	})
}

// alone checks what the dictionary computes without a model.
func (s *spliceTest) alone() {
	x := tensor(s.t, s.m, s.file, "sae_in", s.axes())
	acts := hooked.Must(s.d.Encode(x))
	s.same("feature_acts", acts)
	s.same("decoded", hooked.Must(s.d.Decode(acts, x)))
	s.same("out", hooked.Must(s.d.Reconstruct(x)))
	sparse := hooked.Must(s.d.Sparse(x))
	s.same("feature_acts", hooked.Must(sparse.Dense()))
	if l0 := sparse.L0(); l0 != s.g.L0 {
		s.t.Errorf("L0 is %v, want %v", l0, s.g.L0)
	}
	features := hooked.Must(s.d.Features(s.m, s.in))
	s.same("feature_acts", hooked.Must(features.Dense()))
}

// spliced checks a run with the dictionary in it.
func (s *spliceTest) spliced(tag string, how dictionary.SpliceOptions) {
	at := s.d.Config.HookOut
	splice := dictionary.Splice(s.d, how)
	logits, cache := hooked.Must2(s.m.RunWithCache(s.in, splice))
	prefix := "cache" + tag + "/"
	for _, name := range s.file.Names(prefix) {
		if s.skips() && tag == "" && strings.HasSuffix(name, "hook_sae_output") {
			continue // SAELens leaves the skip out
		}
		if s.skips() && strings.HasSuffix(name, "hook_sae_error") {
			s.same("error", cache.Get(name)) // of an output with the skip in it
			continue
		}
		s.same(prefix+name, cache.Get(name))
	}
	s.same("feature_acts", cache.Get(s.d.Acts()))
	if s.skips() {
		if tag == "" {
			s.same("out", cache.Get(at))
			return
		}
	} else if tag == "" {
		s.same("decoded", cache.Get(at))
		s.same("logits", logits)
	}
	if tag == "_err" {
		s.same("logits_err", logits.At(hooked.All, hooked.Range{From: -2}))
	}

	value, _, grads, err := s.m.RunWithGradients(s.in, hooked.LogitDiff(s.g.Answers), splice, hooked.Names(s.d.Acts()), hooked.Gradients(s.d.Acts()))
	if err != nil {
		s.t.Fatal(err)
	}
	// the metric of the fixture is a sum over the rows
	rows := float64(len(s.in))
	s.same("metric"+tag, value.Scale(rows))
	s.same("grad_acts"+tag, grads.Get(s.d.Acts()).Scale(rows))

	for name, value := range map[string]float64{"ablate": 0, "steer": s.g.Steer} {
		edited := hooked.Must(s.m.Run(s.in, splice, hooked.LogitsAt(-1),
			hooked.Edit(s.d.Acts(), hooked.Replace(value, hooked.Along("feature", s.g.Feature)))))
		s.same("logits_"+name+tag, edited)
	}
}

func (s *spliceTest) excluded() {
	if s.skips() {
		return
	}
	logits := hooked.Must(s.m.Run(s.in, dictionary.Splice(s.d, dictionary.SpliceOptions{Exclude: []int{s.g.BOS}}), hooked.LogitsAt(-2, -1)))
	s.same("logits_exclude_bos", logits)
}
