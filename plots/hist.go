package plots

import (
	"fmt"
	"math"
	"reflect"
	"slices"
)

// Limits of a histogram; samples beyond theirs are left out, which the figure says.
const (
	HistBins    = 200 // bars of one sample
	HistSamples = 50
)

type histogram struct {
	axes   Axes
	counts [][]int   // [series][bin]
	edges  []float64 // one more than bins
	names  []string
	n      int
	notes  []string
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
	if err := axes.check("Hist", "Height XName YName Unit Series Bins Guides Low High"); err != nil {
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
	if n := len(samples); n > HistSamples {
		h.notes = []string{fmt.Sprintf("first %d of %d samples", HistSamples, n)}
		samples, h.names = samples[:HistSamples], h.names[:HistSamples]
	}
	h.bin(samples)
	return h, h.setUpFrame(samples)
}

// readSamples reads one sample, or several of any lengths.
func readSamples(data any) ([][]float64, error) {
	_, err := convert(data)
	v := reflect.ValueOf(data)
	if err != nil && v.IsValid() && v.Kind() == reflect.Slice && v.Len() > 0 {
		return readEach(v) // perhaps slices of different lengths
	}
	if err != nil {
		return nil, err
	}
	a, err := readArray(data, 1, 2)
	if err != nil {
		return nil, err
	}
	return a.withLeading(2).rows(), nil
}

func readEach(v reflect.Value) ([][]float64, error) {
	var samples [][]float64
	for i := range v.Len() {
		a, err := readShaped(v.Index(i).Interface(), 1)
		if err != nil {
			return nil, fmt.Errorf("sample %d: %w", i, err)
		}
		samples = append(samples, a.values)
	}
	if !slices.ContainsFunc(samples, anyFinite) {
		return nil, fmt.Errorf("data has no finite value in its %d samples", len(samples))
	}
	return samples, nil
}

func (h *histogram) bin(samples [][]float64) {
	all := slices.Concat(samples...)
	lo, hi, ok := finiteRange(all)
	if h.axes.fixedRange() {
		lo, hi, ok = h.axes.Low, h.axes.High, true
	}
	if !ok { // nothing finite among the samples kept
		lo, hi = 0, 0
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
		lo, hi = bounded(lo-0.5), bounded(hi+0.5)
	}
	lo, hi = widened(lo, hi, 8*HistBins) // no interval is empty of floats
	if n > 0 {
		edges := make([]float64, n+1)
		for i := range edges {
			edges[i] = along(lo, hi, float64(i)/float64(n))
		}
		edges[n] = hi // to the last digit
		return edges
	}
	step := niceStep(intervalLength(all, lo, hi))
	first, last := math.Floor(lo/step+1e-9), math.Floor(hi/step+1e-9)+1
	edges := make([]float64, int(min(last-first, HistBins))+1)
	for i := range edges {
		edges[i] = bounded((first + float64(i)) * step)
	}
	edges[0] = min(edges[0], lo) // which may be a rounding error before it
	return slices.Compact(edges) // two may have met at the largest float64
}

// intervalLength is Freedman and Diaconis' for the values from lo to hi, or a
// tenth of the whole where most of these are the same.
func intervalLength(all []float64, lo, hi float64) float64 {
	shown := slices.DeleteFunc(slices.Clone(all), func(v float64) bool { return !(v >= lo && v <= hi) })
	slices.Sort(shown)
	whole, length := span(lo, hi), 0.0
	if n := len(shown); n > 0 {
		length = 2 * span(shown[(n-1)/4], shown[3*(n-1)/4]) / math.Cbrt(float64(n))
	}
	if length == 0 {
		length = whole / 10
	}
	return min(max(length, whole/HistBins*3), whole)
}

// binOf finds the interval of v; the last one includes its upper end.
func (h *histogram) binOf(v float64) (int, bool) {
	if !(v >= h.edges[0] && v <= h.edges[len(h.edges)-1]) {
		return 0, false
	}
	k, exact := slices.BinarySearch(h.edges, v)
	if !exact {
		k-- // the edge before v
	}
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
	h.frame = frame{axes: h.axes, xName: valueTitle(h.axes.XName, h.axes.Unit), yName: orElse(h.axes.YName, "count"),
		x: newScale(h.edges[0], h.edges[len(h.edges)-1]).roomy(), y: niceScale(0, float64(top), false), legend: s.entries(true)}
	h.frame.notes = slices.Concat(h.notes, notes, h.frame.noteAbsent(nil))
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
	text += fmt.Sprintf(" in %d intervals %s.", len(edges)-1, rangeText(edges))
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
	return h.frame.x.text(h.edges[k]) + " to " + h.frame.x.text(h.edges[k+1])
}

func (h *histogram) vegaDraws() bool { return h.frame.vegaDraws() }

func (h *histogram) vega() object {
	f := h.frame
	f.begin()
	var rows list
	for i, counts := range h.counts {
		for k, n := range counts {
			if n == 0 {
				continue
			}
			rows = append(rows, object{"x": f.x.number(h.edges[k]), "x2": f.x.number(h.edges[k+1]), "y": n, "s": i, "label": h.interval(k)})
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
	f.vegaLayers(spec, append(list{object{
		"data":     object{"values": rows},
		"mark":     object{"type": "rect", "opacity": h.opacity(), "xOffset": 0.5, "x2Offset": -0.5},
		"encoding": object{"x": f.vegaX(), "x2": object{"field": "x2"}, "y": f.vegaY(), "y2": object{"datum": 0}, "color": vegaSeries(h.names, "color", s.eachColor()), "tooltip": t.lines},
	}}, f.vegaGuides()...))
	return spec
}
