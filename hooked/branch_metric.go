package hooked

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
)

func (m *Model) measure(metric Metric, residuals []float32, shape ...int) ([]float32, error) {
	if len(shape) != 4 || shape[3] != m.cfg.DModel {
		return nil, fmt.Errorf("the residual streams are %v, want [run, batch, pos, %d]", shape, m.cfg.DModel)
	}
	if err := metric.fits(shape[1], shape[2]); err != nil {
		return nil, err
	}
	in := m.newInputs()
	if err := in.set(inputResidual, residuals, dtypes.Float32, shape...); err != nil {
		return nil, err
	}
	var err error
	if metric.operands, err = metric.uploaded(in, "metric"); err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	traced, err := m.trace(shape[0]*shape[1], func(t *program) { m.buildMetrics(t, shape, &metric) })
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	p, err := m.eng.fingerprinted("metric", traced)
	if err != nil {
		return nil, err
	}
	values, err := in.call(p, outsideLayers, nil)
	if err != nil {
		return nil, err
	}
	var out []float32
	err = Try(func() { out = (&Tensor{values[0], []string{"run"}, m.eng}).Float32s() })
	for i, number := range out {
		if math.IsNaN(float64(number)) {
			return nil, fmt.Errorf("the metric of run %d is NaN: some logit that it looks at is, or the metric's own arithmetic", i)
		}
	}
	return out, err
}

// fits refuses residual streams of other prompts or positions than the metric looks at.
func (m *Metric) fits(batch, pos int) error {
	want := len(m.positions)
	if m.each != nil {
		if len(m.each) != batch {
			return fmt.Errorf("the metric has positions of %d prompts, the residual streams are of %d", len(m.each), batch)
		}
		want = len(m.each[0])
	}
	if want > 0 && pos != want {
		return fmt.Errorf("the metric looks at %d positions of each prompt, the residual streams are of %d", want, pos)
	}
	if m.f == nil {
		return fmt.Errorf("the metric has no function: make it with NewMetric or LogitDiff")
	}
	return nil
}

// buildMetrics builds norm and unembedding for all runs together, then the metric of each.
func (m *Model) buildMetrics(t *program, shape []int, metric *Metric) {
	runs, batch, pos := shape[0], shape[1], shape[2]
	p := &plan{scope: scope{batch: runs * batch, pos: pos, fromResidual: true, start: m.cfg.NLayers, stop: m.cfg.NLayers, logits: true}}
	p.seal()
	b := m.newBuilder(p, t.graph)
	x := b.input(inputResidual, dtypes.Float32, shape...)
	b.finish(Reshape(x, runs*batch, pos, m.cfg.DModel))
	numbers := make([]*Node, runs)
	for i := range numbers {
		one := metric.apply(b, SliceAxis(b.logits, 0, AxisRange(i*batch, (i+1)*batch)))
		numbers[i] = Reshape(one, 1)
	}
	t.nodes = []*Node{Concatenate(numbers, 0)}
	t.inputs = b.inputs
}
