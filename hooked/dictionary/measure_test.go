package dictionary_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/golden"
)

// crossEntropy is the mean loss of logits [batch, pos, vocab], in float64.
func crossEntropy(logits []float32, tokens [][]int, vocab int) float64 {
	sum, n := 0.0, 0
	for i, row := range tokens {
		for k := range len(row) - 1 {
			at := logits[(i*len(row)+k)*vocab : (i*len(row)+k+1)*vocab]
			total := 0.0
			for _, v := range at {
				total += math.Exp(float64(v))
			}
			sum, n = sum+math.Log(total)-float64(at[row[k+1]]), n+1
		}
	}
	return sum / float64(n)
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// The measures are those of SAELens' tensors.
func TestMeasure(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for name, dir := range folders(t, "saes/*/golden.json") {
			if !slices.Contains([]string{"jumprelu_resid", "standard_z", "transcoder_mlp"}, name) || golden.LeftOut(be, name) {
				continue
			}
			t.Run(name, func(t *testing.T) {
				s := newSpliceTest(t, dir, be)
				contexts := hooked.Must(corpus.FromTokens(s.in))
				for _, batch := range []int{1, 8} {
					m := hooked.Must(s.d.Measure(t.Context(), s.m, contexts, dictionary.MeasureOptions{Batch: batch, Exclude: []int{}}))
					s.measures(m)
				}
			})
		}
	})
}

func (s *spliceTest) measures(m *dictionary.Measures) {
	t := s.t
	t.Helper()
	near(t, "L0", m.L0, s.g.L0, 1e-9)
	target, _ := s.file.Floats("target")
	out, _ := s.file.Floats("out")
	d := s.d.Config.DOut
	n := len(target) / d
	mean := make([]float64, d)
	for i, v := range target {
		mean[i%d] += float64(v) / float64(n)
	}
	missed, scatter := 0.0, 0.0
	for i, v := range target {
		missed += math.Pow(float64(v-out[i]), 2)
		scatter += math.Pow(float64(v)-mean[i%d], 2)
	}
	near(t, "MSE", m.MSE, missed/float64(n), 1e-5)
	near(t, "explained variance", m.ExplainedVariance, 1-missed/scatter, 1e-5)

	vocab := s.m.Config().DVocabOut
	clean, _ := golden.Open(t, "testdata/models/"+s.g.Model+".safetensors").Floats("logits")
	near(t, "loss", m.Loss, crossEntropy(clean, s.in, vocab), 1e-5)
	spliced, _ := s.file.Floats("logits")
	near(t, "spliced loss", m.Spliced, crossEntropy(spliced, s.in, vocab), 1e-5)
	at := s.d.Config.HookOut
	zeroed := hooked.Must(s.m.Run(s.in, hooked.Edit(at, hooked.Zero())))
	near(t, "loss of zero", m.ZeroAblated, crossEntropy(zeroed.Float32s(), s.in, vocab), 1e-5)
	over := hooked.Must(s.m.Run(s.in, hooked.Edit(at, hooked.MeanOver("batch pos"))))
	near(t, "loss of the mean", m.MeanAblated, crossEntropy(over.Float32s(), s.in, vocab), 1e-5)
	near(t, "loss recovered", m.LossRecovered(), (m.ZeroAblated-m.Spliced)/(m.ZeroAblated-m.Loss), 1e-12)
	near(t, "loss recovered from the mean", m.LossRecoveredFromMean(), (m.MeanAblated-m.Spliced)/(m.MeanAblated-m.Loss), 1e-12)

	acts, _ := s.file.Floats("feature_acts")
	f := s.d.Config.Features
	for i := range f {
		fired, sum, most := 0, 0.0, 0.0
		for k := i; k < len(acts); k += f {
			if v := float64(acts[k]); v > 0 {
				fired, sum, most = fired+1, sum+v, max(most, v)
			}
		}
		if m.Fired[i] != fired {
			t.Errorf("feature %d fired %d times, want %d", i, m.Fired[i], fired)
		}
		near(t, "largest activation", m.Max[i], most, 1e-4)
		near(t, "mean activation", m.Mean[i], sum/max(float64(fired), 1), 1e-4)
		if dead := slices.Contains(m.Dead(), i); dead != (fired == 0) {
			t.Errorf("feature %d, fired %d times, is dead: %v", i, fired, dead)
		}
	}
	h := m.DensityHistogram(5)
	total := h.Dead
	for _, n := range h.Counts {
		total += n
	}
	if total != f || len(h.Edges) != 6 || h.Edges[5] != 0 {
		t.Errorf("the histogram %+v holds %d features, want %d", h, total, f)
	}
}

