package hooked_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// metricOf is a metric of a run, which must be the same in a run with gradients.
func metricOf(m *hooked.Model, input any, metric hooked.Metric, options ...hooked.Option) (float32, error) {
	value, err := m.Measure(input, metric, options...)
	again, _, _, err2 := m.RunWithGradients(input, metric, append(options, hooked.Names("hook_embed"), hooked.Gradients("hook_embed"))...)
	if fmt.Sprint(err) != fmt.Sprint(err2) && strings.ReplaceAll(fmt.Sprint(err2), "RunWithGradients", "Measure") != fmt.Sprint(err) {
		return 0, fmt.Errorf("%w, and with gradients %w", err, err2)
	}
	if err != nil {
		return 0, err
	}
	if a, b := float64(value.Item()), float64(again.Item()); !(math.Abs(a-b) <= 1e-5+1e-5*math.Abs(b)) {
		return 0, fmt.Errorf("%v, and with gradients %v", a, b)
	}
	if len(value.Shape()) > 0 {
		return 0, fmt.Errorf("the metric has shape %v", value.Shape())
	}
	return value.Item(), nil
}

// TestMeasureShares checks that measuring computes prefixes that prompts share once, compiles
// nothing but the metric's own program after a run, and sees edits.
func TestMeasureShares(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, golden.PureGo(t))
	tokens := hooked.Tokens{{1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 3, 4, 5, 6, 7, 9}, {1, 2, 3, 4, 5, 6, 8, 9}}
	metric := hooked.LogitDiff(hooked.Tokens{{1, 2}, {3, 4}, {5, 6}})
	var alone float32
	for i := range tokens {
		alone += hooked.Must(metricOf(m, tokens[i:i+1], hooked.LogitDiff(hooked.Tokens{{2*i + 1, 2*i + 2}}))) / 3
	}
	golden.Close(t, "together", []float32{hooked.Must(metricOf(m, tokens, metric))}, []float32{alone}, golden.Tolerance{Abs: 1e-5, Rel: 1e-5})

	hooked.Must(m.Run(tokens))
	before := m.Programs()
	hooked.Must(m.Measure(tokens, metric))
	if n := m.Programs() - before; n > 1 {
		t.Errorf("the metric after a run compiled %d programs", n)
	}
	edited := hooked.Must(metricOf(m, tokens, metric, hooked.Edit(hooked.AttnOut.At(1), hooked.Zero())))
	logits := hooked.Must(m.Run(tokens, hooked.Edit(hooked.AttnOut.At(1), hooked.Zero())))
	var want float32
	for i := range tokens {
		want += (logits.At(i, -1, 2*i+1).Item() - logits.At(i, -1, 2*i+2).Item()) / 3
	}
	golden.Close(t, "edited", []float32{edited}, []float32{want}, golden.Tolerance{Abs: 1e-5, Rel: 1e-5})
}

// TestLogitDiffOfUnequalPrompts checks that prompts of unequal length, padded on either side and
// told in every way, give the mean of what they give alone.
func TestLogitDiffOfUnequalPrompts(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		for _, name := range []string{"gpt2", "llama"} {
			if golden.LeftOut(be, name, "gpt2") {
				continue
			}
			m := load(t, name, hooked.DefaultProcessing, be)
			answers := hooked.Tokens{{10, 20}, {30, 40}}
			var want float32
			for i, text := range someTexts {
				want += hooked.Must(metricOf(m, text, hooked.LogitDiff(answers[i:i+1]))) / 2
			}
			right := hooked.Must(m.ToTokens(someTexts))
			left := hooked.Must(m.ToTokens(someTexts, hooked.PaddingSide(hooked.Left)))
			n := len(hooked.Must(m.ToTokens(someTexts[1:]))[0])
			mask := [][]int{slices.Repeat([]int{1}, len(right[0])), slices.Concat(slices.Repeat([]int{1}, n), make([]int, len(right[0])-n))}
			metric := hooked.LogitDiff(answers)
			for what, got := range map[string]func() (float32, error){
				"texts":             func() (float32, error) { return metricOf(m, someTexts, metric) },
				"texts on the left": func() (float32, error) { return metricOf(m, someTexts, metric, hooked.PaddingSide(hooked.Left)) },
				"tokens at EndsOf":  func() (float32, error) { return metricOf(m, right, metric.At(m.EndsOf(right))) },
				"tokens at EndsOfMask": func() (float32, error) {
					return metricOf(m, right, metric.At(hooked.Must(hooked.EndsOfMask(mask))))
				},
				"tokens with a mask": func() (float32, error) { return metricOf(m, right, metric, hooked.AttentionMask(mask)) },
				"tokens on the left": func() (float32, error) { return metricOf(m, left, metric, hooked.PaddingSide(hooked.Left)) },
			} {
				value, err := got()
				if err != nil {
					t.Errorf("%s, %s: %v", name, what, err)
					continue
				}
				golden.Close(t, name+", "+what, []float32{value}, []float32{want}, golden.Tolerance{Abs: 1e-5, Rel: 1e-5})
			}
			ones := hooked.AttentionMask(slices.Repeat([][]int{slices.Repeat([]int{1}, len(right[0]))}, 2))
			if value, err := metricOf(m, right, metric, ones); err != nil || value == want {
				t.Errorf("a mask of ones makes the pads tokens, whose metric is another; got %v, %v", value, err)
			}
		}
	})
}

