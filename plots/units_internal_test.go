package plots

import (
	"math"
	"testing"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		" the":          "·the",
		"a b":           "a b",
		"\n":            "↵",
		"\xe2":          `\xe2`,
		"ok\x80":        `ok\x80`,
		"\u202eabc":     `\u202eabc`,
		"\u0301":        "◌\u0301",
		"e\u0301":       "e\u0301",
		"👩\u200d👧":      "👩\u200d👧",
		"\u200d":        `\u200d`,
		"\x00":          `\x00`,
		"\ufffe":        `\ufffe`,
		"a\u00a0b":      `a\u00a0b`,
		"日本":            "日本",
		"\U000e0001":    `\U000e0001`,
		"</script>":     "</script>",
		"tab\tquote\"'": "tab⇥quote\"'",
	} {
		if got := visible(in); got != want {
			t.Errorf("visible(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		v          float64
		long, cell string
	}{
		{0, "0", "0.00"}, {math.Copysign(0, -1), "0", "0.00"}, {1, "1", "1.00"}, {-0.5, "−0.5", "−0.50"},
		{3.14159, "3.142", "3.14"}, {0.00123, "0.00123", "1e−03"}, {1234.5, "1234", "1234"}, {123456, "123456", "1e+05"},
		{0.0000123, "1.23e−05", "1e−05"}, {math.NaN(), "NaN", "NaN"}, {math.Inf(-1), "−∞", "−∞"},
	} {
		if got := format(c.v); got != c.long {
			t.Errorf("format(%v) = %q, want %q", c.v, got, c.long)
		}
		if got := formatCell(c.v); got != c.cell {
			t.Errorf("formatCell(%v) = %q, want %q", c.v, got, c.cell)
		}
	}
}

// TestRamp: white is zero, both directions weigh alike, ends are the data's.
func TestRamp(t *testing.T) {
	both := newRamp([]float64{-1, 4}, Axes{})
	if both.lo != -4 || both.hi != 4 || both.at(0) != white {
		t.Errorf("signed data: %v to %v, zero is %v", both.lo, both.hi, both.at(0))
	}
	if positive := newRamp([]float64{0.1, 1}, Axes{}); positive.lo != 0 || positive.at(0) != white || positive.at(1) != both.at(4) {
		t.Error("positive data must start white at zero and end as signed data do")
	}
	if negative := newRamp([]float64{-3, -1}, Axes{}); negative.hi != 0 || negative.at(-3) != both.at(-4) {
		t.Error("negative data must end white at zero")
	}
	if far := newRamp([]float64{100, 101}, Axes{}); far.lo != 100 || far.hi != 101 {
		t.Errorf("data far from zero: %v to %v, want their own range", far.lo, far.hi)
	}
	if fixed := newRamp([]float64{1, 2}, Axes{Low: -1, High: 1, Colors: Diverging}); fixed.lo != -1 || fixed.hi != 1 {
		t.Error("Low and High do not hold")
	}
}

// TestInk: text on any colour of any ramp has a contrast of 4.5:1 (WCAG 2, AA).
func TestInk(t *testing.T) {
	for _, stops := range [][]rgb{redBlue, viridis} {
		r := ramp{lo: 0, hi: 1, stops: stops}
		for i := range 1001 {
			c := r.at(float64(i) / 1000)
			a, b := c.luminance(), c.ink().luminance()
			if contrast := (max(a, b) + 0.05) / (min(a, b) + 0.05); contrast < 4.5 {
				t.Fatalf("%v under %v: contrast %.2f", c.hex(), c.ink().hex(), contrast)
			}
		}
	}
}

// TestCategories: lines are seen on white and on Vega's dark background, #333
// (WCAG asks 3:1 of graphics). Yellow and sky blue, fifth and sixth, fall short
// on white, as in Okabe and Ito's own set.
func TestCategories(t *testing.T) {
	for i, c := range categories[:4] {
		for _, ground := range []rgb{white, dark} {
			a, b := c.luminance(), ground.luminance()
			if contrast := (max(a, b) + 0.05) / (min(a, b) + 0.05); contrast < 3 {
				t.Errorf("category %d on %s: contrast %.2f", i, ground.hex(), contrast)
			}
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		lo, hi      float64
		log         bool
		first, last string
	}{
		{0, 1, false, "0.0", "1.0"}, {-3, 97, false, "−20", "100"}, {0.001, 0.002, false, "0.0010", "0.0020"}, {0.2, 900, true, "0.1", "1000"},
	} {
		ticks := niceScale(c.lo, c.hi, c.log).ticks(6)
		if got := ticks[0].label + " " + ticks[len(ticks)-1].label; got != c.first+" "+c.last {
			t.Errorf("%v to %v: ticks %q, want %q", c.lo, c.hi, got, c.first+" "+c.last)
		}
	}
}

// TestBins: every finite value is counted once.
func TestBins(t *testing.T) {
	values := []float64{0, 0.1, 0.5, 0.5, 0.999, 1, math.NaN(), math.Inf(1)}
	for _, bins := range []int{0, 1, 3, 10} {
		h, err := newHist(values, Axes{Bins: bins})
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, n := range h.counts[0] {
			total += n
		}
		if total != 6 {
			t.Errorf("%d bins hold %d values, want 6", bins, total)
		}
	}
}
