package plots

import (
	"math"
	"slices"
	"testing"
)

// FuzzScale: every scale that a figure makes of two numbers holds both, has a few
// rising ticks with labels of their own, and puts every number on finite pixels.
func FuzzScale(f *testing.F) {
	ends := []float64{0, 5, 5 + 1e-15, -1, 1.7e18, 1.7e18 + 256, 1e-310, math.SmallestNonzeroFloat64, 1e308, math.MaxFloat64, -math.MaxFloat64, 1e15, 1e-5}
	for _, a := range ends {
		for _, b := range ends {
			f.Add(a, b, (a+b)/2)
		}
	}
	f.Fuzz(func(t *testing.T, a, b, v float64) {
		if !finite(a) || !finite(b) {
			return
		}
		lo, hi := min(a, b), max(a, b)
		checkScale(t, niceScale(lo, hi, false), lo, hi, v)
		checkScale(t, niceScale(lo, hi, false).roomy(), lo, hi, v)
		checkScale(t, newScale(lo, hi), lo, hi, v)
		if lo > 0 {
			checkScale(t, niceScale(lo, hi, true).roomy(), lo, hi, v)
		}
		r := newRamp([]float64{lo, v, hi}, Axes{Colors: Sequential})
		checkScale(t, scale{lo: r.lo, hi: r.hi}, lo, hi, v)
		edges := binEdges([]float64{lo, hi, v}, lo, hi, 0)
		if edges[0] > lo || edges[len(edges)-1] < hi || len(edges) > HistBins || !slices.IsSorted(edges) || len(slices.Compact(edges)) != len(edges) {
			t.Errorf("edges from %v to %v: %v", lo, hi, edges)
		}
		even := binEdges(nil, lo, hi, HistBins)
		if even[0] > lo || even[HistBins] < hi || len(slices.Compact(even)) != HistBins+1 {
			t.Errorf("even edges from %v to %v: %v", lo, hi, even)
		}
	})
}

func checkScale(t *testing.T, s scale, lo, hi, v float64) {
	t.Helper()
	s.from, s.to = 0, 100
	if !(s.lo < s.hi) || !finite(s.lo) || !finite(s.hi) || !s.holds(lo) || !s.holds(hi) {
		t.Errorf("%v to %v: the scale is %v", lo, hi, s)
	}
	for _, n := range []int{5, 6, 8} {
		checkRising(t, s.ticks(n), n)
	}
	if finite(v) {
		if at := s.at(v); !(math.Abs(at) <= 100*farOff+100) || s.holds(v) && (at < -0.01 || at > 100.01) {
			t.Errorf("%v to %v: %v lies at %v", s.lo, s.hi, v, at)
		}
	}
}

func checkRising(t *testing.T, ticks []tick, n int) {
	t.Helper()
	if len(ticks) == 0 || len(ticks) > 2*n+1 {
		t.Errorf("%d ticks, want about %d", len(ticks), n)
	}
	for i, tick := range ticks {
		if i > 0 && (!(tick.at > ticks[i-1].at) || tick.label == ticks[i-1].label) {
			t.Errorf("tick %q (%v) after %q (%v)", tick.label, tick.at, ticks[i-1].label, ticks[i-1].at)
		}
		if len(tick.label) > 32 {
			t.Errorf("label %q", tick.label)
		}
	}
}

// TestTickLabels: ticks far from zero show the digits in which they differ.
func TestTickLabels(t *testing.T) {
	for _, c := range []struct {
		lo, hi      float64
		first, last string
	}{
		{1000000, 1000001, "1000000.0", "1000001.0"},
		{1e9, 1e9 + 5, "1000000000", "1000000005"},
		{5, 5 + 1e-9, "5.0000000000", "5.0000000010"},
		{1.7e18, 1.7e18 + 1e6, "1.7000000000000e+18", "1.7000000000010e+18"},
		{0, 5e-9, "0", "5.00e−09"},
		{0, 2e7, "0", "2.00e+07"},
		{-1e308, 1e308, "−1.00e+308", "1.00e+308"},
	} {
		ticks := niceScale(c.lo, c.hi, false).ticks(6)
		if got := ticks[0].label + " " + ticks[len(ticks)-1].label; got != c.first+" "+c.last {
			t.Errorf("%v to %v: ticks %q, want %q", c.lo, c.hi, got, c.first+" "+c.last)
		}
	}
}

// TestPart: of a range that overflows, the middle is the middle.
func TestPart(t *testing.T) {
	const most = math.MaxFloat64
	for _, c := range []struct{ v, lo, hi, want float64 }{
		{0, -most, most, 0.5}, {most, -most, most, 1}, {-most / 2, -most, most, 0.25}, {3, 2, 4, 0.5},
		{most, 0, 1, farOff}, {-most, 0, 1, -farOff}, {-most, most / 2, most, -3},
	} {
		if got := part(c.v, c.lo, c.hi); got != c.want {
			t.Errorf("%v from %v to %v: %v, want %v", c.v, c.lo, c.hi, got, c.want)
		}
		if got := along(c.lo, c.hi, c.want); math.Abs(c.want) < farOff && math.Abs(got/2-c.v/2) > math.Abs(c.v)*1e-15 {
			t.Errorf("%v of %v to %v: %v, want %v", c.want, c.lo, c.hi, got, c.v)
		}
	}
}

// TestDivergingZeros: zero is white also where there is nothing else.
func TestDivergingZeros(t *testing.T) {
	for _, colors := range []Colors{Auto, Diverging} {
		for _, values := range [][]float64{{0, 0}, {math.NaN()}, {math.SmallestNonzeroFloat64, 0}} {
			if r := newRamp(values, Axes{Colors: colors}); r.at(0) != white || !(r.lo < r.hi) || !finite(r.hi) {
				t.Errorf("%v: ramp from %v to %v, zero is %v", values, r.lo, r.hi, r.at(0))
			}
		}
	}
}

// TestClipLine: what leaves the plot ends at its edge.
func TestClipLine(t *testing.T) {
	line := []point{{0, 5}, {10, 15}, {20, 5}, {30, -5}, {40, -5}, {50, 5}}
	got := clipLine(line, 0, 10)
	want := [][]point{{{0, 5}, {5, 10}}, {{15, 10}, {20, 5}, {25, 0}}, {{45, 0}, {50, 5}}}
	for i := range want {
		if len(got) != len(want) || len(got[i]) != len(want[i]) {
			t.Fatalf("pieces %v, want %v", got, want)
		}
		for j, p := range want[i] {
			if math.Hypot(got[i][j].x-p.x, got[i][j].y-p.y) > 0.02 {
				t.Errorf("pieces %v, want %v", got, want)
			}
		}
	}
	if whole := clipLine(line[:1], 0, 10); len(whole) != 1 || len(whole[0]) != 1 {
		t.Errorf("a single point: %v", whole)
	}
}

func TestDigitsFor(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   int
	}{{0, 1, 4}, {-3, 7, 4}, {50, 55, 4}, {100, 101, 5}, {1e6, 1e6 + 1, 9}, {5, 5, 4}, {5, 5 + 1e-15, 17}, {-math.MaxFloat64, math.MaxFloat64, 4}} {
		if got := digitsFor(c.lo, c.hi); got != c.want {
			t.Errorf("%v to %v: %d digits, want %d", c.lo, c.hi, got, c.want)
		}
	}
	if got := formatTo(1.7e18+256, digitsFor(1.7e18, 1.7e18+1e4)); got == format(1.7e18) || len(got) > 28 {
		t.Errorf("a nanosecond time is %q", got)
	}
}
