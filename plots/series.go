package plots

import (
	"fmt"
	"math"
)

// series is what lines and bars are drawn from: values [series, x].
type series struct {
	axes    Axes
	values  [][]float64
	present [][]int   // the columns at which each row has a value, nil for all
	at      []float64 // the x of each column
	digits  int       // that tell these apart
	xLabels []string  // of each column, nil for numbers
	names   []string  // of each row, nil if there is one without a name
	xName   string
	notes   []string
}

// readSeries reads data of shape [x] or [series, x] and its labels.
func readSeries(data any, axes Axes) (series, error) {
	a, err := readArray(data, 1, 2)
	if err != nil {
		return series{}, err
	}
	a = a.withLeading(2)
	s := series{axes: axes, values: a.rows(), xName: orElse(axes.XName, a.axisName(1))}
	if s.xLabels, err = labelled("X", axes.X, a.axisLabels(1), a.shape[1]); err != nil {
		return series{}, err
	}
	if s.names, err = labelled("Series", axes.Series, a.axisLabels(2), a.shape[0]); err != nil {
		return series{}, err
	}
	if s.names == nil && len(s.values) > 1 {
		s.names = indexLabels(len(s.values))
	}
	if err := s.placeColumns(); err != nil {
		return series{}, err
	}
	lo, hi, _ := finiteRange(s.at)
	s.digits = digitsFor(lo, hi)
	return s, nil
}

// placeColumns finds the x of each column: Axes.At, or its index.
func (s *series) placeColumns() error {
	n := len(s.values[0])
	if s.axes.At == nil {
		s.at = make([]float64, n)
		for i := range s.at {
			s.at[i] = float64(i)
		}
		return nil
	}
	if len(s.axes.At) != n {
		return fmt.Errorf("Axes.At has %d places, the data has %d points", len(s.axes.At), n)
	}
	if s.xLabels != nil {
		return fmt.Errorf("Axes.At and labels along x exclude each other")
	}
	for i, x := range s.axes.At {
		if !finite(x) {
			return fmt.Errorf("Axes.At[%d] is %v", i, x)
		}
	}
	s.at = s.axes.At
	return nil
}

func (s *series) all() []float64 {
	var all []float64
	for i := range s.values {
		all = append(all, s.row(i)...)
	}
	return all
}

// row is the values that there are of row i.
func (s *series) row(i int) []float64 {
	if s.present == nil {
		return s.values[i]
	}
	row := make([]float64, len(s.present[i]))
	for k, j := range s.present[i] {
		row[k] = s.values[i][j]
	}
	return row
}

// name of the i-th series, "" if there is only one and it has none.
func (s *series) name(i int) string {
	if s.names == nil {
		return ""
	}
	return s.names[i]
}

// xText is how column j is spoken of.
func (s *series) xText(j int) string {
	if s.xLabels != nil {
		return hoverText(s.xLabels[j])
	}
	return formatTo(s.at[j], s.digits)
}

// noteSpecials says on the figure what could not be placed on the axis.
func noteSpecials(values []float64, marks map[string]string) []string {
	text := ""
	for _, s := range specials(values) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s%s", s.n, s.name, marks[s.name])
	}
	if text == "" {
		return nil
	}
	return []string{"Not finite: " + text}
}

// edgeMarks are the marks on the plot's edge for what has no place in it.
var edgeMarks = map[string]string{"NaN": " (×, bottom)", "+∞": " (▲, top)", "−∞": " (▼, bottom)"}

// edgeMark draws v, which is not finite, at the edge of the plot.
func edgeMark(v, x float64, plot rect, color rgb) shape {
	const r = 4.0
	switch {
	case math.IsInf(v, 1):
		return area{[]point{{x - r, plot.y + 2*r}, {x + r, plot.y + 2*r}, {x, plot.y}}, color, 1}
	case math.IsInf(v, -1):
		b := plot.bottom()
		return area{[]point{{x - r, b - 2*r}, {x, b}, {x + r, b - 2*r}}, color, 1}
	}
	y, d := plot.bottom()-r, r*0.4
	return area{[]point{
		{x - r, y - r + d}, {x - r + d, y - r}, {x, y - d}, {x + r - d, y - r}, {x + r, y - r + d}, {x + d, y},
		{x + r, y + r - d}, {x + r - d, y + r}, {x, y + d}, {x - r + d, y + r}, {x - r, y + r - d}, {x - d, y},
	}, color, 1}
}

// vegaEdgeLayer draws the rows that have a field "odd": the name of a value
// that is not finite. Their y is the end of the axis where edgeMark puts them.
func vegaEdgeLayer(rows list, color object, tips list) object {
	return object{
		"data": object{"values": rows},
		"mark": object{"type": "point", "filled": true, "size": 60, "opacity": 1, "clip": false},
		"encoding": object{
			"x": object{"field": "x", "type": "quantitative"},
			"y": object{"field": "y", "type": "quantitative"},
			"shape": object{"field": "odd", "type": "nominal", "legend": nil,
				"scale": object{"domain": list{"NaN", "+∞", "−∞"}, "range": list{vegaCross, "triangle-up", "triangle-down"}}},
			"color": color, "tooltip": tips,
		},
	}
}

// vegaCross is edgeMark's × as Vega wants a symbol: within a square from -1 to 1.
const vegaCross = "M-1,-.6L-.6,-1L0,-.4L.6,-1L1,-.6L.4,0L1,.6L.6,1L0,.4L-.6,1L-1,.6L-.4,0Z"

// inside is a place on the scale next to the edge where v is marked.
func (s scale) inside(v float64) float64 {
	if math.IsInf(v, 1) {
		return s.between(0.98)
	}
	return s.between(0.02)
}

// edge is the end of a scale where a value that is not finite is marked.
func (s scale) edge(v float64) float64 {
	if math.IsInf(v, 1) {
		return s.hi
	}
	return s.lo
}

// describeSeries puts figure and data into a sentence or two.
func (s *series) describe(kind string) string {
	text := kind
	if s.axes.Title != "" {
		text = visible(s.axes.Title) + ". " + kind
	}
	text += fmt.Sprintf(": %s of %s", count(len(s.values), "series", "series"), count(len(s.at), "point", "points"))
	if s.xName != "" {
		text += " by " + visible(s.xName)
	}
	text += fmt.Sprintf("; %s %s.", orElse(visible(valueTitle(s.axes.YName, s.axes.Unit)), "values"), rangeText(s.all()))
	for _, note := range s.notes {
		text += " " + note + "."
	}
	return text
}
