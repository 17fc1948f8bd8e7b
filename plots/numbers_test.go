package plots_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopherlens/plots"
)

// extremes are the numbers at which arithmetic of floats ends.
var extremes = []float64{
	0, math.Copysign(0, -1), 1, -1, 5, 5 + 1e-15, 0.1, 1e-300, -1e-300, 1e-310, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64,
	math.MaxFloat64, -math.MaxFloat64, 1e308, -1e308, 1e154, 1 << 53, 1<<53 + 2, 1.7e18, 1.7e18 + 256, 1.7e18 + 1e6, -1.7e18, math.MaxFloat32,
	math.SmallestNonzeroFloat32, 1e15, 1e16, 123456789, math.NaN(), math.Inf(1), math.Inf(-1), 0x1p-1022,
}

// mostNumbers is how many numbers a fuzzed figure is drawn from.
const mostNumbers = 48

// readNumbers makes numbers of a fuzzer's bytes: one of the extremes, a neighbour
// of the number before, one more nanosecond, or any eight bytes.
func readNumbers(raw []byte) []float64 {
	numbers := []float64{}
	last := 1.0
	for len(raw) > 0 && len(numbers) < mostNumbers {
		b := raw[0]
		raw = raw[1:]
		switch {
		case b < 128:
			last = extremes[int(b)%len(extremes)]
		case b < 160:
			for range b - 127 {
				last = math.Nextafter(last, math.Inf(1))
			}
		case b < 192:
			last += float64(b-159) * 1e3
		case len(raw) >= 8:
			last = math.Float64frombits(binary.LittleEndian.Uint64(raw))
			raw = raw[8:]
		}
		numbers = append(numbers, last)
	}
	return numbers
}

// Bits of the options that a fuzzed figure is drawn with; the others are numbers.
const (
	askPNG = 1 << iota
	askLogX
	askLogY
	askRange  // Low and High are the first two numbers
	askAt     // the numbers are places, colours and guides too
	askGuides // a guide of each kind
	askValues
	askRows // the numbers are cut into rows of three
	askDiverging
	askSequential
	askSmall // a picture of ten pixels
	askLarge
)

// numberFigures make a figure of each kind from numbers.
var numberFigures = []struct {
	name string
	make func(numbers []float64, o uint16) plots.Figure
}{
	{"line", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.LogX, a.LogY = o&askLogX != 0, o&askLogY != 0
		if o&askAt != 0 {
			a.At = backwards(v)
		}
		if o&askRows != 0 {
			a.At = a.At[:min(3, len(a.At))]
		}
		return plots.Line(rowsIf(o, v), guided(a, v, o))
	}},
	{"bar", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.Values = o&askValues != 0
		if o&askGuides != 0 && len(v) > 0 {
			a.Guides = []plots.Guide{plots.Horizontal(v[0], "level")}
		}
		return plots.Bar(rowsIf(o, v), a)
	}},
	{"scatter", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.LogX, a.LogY = o&askLogX != 0, o&askLogY != 0
		if o&askAt != 0 {
			a.ColorBy, a.Colors = v, colorsOf(o)
		}
		return plots.Scatter(v, backwards(v), guided(a, v, o))
	}},
	{"hist", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.Bins = int(o >> 12 * 13)
		return plots.Hist(rowsIf(o, v), guided(a, v, o))
	}},
	{"imshow", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.Values, a.Colors = o&askValues != 0, colorsOf(o)
		return plots.Imshow(rowsOf(v, 3), a)
	}},
	{"frames", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.FrameName, a.Colors = "step", colorsOf(o)
		return plots.Imshow([][][]float64{rowsOf(v, 3), rowsOf(backwards(v), 3)}, a)
	}},
	{"logit lens", func(v []float64, o uint16) plots.Figure {
		rows := rowsOf(v, 3)
		words := make([][]string, len(rows))
		for i := range words {
			words[i] = []string{"a", " b", "c"}[:len(rows[i])]
		}
		return plots.LogitLens(rows, words, numberAxes(v, o))
	}},
	{"head scores", func(v []float64, o uint16) plots.Figure { return plots.HeadScores(rowsOf(v, 3), numberAxes(v, o)) }},
	{"attention pattern", func(v []float64, o uint16) plots.Figure {
		n := int(math.Sqrt(float64(len(v))))
		return plots.AttentionPattern(make([]string, n), squares(v, n)[0], numberAxes(v, o))
	}},
	{"attention heads", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.Colors = colorsOf(o)
		return plots.AttentionHeads([]string{"a", "b"}, squares(v, 2), a)
	}},
	{"coloured tokens", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.Height, a.Colors = 0, colorsOf(o)
		return plots.ColoredTokens(make([]string, len(v)), [][]float64{v, backwards(v)}, a)
	}},
	{"activations", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.Height, a.Colors = 0, colorsOf(o)
		text := plots.ValuedText{Tokens: make([]string, len(v))}
		for _, x := range v {
			text.Values = append(text.Values, float32(x))
		}
		return plots.TextActivations([]plots.TextSeries{{Texts: plots.TextList{text}}}, a)
	}},
	{"neurons", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.Height, a.Colors = 0, colorsOf(o)
		return plots.TextNeuronActivations(make([]string, 2), [][][]float64{{v}, {backwards(v)}}, a)
	}},
	{"log-probabilities", func(v []float64, o uint16) plots.Figure {
		a := numberAxes(v, o)
		a.Height = 0
		tokens := make([]string, len(v))
		top := make([][]plots.Ranked, len(v))
		for i, x := range v {
			top[i] = []plots.Ranked{{Token: "a", Value: x}}
		}
		return plots.TokenLogProbs(tokens, v, top, a)
	}},
	{"top tokens", func(v []float64, o uint16) plots.Figure {
		lists, err := plots.Top(rowsIf(o, v), int(o>>12), func(token int) string { return fmt.Sprint(token) })
		if err != nil {
			lists = nil
		}
		return plots.TopTokens(lists, numberAxes(v, o))
	}},
}

