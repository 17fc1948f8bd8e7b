package edges

import (
	"slices"
	"strconv"

	"gopherlens/internal/brief"
)

// Joined are the curves of several tasks. Package plots draws them in one figure, two lines for
// each task: plots.Line(joined, plots.Axes{XName: "edges", YName: "share of the metric"}).
type Joined struct {
	Tasks        []string    // their names
	Sizes        []int       // edges of the circuits
	Faithfulness [][]float64 // [task][size], see [Curve]
	Completeness [][]float64
}

// Join puts curves over the same sizes together, which may be of different models. Their random
// circuits are left out.
func Join(tasks []string, curves ...*Curve) (*Joined, error) {
	if len(curves) == 0 || len(tasks) != len(curves) {
		return nil, brief.Errorf("edges: Join has %d names and %d curves: give a name for each, and at least one", len(tasks), len(curves))
	}
	j := &Joined{Tasks: slices.Clone(tasks)}
	for i, c := range curves {
		if err := j.add(c); err != nil {
			return nil, brief.Errorf("edges: the curve of task %d (%q) %w", i, tasks[i], err)
		}
		if slices.Contains(tasks[:i], tasks[i]) {
			return nil, brief.Errorf("edges: two curves of Join are called %q: give each task a name of its own", tasks[i])
		}
	}
	return j, nil
}

func (j *Joined) add(c *Curve) error {
	switch {
	case c == nil || len(c.Sizes) == 0 || len(c.Faithfulness) != len(c.Sizes) || len(c.Completeness) != len(c.Sizes):
		return brief.Errorf("is nil or not whole: take what Task.Curve returns")
	case j.Sizes == nil:
		j.Sizes = slices.Clone(c.Sizes)
	case !slices.Equal(j.Sizes, c.Sizes):
		return brief.Errorf("has %d sizes up to %d, the first one %d up to %d: measure the same Sizes in all", len(c.Sizes), c.Sizes[len(c.Sizes)-1],
			len(j.Sizes), j.Sizes[len(j.Sizes)-1])
	}
	j.Faithfulness, j.Completeness = append(j.Faithfulness, slices.Clone(c.Faithfulness)), append(j.Completeness, slices.Clone(c.Completeness))
	return nil
}

func (j *Joined) need() *Joined {
	if j == nil || len(j.Tasks) == 0 || len(j.Faithfulness) != len(j.Tasks) || len(j.Completeness) != len(j.Tasks) {
		fail("the joined curves are nil or empty: look at the error of what should have made them")
	}
	return j
}

// Shape is [series, size]: faithfulness of each task, then completeness of each. What these methods
// panic with is an error that [hooked.Try] returns.
func (j *Joined) Shape() []int { return []int{2 * len(j.need().Tasks), len(j.Sizes)} }

// Float32s are the series one after the other.
func (j *Joined) Float32s() []float32 {
	j.need()
	var out []float32
	for _, row := range slices.Concat(j.Faithfulness, j.Completeness) {
		for _, v := range row {
			out = append(out, float32(v))
		}
	}
	return out
}

// AxisNames are "series" and "edges".
func (j *Joined) AxisNames() []string { return []string{"series", "edges"} }

// AxisLabels are the names of the series, a task and "a task without it", or the sizes.
func (j *Joined) AxisLabels(axis int) []string {
	var labels []string
	if axis != 0 {
		for _, n := range j.need().Sizes {
			labels = append(labels, strconv.Itoa(n))
		}
		return labels
	}
	for _, words := range []string{"", " without it"} {
		for _, task := range j.need().Tasks {
			labels = append(labels, task+words)
		}
	}
	return labels
}
