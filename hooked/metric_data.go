package hooked

import (
	"maps"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// MetricData is a ready metric as data, which can be stored and sent: [Metric.Data] makes it, and
// [MetricData.Metric] a metric of it again.
type MetricData struct {
	Kind     string       // the function that made it, such as "LogitDiff"
	Tokens   Tokens       `json:",omitempty"` // its answers, or the tokens of a loss
	From, To int          `json:",omitempty"` // of a loss
	Weights  []float32    `json:",omitempty"` // of a projection
	Each     [][]int      `json:",omitempty"` // see [Metric.At]
	Scales   [][2]float64 `json:",omitempty"` // see [Metric.Between]
}

// metricKinds make the ready metrics of their data.
var metricKinds = map[string]func(d MetricData) Metric{
	"LogitDiff":       func(d MetricData) Metric { return LogitDiff(d.Tokens) },
	"LossMetric":      func(d MetricData) Metric { return LossMetric(d.Tokens, d.From, d.To) },
	"AnswerLogProb":   func(d MetricData) Metric { return AnswerLogProb(d.answers()) },
	"AnswerProb":      func(d MetricData) Metric { return AnswerProb(d.answers()) },
	"AnswerLogit":     func(d MetricData) Metric { return AnswerLogit(d.answers()) },
	"CorrectRate":     func(d MetricData) Metric { return CorrectRate(d.answers()) },
	"LogitProjection": func(d MetricData) Metric { return LogitProjection(d.Weights) },
}

func (d MetricData) answers() []int { return slices.Concat(d.Tokens...) }

// Data is a ready metric as data; an error for one of a function ([NewMetric]) or of tensors
// ([KLFrom]).
func (m Metric) Data() (MetricData, error) {
	if m.data == nil {
		return MetricData{}, brief.Errorf("the metric is a function, or has tensors, and only ready metrics are data: %s", brief.Names(slices.Sorted(maps.Keys(metricKinds))))
	}
	return *m.data, nil
}

// Metric is the metric that the data are of.
func (d MetricData) Metric() (Metric, error) {
	make, known := metricKinds[d.Kind]
	if !known {
		return Metric{}, brief.Errorf("there is no ready metric %q%s", d.Kind, nearest.Hint(d.Kind, slices.Sorted(maps.Keys(metricKinds))))
	}
	m := make(d)
	if d.Each != nil {
		m = m.At(d.Each)
	}
	for _, s := range d.Scales {
		m = m.Between(s[0], s[1])
	}
	return m, nil
}

// described is m, which is what d says.
func (m Metric) described(d MetricData) Metric {
	m.data = &d
	return m
}

// redescribed is m after a change of its data, if it has any.
func (m Metric) redescribed(change func(d *MetricData)) Metric {
	if m.data == nil {
		return m
	}
	d := *m.data
	change(&d)
	return m.described(d)
}

// LogitProjection is the sum of the logits at each prompt's last token, each times its weight,
// [batch]: how far the prediction lies in a direction of the vocabulary. There are as many weights
// as tokens.
func LogitProjection(weights []float32) Metric {
	return NewMetric([]int{-1}, func(logits *Node, values []*Node) *Node {
		batch, n, vocab := logits.Shape().Dim(0), logits.Shape().Dim(1), logits.Shape().Dim(2)
		if len(weights) != vocab || n != 1 {
			exceptions.Panicf("LogitProjection has %d weights for a vocabulary of %d, and looks at %d positions of each prompt: want as many weights, and one position",
				len(weights), vocab, n)
		}
		return reduceSum(Mul(Reshape(logits, batch, vocab), BroadcastToDims(Reshape(values[0], 1, vocab), batch, vocab)), -1)
	}, Value(weights)).described(MetricData{Kind: "LogitProjection", Weights: weights})
}