func numberAxes(v []float64, o uint16) plots.Axes {
	a := plots.Axes{Title: "numbers", XName: "x", YName: "y", Unit: "unit"}
	if o&askRange != 0 && len(v) > 1 {
		a.Low, a.High = v[0], v[1]
	}
	switch {
	case o&askSmall != 0:
		a.Width, a.Height = 10, 10
	case o&askLarge != 0:
		a.Width, a.Height = 1200, 900
	}
	return a
}

func guided(a plots.Axes, v []float64, o uint16) plots.Axes {
	if o&askGuides != 0 && len(v) > 0 {
		a.Guides = []plots.Guide{plots.Horizontal(v[0], "level"), plots.Vertical(v[len(v)-1], "place"), plots.Diagonal()}
	}
	return a
}

func colorsOf(o uint16) plots.Colors {
	return plots.Colors(o >> 8 & 3) // of which 3 is none
}

func backwards(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[len(v)-1-i] = x
	}
	return out
}

func rowsIf(o uint16, v []float64) any {
	if o&askRows != 0 {
		return rowsOf(v, 3)
	}
	return v
}

// rowsOf cuts v into rows of n; what is left over is dropped.
func rowsOf(v []float64, n int) [][]float64 {
	rows := [][]float64{}
	for ; len(v) >= n; v = v[n:] {
		rows = append(rows, v[:n])
	}
	return rows
}

// squares cuts v into pictures of n by n.
func squares(v []float64, n int) [][][]float64 {
	pictures := [][][]float64{}
	for ; n > 0 && len(v) >= n*n; v = v[n*n:] {
		pictures = append(pictures, rowsOf(v[:n*n], n))
	}
	return append(pictures, [][]float64{})[:max(1, len(pictures))]
}

