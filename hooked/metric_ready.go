package hooked

import (
	"math"
	"slices"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"
)

// This file holds metrics that are needed often. Their tokens and numbers are inputs of the
// compiled program: other answers compile nothing. A metric of one position a prompt looks at its
// last token; [Metric.At] says otherwise.

// LossMetric is the mean cross-entropy in nats of the tokens from position from up to but not
// including to, each given those before it: the loss on a stretch of the text. tokens are those
// that the run reads, [batch][pos]. As in a [Range] negative numbers count from the end, and a to
// of 0 is the end; from is 1 or more, as nothing predicts the first token.
func LossMetric(tokens Tokens, from, to int) Metric {
	n := 0
	if len(tokens) > 0 {
		n = len(tokens[0])
	}
	first, last, ok := Range{from, to}.within(n)
	if !ok || first < 1 {
		return brokenMetric("LossMetric: there is no stretch of tokens from %d to %d of %d that has one before it", from, to, n)
	}
	var positions []int
	next := make(Tokens, len(tokens))
	for p := first; p < last; p++ {
		positions = append(positions, p-1)
	}
	for i, row := range tokens {
		if len(row) != n {
			return brokenMetric("LossMetric: prompt %d has %d tokens, prompt 0 has %d", i, len(row), n)
		}
		next[i] = row[first:last]
	}
	return NewMetric(positions, func(logits *Node, values []*Node) *Node {
		checkTokens("LossMetric", next, logits)
		return Neg(reduceMean(pick(logSoftmaxAlong(logits, -1), values[0]), 1))
	}, Value(next)).described(MetricData{Kind: "LossMetric", Tokens: tokens, From: from, To: to})
}

// AnswerLogProb is the log-probability in nats of each prompt's answer, one token each: [batch].
func AnswerLogProb(answers []int) Metric {
	return answerMetric("AnswerLogProb", answers, func(logits, answer *Node) *Node {
		return pick(logSoftmaxAlong(logits, -1), answer)
	})
}

// AnswerProb is the probability of each prompt's answer, one token each: [batch].
func AnswerProb(answers []int) Metric {
	return answerMetric("AnswerProb", answers, func(logits, answer *Node) *Node {
		return Exp(pick(logSoftmaxAlong(logits, -1), answer))
	})
}

// AnswerLogit is the logit of each prompt's answer, one token each: [batch].
func AnswerLogit(answers []int) Metric { return answerMetric("AnswerLogit", answers, pick) }

// CorrectRate is the share of the prompts whose answer, one token each, is the likeliest: [batch]
// of 0 or 1. Its gradient is zero.
func CorrectRate(answers []int) Metric {
	return answerMetric("CorrectRate", answers, func(logits, answer *Node) *Node {
		logits = StopGradient(logits)
		best := BroadcastToDims(InsertAxes(ReduceMax(logits, -1), -1), logits.Shape().Dimensions...)
		right := pick(ConvertDType(GreaterOrEqual(logits, best), logits.DType()), answer)
		numbers := Where(Equal(logits, logits), ZerosLike(logits), logits)
		return Add(right, reduceSum(numbers, -1)) // NaN where a logit is none
	})
}

// answerMetric is a metric of the logits [batch, 1, d_vocab] at one position of each prompt, and of
// its answer [batch, 1].
func answerMetric(name string, answers []int, f func(logits, answer *Node) *Node) Metric {
	column := make(Tokens, len(answers))
	for i, id := range answers {
		column[i] = []int{id}
	}
	return NewMetric([]int{-1}, func(logits *Node, values []*Node) *Node {
		checkTokens(name, column, logits)
		return Reshape(f(logits, values[0]), logits.Shape().Dim(0))
	}, Value(column)).described(MetricData{Kind: name, Tokens: column})
}

// KLFrom is how far the run's predictions are from those of another: the Kullback-Leibler
// divergence in nats of the run's from the reference's distribution, the sum of p (log p - log q)
// with p of the reference, its mean over the positions. The reference are logits [batch,
// len(positions), d_vocab] as [LogitsAt] of the same positions gives them; no positions mean all.
func KLFrom(reference *Tensor, positions ...int) Metric {
	return NewMetric(positions, func(logits *Node, values []*Node) *Node {
		if !slices.Equal(values[0].Shape().Dimensions, logits.Shape().Dimensions) {
			exceptions.Panicf("KLFrom: the reference has shape %v, the run's logits at these positions %v: take it from a run with LogitsAt of the same positions",
				values[0].Shape().Dimensions, logits.Shape().Dimensions)
		}
		p, q := logSoftmaxAlong(values[0], -1), logSoftmaxAlong(logits, -1)
		return reduceMean(reduceSum(Mul(Exp(p), Sub(p, q)), -1), 1)
	}, Value(reference))
}

// Between is the metric on a scale on which it is 0 where it was zero and 1 where it was one: what
// share of an effect a patch restores, with the metric's values in the corrupted and the clean run.
func (m Metric) Between(zero, one float64) Metric {
	f, n := m.f, len(m.values)
	if f == nil {
		return m
	}
	if !(math.Abs(one-zero) > 0) || math.IsInf(one-zero, 0) {
		return brokenMetric("Metric.Between(%v, %v): want two numbers that differ", zero, one)
	}
	m.values = append(slices.Clone(m.values), []float64{zero, one - zero})
	m.f = func(logits *Node, values []*Node) *Node {
		x := ConvertDType(f(logits, values[:n]), dtypes.Float32)
		scale := values[n]
		at := func(i int) *Node { return Reshape(SliceAxis(scale, 0, AxisElem(i))) }
		return Div(Sub(x, at(0)), at(1))
	}
	return m.redescribed(func(d *MetricData) { d.Scales = append(slices.Clone(d.Scales), [2]float64{zero, one}) })
}

// brokenMetric is a metric that nothing can be computed of: a run returns why.
func brokenMetric(format string, args ...any) Metric {
	return NewMetric([]int{-1}, func(*Node, []*Node) *Node {
		exceptions.Panicf(format, args...)
		return nil
	})
}

// checkTokens panics unless there is a token of the vocabulary for each of the places of logits.
func checkTokens(name string, tokens Tokens, logits *Node) {
	batch, n, vocab := logits.Shape().Dim(0), logits.Shape().Dim(1), logits.Shape().Dim(2)
	if len(tokens) != batch || len(tokens[0]) != n {
		exceptions.Panicf("%s: there are tokens for %d prompts, %d each, and the run looks at %d prompts, %d places each", name, len(tokens),
			len(slices.Concat(tokens...))/max(1, len(tokens)), batch, n)
	}
	for i, id := range slices.Concat(tokens...) {
		if id < 0 || id >= vocab {
			exceptions.Panicf("%s: the token %d of prompt %d is outside the vocabulary of %d", name, id, i/n, vocab)
		}
	}
}