// TestMetricAtPositions compares a metric at positions of each prompt with the logits there.
func TestMetricAtPositions(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, golden.PureGo(t))
	tokens := hooked.Tokens{{1, 2, 3, 4}, {5, 6, 7, 8}}
	at := [][]int{{3, 0}, {1, 2}}
	sum := hooked.NewMetric(nil, func(logits *Node, _ []*Node) *Node { return ReduceMax(SliceAxis(logits, 1, AxisElem(0)), -1, -2) })
	logits := hooked.Must(m.Run(tokens))
	want := (logits.At(0, 3).Max().Item() + logits.At(1, 1).Max().Item()) / 2
	got := hooked.Must(metricOf(m, tokens, sum.At(at)))
	golden.Close(t, "metric", []float32{got}, []float32{want}, golden.Default)
	if found := hooked.Must(m.PositionsOf(sum.At(at), tokens)); !slices.EqualFunc(found, at, slices.Equal) {
		t.Errorf("PositionsOf: %v", found)
	}
	if found := hooked.Must(m.PositionsOf(hooked.NewMetric([]int{-2, 1}, nil), tokens)); !slices.Equal(found[1], []int{2, 1}) {
		t.Errorf("PositionsOf: %v", found)
	}
}

// TestBadMetrics checks that what is no metric, or looks at pads, is refused with its shape or
// position.
func TestBadMetrics(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, golden.PureGo(t))
	tokens := hooked.Tokens{{1, 2, 3, 4}, {5, 6, 7, 8}}
	right := hooked.Must(m.ToTokens(someTexts))
	mask := [][]int{{1, 1, 1, 1}, {0, 1, 1, 0}}
	shaped := func(f func(logits *Node) *Node) hooked.Metric {
		return hooked.NewMetric([]int{-1}, func(logits *Node, _ []*Node) *Node { return f(logits) })
	}
	of := func(metric hooked.Metric, o ...hooked.Option) error {
		_, err := metricOf(m, tokens, metric, o...)
		return err
	}
	residuals := func(n int, metric hooked.Metric) error {
		_, err := m.MeasureRuns(metric, *hooked.NewArray(1, 2, n, m.Config().DModel))
		return err
	}
	logits := shaped(func(x *Node) *Node { return x })
	all := hooked.NewMetric(nil, func(x *Node, _ []*Node) *Node { return ReduceAllMean(x) })
	nan := shaped(func(x *Node) *Node { return Log(AddScalar(MulScalar(ReduceAllMean(x), 0), -1)) })
	good := hooked.LogitDiff(hooked.Tokens{{1, 2}, {3, 4}})
	_, inTexts := metricOf(m, someTexts, all)
	_, doubtful := metricOf(m, right, good)
	_, doubtfulAll := metricOf(m, right, all)
	for want, err := range map[string]error{
		"it has shape (Float32)[2, 1, 336]: want one n":         of(logits),
		"it has shape (Float32)[1, 336]":                        of(shaped(func(x *Node) *Node { return ReduceMean(x, 0) })),
		"it has shape (Float32)[2, 1]: want":                    of(shaped(func(x *Node) *Node { return ReduceMean(x, 2) })),
		"it has shape (Int32)[2]":                               of(shaped(func(x *Node) *Node { return Reshape(ArgMax(x, -1), 2) })),
		"it has shape (Float32)[2, 1, 336]: want one number f":  residuals(1, logits),
		"looks at 1 positions of each prompt, the residual str": residuals(2, good),
		"the metric of run 0 is NaN":                            residuals(1, nan),
		"the metric is NaN":                                     of(nan),
		"): its function returned nil":                          of(shaped(func(*Node) *Node { return nil })),
		"the metric has no function":                            of(hooked.Metric{}),
		"answers have shape [1 2], want [2, 2]":                 of(hooked.LogitDiff(hooked.Tokens{{1, 2}})),
		"the answer 999 of prompt 1 is outside":                 of(hooked.LogitDiff(hooked.Tokens{{1, 2}, {3, 999}})),
		"the answer -1 of prompt 0 is outside":                  of(hooked.LogitDiff(hooked.Tokens{{-1, 2}, {3, 4}})),
		"looks at one position of each prompt, not at 2":        of(good.At([][]int{{1, 2}, {1, 2}})),
		"positions of 0 prompts, the run has 2":                 of(good.At(nil)),
		"the attention mask leaves prompt 1 no token":           of(good, hooked.AttentionMask([][]int{{1, 1, 1, 1}, {0, 0, 0, 0}})),
		"positions of 1 prompts, the run has 2":                 of(good.At([][]int{{1}})),
		"2 positions of prompt 1 and 1 of prompt 0":             of(good.At([][]int{{1}, {1, 2}})),
		"position 4 of prompt 1, whose row has":                 of(good.At([][]int{{1}, {4}})),
		"position -1 of prompt 1, whose row has":                of(good.At([][]int{{1}, {-1}})),
		"position 3 of prompt 1, which the attention mask":      of(good.At([][]int{{1}, {3}}), hooked.AttentionMask(mask)),
		"position 0, which in prompt 1 is a pad":                of(hooked.NewMetric([]int{0}, nil), hooked.AttentionMask(mask)),
		"all positions, and some of prompt 1 are pads":          of(all, hooked.AttentionMask(mask)),
		"all positions, and the last 3 of prompt 1 are pads":    inTexts,
		"with Metric.At(model.EndsOf(tokens)) or AttentionMask": doubtful,
		"at the end of prompt 1, where 3 of its":                doubtfulAll,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// TestLogitsAtTheEnd checks that positions from the end are those of each prompt, as if it ran
// alone.
func TestLogitsAtTheEnd(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, golden.PureGo(t))
	right := hooked.Must(m.ToTokens(someTexts))
	mask := slices.Clone(right)
	for i, end := range m.EndsOf(right) {
		mask[i] = slices.Concat(slices.Repeat([]int{1}, end[0]+1), make([]int, len(right[0])-end[0]-1))
	}
	for what, got := range map[string]*hooked.Tensor{
		"texts":             hooked.Must(m.Run(someTexts, hooked.LogitsAt(-1, -2))),
		"texts on the left": hooked.Must(m.Run(someTexts, hooked.LogitsAt(-1, -2), hooked.PaddingSide(hooked.Left))),
		"a mask":            hooked.Must(m.Run(right, hooked.LogitsAt(-1, -2), hooked.AttentionMask(mask))),
	} {
		for i, text := range someTexts {
			alone := hooked.Must(m.Run(text, hooked.LogitsAt(-1, -2))).At(0)
			golden.Close(t, what, got.At(i).Float32s(), alone.Float32s(), golden.Tolerance{Abs: 1e-5, Rel: 1e-5})
		}
	}
	for want, err := range map[string]error{
		"prompt 1 has 3 pad tokens and others have none": err2(m.Run(right, hooked.LogitsAt(-1))),
		"LogitsAt(-5): prompt 1 has only 3 positions":    err2(m.Run(someTexts, hooked.LogitsAt(-5))),
		"LogitsAt(9): the input has 6 positions":         err2(m.Run(right, hooked.LogitsAt(9))),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	hooked.Must(m.Run(right, hooked.LogitsAt(5))) // counted from the beginning it is what it is
}
