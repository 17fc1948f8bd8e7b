package probe

import (
	"math"

	"gopherlens/internal/brief"
)

// labelled gives each row its label: labels are one for each example, those that have no row here,
// too, or one for each row. Picked rows can be as many as there are examples; the labels are the
// examples' then, as there is no telling.
func labelled[T any](r *Rows, labels []T) ([]T, error) {
	if err := r.need(); err != nil {
		return nil, err
	}
	switch len(labels) {
	case r.of:
		return pick(labels, r.examples), nil
	case r.n:
		return labels, nil
	}
	return nil, brief.Errorf("there are %d labels for %d rows of %d examples: want one for each row or one for each example", len(labels), r.n, r.of)
}

// classesOf counts the rows of each class. Classes are numbered from 0, and each has a row.
func classesOf(labels []int) (counts []int, err error) {
	for i, label := range labels {
		switch {
		case label < 0:
			return nil, brief.Errorf("label %d is %d: classes are numbered from 0", i, label)
		case label >= len(labels):
			return nil, brief.Errorf("label %d is %d, so that there were %d classes or more, of %d labels: classes are numbered from 0 without gaps",
				i, label, label+1, len(labels))
		}
		for len(counts) <= label {
			counts = append(counts, 0)
		}
		counts[label]++
	}
	for class, n := range counts {
		if n == 0 {
			return nil, brief.Errorf("no label is %d, and one is %d: classes are numbered from 0 without gaps", class, len(counts)-1)
		}
	}
	if len(counts) < 2 {
		return nil, brief.Errorf("all %d labels are 0: a probe tells two classes or more apart", len(labels))
	}
	return counts, nil
}

// checkTargets refuses what a regression cannot follow.
func checkTargets(targets []float64) error {
	same := true
	for i, v := range targets {
		if !(math.Abs(v) <= math.MaxFloat64) {
			return brief.Errorf("target %d is %v", i, v)
		}
		same = same && v == targets[0]
	}
	if same {
		return brief.Errorf("all %d targets are %v: there is nothing to tell apart", len(targets), targets[0])
	}
	return nil
}
