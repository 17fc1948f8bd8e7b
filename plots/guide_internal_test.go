package plots

import "testing"

// TestGuideLabel looks at where a horizontal guide's label stands: no line of the data goes through
// it where there is such a place, and the picture and Vega's agree.
func TestGuideLabel(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
		at     float64
		low    float64 // of the axis
		anchor anchor
		below  bool
	}{
		{"nothing is near", []float64{5, 4, 5, 4, 5, 4}, 1, 0, end, false},
		{"the line ends at it", []float64{5, 4, 3, 2, 1.2, 1.1}, 1, 0, start, false},
		{"the line begins and ends above it", []float64{1.1, 1.2, 5, 5, 1.2, 1.1}, 1, 0, end, true},
		{"the lower side is outside", []float64{1.01, 1.2, 5, 5, 1.2, 1.02}, 1, 1, end, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			axes := Axes{Guides: []Guide{Horizontal(c.at, "nothing added")}, Low: c.low, High: 6}
			figure, err := newLine(c.values, axes, pointsPerLine)
			if err != nil {
				t.Fatal(err)
			}
			f := figure.frame
			f.begin()
			points := f.guide(axes.Guides[0])
			label := f.guideLabel(axes.Guides[0], points, f.crowd())
			if below := label.at.y > points[0].y; label.anchor != c.anchor || below != c.below {
				t.Errorf("the label is anchored %v at %v, below: %v; want %v, %v", label.anchor, label.at, below, c.anchor, c.below)
			}
			mark, place := f.vegaGuideLabel(axes.Guides[0], f.crowd())
			if left := mark["align"] == "left"; left != (c.anchor == start) || (place == 0) != left || (mark["dy"] == 8) != c.below {
				t.Errorf("Vega has %v at end %d", mark, place)
			}
		})
	}
}
