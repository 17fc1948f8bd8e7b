package plots

import (
	"fmt"
	"math"
	"reflect"
	"slices"
)

// HistBins is the largest number of bars of a histogram.
const HistBins = 200

type histogram struct {
	axes   Axes
	counts [][]int   // [series][bin]
	edges  []float64 // one more than bins
	names  []string
	n      int
	frame  frame
}

// Hist draws how often values fall into each of a row of equal intervals. Data
// is of shape [sample], or a slice of samples, which may differ in length, to
// be laid over one another; Axes.Series names them. XName and Unit say what the
// values are, Bins how many intervals to make.
//
// Values that are not finite have no interval; the figure says how many.
func Hist(data any, axes Axes) Figure {
	h, err := newHist(data, axes)
	return figure("Hist", h, err)
}

func newHist(data any, axes Axes) (*histogram, error) {
	if err := axes.check("Hist", "XName YName Unit Series Bins Guides Low High"); err != nil {
		return nil, err
	}
	if axes.Bins < 0 || axes.Bins > HistBins {
		return nil, fmt.Errorf("Axes.Bins is %d; it goes up to %d, 0 chooses by the data", axes.Bins, HistBins)
	}
	samples, err := readSamples(data)
	if err != nil {
		return nil, err
	}
	h := &histogram{axes: axes}
	if h.names, err = labelled("Series", axes.Series, nil, len(samples)); err != nil {
		return nil, err
	}
	if h.names == nil && len(samples) > 1 {
		h.names = indexLabels(len(samples))
	}
	h.bin(samples)
	return h, h.setUpFrame(samples)
}

// readSamples reads one sample, or several of any lengths.
func readSamples(data any) ([][]float64, error) {
	a, err := convert(data)
	v := reflect.ValueOf(data)
	if err != nil && v.IsValid() && v.Kind() == reflect.Slice && v.Len() > 0 {
		return readEach(v) // perhaps slices of different lengths
	}
	if err != nil {
		return nil, err
	}
	if a, err = readArray(data, 1, 2); err != nil {
		return nil, err
	}
	return a.withLeading(2).rows(), nil
}

func readEach(v reflect.Value) ([][]float64, error) {
	var samples [][]float64
	for i := range v.Len() {
		a, err := readArray(v.Index(i).Interface(), 1)
		if err != nil {
			return nil, fmt.Errorf("sample %d: %w", i, err)
		}
		samples = append(samples, a.values)
	}
	return samples, nil
}

func (h *histogram) bin(samples [][]float64) {
	all := slices.Concat(samples...)
	lo, hi, _ := finiteRange(all)
	if h.axes.fixedRange() {
		lo, hi = h.axes.Low, h.axes.High
	}
	h.edges = binEdges(all, lo, hi, h.axes.Bins)
	h.counts = make([][]int, len(samples))
	for i, sample := range samples {
		h.counts[i] = make([]int, len(h.edges)-1)
		for _, v := range sample {
			if k, ok := h.binOf(v); ok {
				h.counts[i][k]++
			}
		}
	}
	h.n = len(all)
}

// binEdges cuts lo..hi into n intervals, or, for n = 0, into intervals of a
// round length near that of Freedman and Diaconis (1981): 2·IQR/∛n.
func binEdges(all []float64, lo, hi float64, n int) []float64 {
	if lo == hi {
		lo, hi = lo-0.5, hi+0.5
	}
	if n > 0 {
		edges := make([]float64, n+1)
		for i := range edges {
			edges[i] = lo + (hi-lo)*float64(i)/float64(n)
		}
		return edges
	}
	step := niceStep(max(freedmanDiaconis(all), (hi-lo)/HistBins*3))
	first, last := math.Floor(lo/step+1e-9), math.Floor(hi/step+1e-9)+1
	var edges []float64
	for k := first; k <= last; k++ {
		edges = append(edges, k*step)
	}
	return edges
}

func freedmanDiaconis(all []float64) float64 {
	sorted := slices.DeleteFunc(slices.Clone(all), func(v float64) bool { return !finite(v) })
	slices.Sort(sorted)
	n := len(sorted)
	iqr := sorted[3*(n-1)/4] - sorted[(n-1)/4]
	if iqr == 0 { // most values are the same: fall back to ten intervals
		return max(sorted[n-1]-sorted[0], 1) / 10
	}
	return 2 * iqr / math.Cbrt(float64(n))
}