// FuzzNumbers draws any numbers as a figure of each kind: a picture or a message,
// within a second, and no coordinate that is none.
func FuzzNumbers(f *testing.F) {
	for i := range extremes {
		f.Add([]byte{byte(i)}, uint8(i), uint16(askPNG))
	}
	seeds := [][]byte{
		{0, 2, 6, 3, 4, 27, 1, 2, 6}, {4, 128, 4, 128, 4, 4, 4, 4, 4},
		{12, 13, 12, 13, 12, 13, 0, 12, 13}, {10, 11, 10, 11, 0, 10, 10, 9, 10}, {19, 160, 161, 162, 170, 19, 19, 20, 21},
		{28, 2, 29, 6, 30, 3, 28, 28, 28}, {12, 129, 12, 12, 12, 12}, {2, 10, 12, 5, 7, 8}, {17, 128, 17, 18, 130, 131},
	}
	// what has no logarithm, off a fixed axis
	for _, a := range []uint16{0, askLogX | askAt, askGuides} {
		f.Add([]byte{26, 25, 2, 3, 0, 1, 8}, uint8(0), askLogY|askRange|a)
		f.Add([]byte{7, 26, 2, 3, 0, 1, 8}, uint8(2), askLogY|askRange|a)
	}
	// nowhere along x, and off the axis along y
	f.Add([]byte{0, 2, 28, 26, 1, 3}, uint8(2), uint16(askRange))
	for i, raw := range seeds {
		for kind := range numberFigures {
			for _, o := range []uint16{0, askLogX | askLogY | askAt, askRange | askGuides | askRows | 1<<12, askValues | askAt | askDiverging | 7<<12} {
				f.Add(raw, uint8(kind), o|uint16(i+kind)%8/7*askPNG)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte, kind uint8, options uint16) {
		k := numberFigures[int(kind)%len(numberFigures)]
		numbers := readNumbers(raw)
		draw := func() plots.Figure { return drawAll(t, k.make(numbers, options), options&askPNG != 0) }
		figure := inTime(t, fmt.Sprintf("%s of %v, options %b", k.name, numbers, options), draw)
		if err := figure.Err(); err != nil {
			checkMessage(t, err)
			return
		}
		checkTicks(t, figure)
	})
}

// tooLong is far more than a figure takes, on a busy machine too, and far less than a loop over all
// numbers between two would.
const tooLong = 20 * time.Second

// inTime bounds the time of a figure.
func inTime(t *testing.T, what string, draw func() plots.Figure) plots.Figure {
	t.Helper()
	start := time.Now()
	figure := draw()
	if took := time.Since(start); took > tooLong {
		t.Errorf("%s takes %v", what, took)
	}
	return figure
}

// drawAll draws the figure in every form and looks at each.
func drawAll(t *testing.T, f plots.Figure, png bool) plots.Figure {
	t.Helper()
	if f.Err() != nil {
		return f
	}
	svg, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	checkNumbers(t, svg)
	page, err := f.HTML()
	if err != nil {
		t.Fatal(err)
	}
	checkPage(t, "page", string(page))
	if bytes.Contains(page, []byte(`application/json">null`)) {
		t.Error("the page's data could not be written")
	}
	if png {
		bundle, err := f.Bundle()
		if err != nil {
			t.Fatal(err)
		}
		page = append(page, bundle["text/plain"].(string)...)
	}
	specification, err := json.Marshal(f.Vega())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(specification, []byte("Inf")) {
		t.Errorf("Inf stands in the specification")
	}
	if n := len(svg) + len(page) + len(specification); n > 6<<20 {
		t.Errorf("%d bytes", n)
	}
	return f
}

// checkNumbers reads the picture and wants finite numbers of a reasonable size
// in every attribute.
func checkNumbers(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range e.Attr {
			if !drawable(a) {
				t.Fatalf("<%s %s=%.200q>", e.Name.Local, a.Name.Local, a.Value)
			}
		}
	}
}

// farthest is a coordinate that no picture reaches.
const farthest = 1e5

func drawable(a xml.Attr) bool {
	if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
		return false
	}
	switch a.Name.Local {
	case "d", "transform", "x", "y", "cx", "cy", "r", "width", "height", "viewBox":
	default:
		return true
	}
	split := func(r rune) bool { return !strings.ContainsRune("0123456789.-+eE", r) }
	for _, field := range strings.FieldsFunc(a.Value, split) {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil && field != "e" || !(math.Abs(v) < farthest) { // "e" of translate and scale
			return false
		}
	}
	return true
}

func checkMessage(t *testing.T, err error) {
	t.Helper()
	if len(err.Error()) > 400 {
		t.Errorf("a message of %d bytes: %.200s", len(err.Error()), err)
	}
}

// checkTicks wants a few ticks on each axis, each to the right of the one before
// and labelled otherwise.
func checkTicks(t *testing.T, f plots.Figure) {
	t.Helper()
	for _, axis := range f.Ticks() {
		if len(axis) == 0 || len(axis) > 24 {
			t.Errorf("%d ticks", len(axis))
		}
		for i, tick := range axis {
			if i > 0 && (!(tick.At > axis[i-1].At) || tick.Label == axis[i-1].Label) {
				t.Errorf("tick %q (%v) after %q (%v)", tick.Label, tick.At, axis[i-1].Label, axis[i-1].At)
			}
			if len(tick.Label) > 32 {
				t.Errorf("a label of %d bytes: %q", len(tick.Label), tick.Label)
			}
		}
	}
}
