package probe

import (
	"math/rand/v2"
	"slices"

	"gopherlens/internal/brief"
)

// A Split says which examples a probe is fitted on and which it is tested on. All rows of an
// example, such as the tokens of a text, are on one side. The zero value tests on a quarter.
type Split struct {
	// Test is the share of the examples to test on; 0 for a quarter. Where all rows of an example
	// have one label, each class gives its share, at least one example.
	Test float64
	Seed uint64 // which of them: the same seed, the same examples

	// TrainOn and TestOn are the examples themselves, in the place of Test and Seed. Those in
	// neither are left out.
	TrainOn, TestOn []int
}

const defaultTest = 0.25

// rows are the rows to train and to test on. classes is the label of each row, nil for a
// regression.
func (s Split) rows(r *Rows, classes []int) (train, test []int, err error) {
	of := make(map[int][]int) // the rows of each example
	var examples []int
	for row, e := range r.examples {
		if of[e] == nil {
			examples = append(examples, e)
		}
		of[e] = append(of[e], row)
	}
	trainOn, testOn, err := s.examples(examples, of, classes)
	if err != nil {
		return nil, nil, err
	}
	for i, side := range []struct {
		on   []int
		rows *[]int
	}{{trainOn, &train}, {testOn, &test}} {
		for _, e := range side.on {
			if of[e] == nil {
				return nil, nil, brief.Errorf("Split.%s names example %d, of which there is no row", []string{"TrainOn", "TestOn"}[i], e)
			}
			*side.rows = append(*side.rows, of[e]...)
		}
	}
	return train, test, checkClasses(classes, train, test)
}

// examples are those of each side.
func (s Split) examples(all []int, of map[int][]int, classes []int) (train, test []int, err error) {
	share := s.Test
	switch {
	case len(s.TrainOn)+len(s.TestOn) > 0:
		return s.TrainOn, s.TestOn, s.checkNamed()
	case share == 0:
		share = defaultTest
	case !(share > 0 && share < 1):
		return nil, nil, brief.Errorf("Split.Test is %v: want a share between 0 and 1", s.Test)
	}
	random := rand.New(rand.NewPCG(s.Seed, 0))
	for _, group := range groupsOf(all, of, classes) {
		if len(group) < 2 {
			return nil, nil, brief.Errorf("there is one example%s: it takes two, one to fit on and one to test on", ofClass(classes, of[group[0]]))
		}
		n := min(max(int(share*float64(len(group))+0.5), 1), len(group)-1)
		for i, k := range random.Perm(len(group)) {
			if i < n {
				test = append(test, group[k])
			} else {
				train = append(train, group[k])
			}
		}
	}
	slices.Sort(train)
	slices.Sort(test)
	return train, test, nil
}

// ofClass tells the class of rows in messages; classes is nil for a regression.
func ofClass(classes, rows []int) string {
	if classes == nil {
		return ""
	}
	return brief.Sprintf(" of class %d", classes[rows[0]])
}

// checkNamed refuses sides that are empty or have an example in common.
func (s Split) checkNamed() error {
	switch {
	case s.Test != 0 || s.Seed != 0:
		return brief.Errorf("Split.Test and Seed would do nothing, TrainOn and TestOn name the examples: leave one pair out")
	case len(s.TrainOn) == 0:
		return brief.Errorf("Split.TestOn is given and TrainOn is empty: give both")
	case len(s.TestOn) == 0:
		return brief.Errorf("Split.TrainOn is given and TestOn is empty: give both")
	}
	seen := make(map[int]bool)
	for _, e := range slices.Concat(s.TrainOn, s.TestOn) {
		if seen[e] {
			return brief.Errorf("Split names example %d twice, among TrainOn and TestOn", e)
		}
		seen[e] = true
	}
	return nil
}

// groupsOf are the examples by class, where each is of one class; else all are one group.
func groupsOf(all []int, of map[int][]int, classes []int) [][]int {
	var groups [][]int
	for _, e := range all {
		rows := of[e]
		if classes == nil || slices.ContainsFunc(rows, func(row int) bool { return classes[row] != classes[rows[0]] }) {
			return [][]int{all}
		}
		for len(groups) <= classes[rows[0]] {
			groups = append(groups, nil)
		}
		groups[classes[rows[0]]] = append(groups[classes[rows[0]]], e)
	}
	return groups
}

// checkClasses refuses a split that leaves a class out of a side: it could not be learned, or not
// be tested.
func checkClasses(classes, train, test []int) error {
	if classes == nil {
		return nil
	}
	n := slices.Max(classes) + 1
	for i, rows := range [][]int{train, test} {
		found := make([]bool, n)
		for _, row := range rows {
			found[classes[row]] = true
		}
		if class := slices.Index(found, false); class >= 0 {
			return brief.Errorf("the split leaves class %d out of what is to %s on: take another seed, another share, or more examples",
				class, []string{"train", "test"}[i])
		}
	}
	return nil
}