// binOf finds the interval of v; the last one includes its upper end.
func (h *histogram) binOf(v float64) (int, bool) {
	lo, hi := h.edges[0], h.edges[len(h.edges)-1]
	if !finite(v) || v < lo || v > hi {
		return 0, false
	}
	k := int((v - lo) / (hi - lo) * float64(len(h.edges)-1))
	return min(k, len(h.edges)-2), true
}

func (h *histogram) setUpFrame(samples [][]float64) error {
	top := 1
	for _, counts := range h.counts {
		top = max(top, slices.Max(counts))
	}
	s := series{names: h.names}
	notes := noteSpecials(slices.Concat(samples...), nil)
	if outside := h.outside(samples); outside > 0 {
		notes = append(notes, fmt.Sprintf("%d outside the range shown", outside))
	}
	edges := h.edges
	h.frame = frame{axes: h.axes, xName: valueTitle(h.axes.XName, h.axes.Unit), yName: orElse(h.axes.YName, "count"), notes: notes,
		x: scale{lo: edges[0], hi: edges[len(edges)-1]}.roomy(), y: niceScale(0, float64(top), false), legend: s.entries(true)}
	h.frame.about = h.describe()
	return nil
}

func (h *histogram) outside(samples [][]float64) int {
	n := 0
	for _, sample := range samples {
		for _, v := range sample {
			if _, ok := h.binOf(v); !ok && finite(v) {
				n++
			}
		}
	}
	return n
}

func (h *histogram) describe() string {
	text := fmt.Sprintf("Histogram of %s", count(h.n, "value", "values"))
	if h.axes.Title != "" {
		text = visible(h.axes.Title) + ". " + text
	}
	edges := h.edges
	text += fmt.Sprintf(" in %d intervals from %s to %s.", len(edges)-1, format(edges[0]), format(edges[len(edges)-1]))
	for _, note := range h.frame.notes {
		text += " " + note + "."
	}
	return text
}

// opacity lets bars that lie over one another shine through.
func (h *histogram) opacity() float64 {
	if len(h.counts) > 1 {
		return 0.55
	}
	return 1
}

func (h *histogram) scene() *scene {
	f := h.frame
	s := f.begin()
	for i, counts := range h.counts {
		for k, n := range counts {
			if n == 0 {
				continue
			}
			x0, x1, y := f.x.at(h.edges[k]), f.x.at(h.edges[k+1]), f.y.at(float64(n))
			s.add(box{rect: rect{x0 + 0.5, y, max(0.5, x1-x0-1), f.plot.bottom() - y}, fill: category(i), opacity: h.opacity()})
			s.spots = append(s.spots, spot{X: (x0 + x1) / 2, Y: y, Tip: h.tip(i, k, n)})
		}
	}
	return s
}

func (h *histogram) tip(i, k, n int) []string {
	lines := []string{h.interval(k), fmt.Sprintf("%s: %d", visible(h.frame.yName), n)}
	if h.names != nil {
		lines = append([]string{hoverText(h.names[i])}, lines...)
	}
	return lines
}

func (h *histogram) interval(k int) string {
	return format(h.edges[k]) + " to " + format(h.edges[k+1])
}

func (h *histogram) vega() object {
	f := h.frame
	f.begin()
	var rows list
	for i, counts := range h.counts {
		for k, n := range counts {
			if n == 0 {
				continue
			}
			rows = append(rows, object{"x": round6(h.edges[k]), "x2": round6(h.edges[k+1]), "y": n, "s": i, "label": h.interval(k)})
		}
	}
	spec := f.vega(len(rows))
	s := series{names: h.names, values: make([][]float64, len(h.counts))}
	if h.names != nil {
		spec["params"] = list{vegaParam("seriesNames", anys(mapLabels(h.names, hoverText)))}
	}
	var t tips
	t.add("label", orElse(f.xName, "interval"))
	t.add("y", f.yName)
	spec["layer"] = append(list{object{
		"data":     object{"values": rows},
		"mark":     object{"type": "rect", "opacity": h.opacity(), "xOffset": 0.5, "x2Offset": -0.5},
		"encoding": object{"x": f.vegaX(), "x2": object{"field": "x2"}, "y": f.vegaY(), "y2": object{"datum": 0}, "color": vegaSeries(h.names, "color", s.eachColor()), "tooltip": t.lines},
	}}, f.vegaGuides()...)
	return spec
}
