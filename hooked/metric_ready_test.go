package hooked_test

import (
	"math"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// logProbsOf are the log-probabilities of logits, row by row, in double precision.
func logProbsOf(logits []float32, vocab int) []float64 {
	out := make([]float64, len(logits))
	for from := 0; from < len(logits); from += vocab {
		sum := 0.0
		for _, v := range logits[from : from+vocab] {
			sum += math.Exp(float64(v))
		}
		for i, v := range logits[from : from+vocab] {
			out[from+i] = float64(v) - math.Log(sum)
		}
	}
	return out
}

// The ready metrics are what their formulas say of the logits.
func TestReadyMetrics(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := tapModel(t, be)
		logits := hooked.Must(m.Run(tapTokens))
		batch, pos, vocab := len(tapTokens), len(tapTokens[0]), m.Config().DVocabOut
		logProbs := logProbsOf(logits.Float32s(), vocab)
		at := func(i, p, id int) float64 { return logProbs[(i*pos+p)*vocab+id] }
		answers := []int{3, 7}
		best := logits.ArgMax("d_vocab").Ints()

		reference := hooked.Must(m.Run(tapTokens, hooked.Edit(hooked.MLPOut.At(0), hooked.Zero())))
		p := logProbsOf(reference.Float32s(), vocab)
		kl := func(positions ...int) float64 {
			sum := 0.0
			for i := range batch {
				for _, k := range positions {
					for id := range vocab {
						lp := p[(i*pos+k)*vocab+id]
						sum += math.Exp(lp) * (lp - at(i, k, id))
					}
				}
			}
			return sum / float64(batch*len(positions))
		}
		span := func(from, to int) float64 {
			sum := 0.0
			for i, row := range tapTokens {
				for k := from; k < to; k++ {
					sum -= at(i, k-1, row[k])
				}
			}
			return sum / float64(batch*(to-from))
		}
		last := reference.At(hooked.All, hooked.Range{From: -1})
		logProb := (at(0, pos-1, 3) + at(1, pos-1, 7)) / 2
		for _, test := range []struct {
			name   string
			metric hooked.Metric
			want   float64
		}{
			{"loss on a stretch", hooked.LossMetric(tapTokens, 2, 4), span(2, 4)},
			{"loss to the end", hooked.LossMetric(tapTokens, -2, 0), span(pos-2, pos)},
			{"loss of all", hooked.LossMetric(tapTokens, 1, 0), float64(hooked.Must(m.Loss(tapTokens)).Item())},
			{"log-probability", hooked.AnswerLogProb(answers), logProb},
			{"log-probability elsewhere", hooked.AnswerLogProb(answers).At([][]int{{1}, {2}}), (at(0, 1, 3) + at(1, 2, 7)) / 2},
			{"probability", hooked.AnswerProb(answers), (math.Exp(at(0, pos-1, 3)) + math.Exp(at(1, pos-1, 7))) / 2},
			{"logit", hooked.AnswerLogit(answers), float64(logits.At(0, -1, 3).Item()+logits.At(1, -1, 7).Item()) / 2},
			{"right once", hooked.CorrectRate([]int{best[pos-1], (best[2*pos-1] + 1) % vocab}), 0.5},
			{"divergence at the end", hooked.KLFrom(last, -1), kl(pos - 1)},
			{"divergence everywhere", hooked.KLFrom(reference), kl(0, 1, 2, 3, 4)},
			{"divergence from itself", hooked.KLFrom(logits), 0},
			{"rescaled", hooked.AnswerLogProb(answers).Between(-1, 3), (logProb + 1) / 4},
		} {
			if golden.LeftOut(be, test.name, "loss on a stretch", "right once", "divergence everywhere", "rescaled") {
				continue
			}
			value, _, _, err := m.RunWithGradients(tapTokens, test.metric, hooked.Names("embed"))
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			if got := float64(value.Item()); !(math.Abs(got-test.want) <= 1e-5) {
				t.Errorf("%s: %v, want %v", test.name, got, test.want)
			}
		}
		_, _, grads, err := m.RunWithGradients(tapTokens, hooked.LossMetric(tapTokens, 1, 0))
		_, _, want, wantErr := m.LossWithGradients(tapTokens)
		if err != nil || wantErr != nil {
			t.Fatal(err, wantErr)
		}
		within(t, "gradient of the loss", grads.Get("resid_pre", 1).Float32s(), want.Get("resid_pre", 1).Float32s(), 1e-6)
	})
}

// Other answers and scales compile nothing.
func TestReadyMetricsShareTheirProgram(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	run := func(metric hooked.Metric) {
		if _, _, _, err := m.RunWithGradients(tapTokens, metric); err != nil {
			t.Fatal(err)
		}
	}
	run(hooked.AnswerLogProb([]int{1, 2}).Between(0, 1))
	run(hooked.LossMetric(tapTokens, 2, 4))
	programs := m.Programs()
	run(hooked.AnswerLogProb([]int{3, 4}).Between(-2, 5))
	run(hooked.LossMetric(tapTokens, 3, 5))
	if n := m.Programs() - programs; n != 0 {
		t.Errorf("%d programs were compiled", n)
	}
}

func TestReadyMetricsErrors(t *testing.T) {
	m := tapModel(t, golden.PureGo(t))
	other := hooked.Must(m.Run(hooked.Tokens{{1, 2}}))
	for _, test := range []struct {
		name   string
		metric hooked.Metric
		want   string
	}{
		{"the first token", hooked.LossMetric(tapTokens, 0, 3), "0 to 3 of 5"},
		{"an empty stretch", hooked.LossMetric(tapTokens, 3, 3), "3 to 3"},
		{"beyond the text", hooked.LossMetric(tapTokens, 2, 9), "2 to 9"},
		{"no tokens", hooked.LossMetric(nil, 1, 2), "of 0"},
		{"uneven tokens", hooked.LossMetric(hooked.Tokens{{1, 2, 3}, {1, 2}}, 1, 2), "prompt 1 has 2"},
		{"other prompts", hooked.LossMetric(tapTokens[:1], 1, 3), "1 prompts"},
		{"too few answers", hooked.AnswerLogProb([]int{1}), "1 prompts"},
		{"no answers", hooked.CorrectRate(nil), "AnswerLogProb|0 prompts|has no"},
		{"an answer outside", hooked.AnswerProb([]int{1, 99}), "99 of prompt 1"},
		{"another reference", hooked.KLFrom(other), "LogitsAt"},
		{"no reference", hooked.KLFrom(nil), "nil"},
		{"no scale", hooked.AnswerLogit([]int{1, 2}).Between(2, 2), "Between(2, 2)"},
		{"a scale that is no number", hooked.AnswerLogit([]int{1, 2}).Between(2, math.NaN()), "NaN"},
	} {
		_, _, _, err := m.RunWithGradients(tapTokens, test.metric)
		found := false
		for _, want := range strings.Split(test.want, "|") {
			found = found || err != nil && strings.Contains(err.Error(), want)
		}
		if !found {
			t.Errorf("%s: %v, want something of %q", test.name, err, test.want)
		}
	}
}
