package edges

import (
	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// Metrics are the metric of runs of some circuits: every target reads, for each edge that is not in
// the circuit, what its node writes in the source, in place of what it writes in the run. That of
// all edges is the base run, that of none on [patching.FromTokens] the run on these tokens.
func (t Task) Metrics(m *hooked.Model, circuits []*Circuit, options ...Option) ([]float64, error) {
	r, err := t.prepared(m, options, circuits...)
	if err != nil {
		return nil, err
	}
	return r.measureAll(circuits)
}

// measureAll is [runs.measure] with progress told.
func (r *runs) measureAll(circuits []*Circuit) ([]float64, error) {
	defer r.set.begin("measuring circuits")()
	var numbers []float64
	for i := 0; i < len(circuits); i += r.size {
		some, err := r.measure(circuits[i:min(i+r.size, len(circuits))]...)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, some...)
		if err := r.set.report(len(numbers), len(circuits)); err != nil {
			return nil, err
		}
	}
	return numbers, nil
}

// prepared are the runs of a task, for circuits of its model's graph.
func (t Task) prepared(m *hooked.Model, options []Option, circuits ...*Circuit) (*runs, error) {
	set, err := newSettings(options)
	if err != nil {
		return nil, err
	}
	g, err := GraphOf(m)
	if err != nil {
		return nil, err
	}
	for i, c := range circuits {
		if err := c.check(); err != nil {
			return nil, err
		}
		if c.g.shape != g.shape {
			return nil, brief.Errorf("edges: circuit %d is of %s, the model has %s: take one of this model's graph", i, c.g, g)
		}
	}
	return t.runsOf(m, set)
}

// Faithfulness is how much of the metric a circuit keeps, on a scale on which all edges have 1 and
// none 0. What circuits leave out can do harm, so that it may lie beyond.
func (t Task) Faithfulness(m *hooked.Model, c *Circuit, options ...Option) (float64, error) {
	return t.shareOf(m, c, options)
}

// Completeness is how much of the metric the rest of the model keeps without the circuit, on the
// same scale: near 0 where the circuit has all that does the task.
func (t Task) Completeness(m *hooked.Model, c *Circuit, options ...Option) (float64, error) {
	if err := c.check(); err != nil {
		return 0, err
	}
	return t.shareOf(m, c.Complement(), options)
}

func (t Task) shareOf(m *hooked.Model, c *Circuit, options []Option) (float64, error) {
	shares, err := t.shares(m, []*Circuit{c}, options)
	if err != nil {
		return 0, err
	}
	return shares[0], nil
}