// Without losses all else is measured as with them, and nothing that only a loss needs is asked
// for.
func TestMeasureWithoutLosses(t *testing.T) {
	for _, name := range []string{"standard_z", "transcoder_mlp"} {
		s := newSpliceTest(t, "testdata/saes/"+name, golden.PureGo(t))
		contexts := hooked.Must(corpus.FromTokens(s.in))
		with := hooked.Must(s.d.Measure(t.Context(), s.m, contexts, dictionary.MeasureOptions{Exclude: []int{}}))
		got := hooked.Must(s.d.Measure(t.Context(), s.m, contexts, dictionary.MeasureOptions{Exclude: []int{}, WithoutLosses: true}))
		near(t, "L0", got.L0, with.L0, 1e-9)
		near(t, "MSE", got.MSE, with.MSE, 1e-5)
		near(t, "explained variance", got.ExplainedVariance, with.ExplainedVariance, 1e-5)
		if !slices.Equal(got.Fired, with.Fired) || !math.IsNaN(got.Loss) || !math.IsNaN(got.Spliced) {
			t.Errorf("%s: fired %v and losses %v, %v, want %v and none", name, got.Fired, got.Loss, got.Spliced, with.Fired)
		}
		single := hooked.Must(corpus.FromTokens([][]int{{5}, {9}})) // a loss would need two tokens
		if _, err := s.d.Measure(t.Context(), s.m, single, dictionary.MeasureOptions{Exclude: []int{}, WithoutLosses: true}); err != nil {
			t.Errorf("%s: contexts of one token: %v", name, err)
		}
		if _, err := s.d.Measure(t.Context(), s.m, single, dictionary.MeasureOptions{Exclude: []int{}}); err == nil {
			t.Errorf("%s: losses of contexts of one token are no error", name)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.d.Measure(gone, s.m, contexts, dictionary.MeasureOptions{Exclude: []int{}}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: a context that has ended: %v", name, err)
		}
	}
}

// Positions of excluded tokens count for nothing.
func TestMeasureExcluded(t *testing.T) {
	s := newSpliceTest(t, "testdata/saes/jumprelu_resid", golden.PureGo(t))
	contexts := hooked.Must(corpus.FromTokens(s.in))
	m := hooked.Must(s.d.Measure(t.Context(), s.m, contexts, dictionary.MeasureOptions{Exclude: []int{s.g.BOS}}))
	rows := len(s.in) * (len(s.in[0]) - 1)
	if m.Positions != rows {
		t.Errorf("%d positions, want %d", m.Positions, rows)
	}
	acts, shape := s.file.Floats("feature_acts")
	active := 0
	for i, v := range acts {
		if i/shape[2]%shape[1] > 0 && v > 0 {
			active++
		}
	}
	near(t, "L0", m.L0, float64(active)/float64(rows), 1e-9)
	spliced := hooked.Must(s.m.Loss(s.in, dictionary.Splice(s.d, dictionary.SpliceOptions{Exclude: []int{s.g.BOS}})))
	near(t, "spliced loss", m.Spliced, float64(spliced.Item()), 1e-6)
}

// Cosines are those of float64.
func TestCosines(t *testing.T) {
	d := hooked.Must(dictionary.Load("testdata/saes/jumprelu_resid"))
	w := d.Weights["W_dec"].Rows()
	cosine := func(a, b []float32) float64 {
		dot, aa, bb := 0.0, 0.0, 0.0
		for i := range a {
			dot, aa, bb = dot+float64(a[i])*float64(b[i]), aa+float64(a[i])*float64(a[i]), bb+float64(b[i])*float64(b[i])
		}
		return dot / math.Sqrt(aa*bb)
	}
	all, some := hooked.Must(d.Cosines(d)).Rows(), hooked.Must(d.Cosines(d, 7, 3)).Rows()
	for i := range all {
		for k := range all[i] {
			near(t, "cosine", float64(all[i][k]), cosine(w[i], w[k]), 1e-5)
		}
	}
	if !slices.Equal(some[0], all[7]) && math.Abs(float64(some[0][1]-all[7][1])) > 1e-6 || len(some) != 2 {
		t.Error("the cosines of some features differ from those of all")
	}
}

func samePromoted(a, b dictionary.Promoted) bool {
	return a.Token == b.Token && a.Text == b.Text && math.Abs(float64(a.Logit-b.Logit)) < 1e-5
}

// What a feature adds to the logits by the direct path is what its direction adds when the final
// norm keeps its scale.
func TestLogitAttribution(t *testing.T) {
	for _, name := range []string{"standard_z", "transcoder_mlp", "standard_ln_resid"} {
		t.Run(name, func(t *testing.T) {
			s := newSpliceTest(t, "testdata/saes/"+name, golden.PureGo(t))
			up, down, err := s.d.LogitAttribution(s.m, s.g.Feature, 3)
			if err != nil {
				t.Fatal(err)
			}
			logits, cache := hooked.Must2(s.m.RunWithCache(s.in, hooked.Names(hooked.LNFinalScale)))
			scale := cache.Get(hooked.LNFinalScale)
			direction := s.d.Weights["W_dec"].At(s.g.Feature).Named("d_z")
			added := hooked.Edit(hooked.ResidPost.At(-1), hooked.AddTo(direction.Named("d_model")))
			if s.d.Config.FlattenHeads { // by the last layer's heads, as if it were theirs
				wO := hooked.Must(s.m.Weight("blocks.1.attn.W_O"))
				byHead := direction.Rearrange("(head d_head) -> head d_head", hooked.Sizes{"head": wO.Shape()[0]})
				added = hooked.Edit(hooked.ResidPost.At(-1), hooked.AddTo(byHead.Einsum("h d, h d m -> m", wO).Named("d_model")))
			}
			with := hooked.Must(s.m.Run(s.in, added, hooked.Edit(hooked.LNFinalScale, hooked.Replace(scale))))
			difference := with.Sub(logits).Mul(scale.At(hooked.All, hooked.All, 0)).At(0, 2).Float32s()
			mean := 0.0
			for _, v := range difference {
				mean += float64(v) / float64(len(difference))
			}
			for _, p := range append(up, down...) {
				near(t, "the logit of "+p.Text, float64(p.Logit), float64(difference[p.Token])-mean, 2e-5)
				if p.Text == "" {
					t.Errorf("token %d has no text", p.Token)
				}
			}
			slices.Sort(difference)
			near(t, "the largest", float64(up[0].Logit), float64(difference[len(difference)-1])-mean, 2e-5)
			near(t, "the third from below", float64(down[2].Logit), float64(difference[2])-mean, 2e-5)
			features := []int{0, s.g.Feature, s.d.Config.Features - 1}
			ups, downs, err := s.d.LogitAttributions(s.m, features, 3)
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range features {
				one, other, err := s.d.LogitAttribution(s.m, f, 3)
				if err != nil || !slices.EqualFunc(ups[i], one, samePromoted) || !slices.EqualFunc(downs[i], other, samePromoted) {
					t.Errorf("feature %d promotes %v among others, and %v alone: %v", f, ups[i], one, err)
				}
			}
		})
	}
}
