package plots

import (
	"math"
	"strconv"
	"strings"
)

// digits is the precision of a number that is read, not computed with: four
// significant digits tell apart what a float32 and a pair of eyes can.
const digits = 4

// format writes a value for a reader: four significant digits, no trailing
// zeros, a true minus sign, exponents only where the zeros would have to be
// counted. What is not finite is named.
func format(v float64) string { return formatTo(v, digits) }

// formatTo is format with n significant digits, [digits] or more.
func formatTo(v float64, n int) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+∞"
	case math.IsInf(v, -1):
		return "−∞"
	case v == 0:
		return "0" // also the negative zero
	}
	if a := math.Abs(v); a < 1e-4 || a >= 1e7 {
		if n > digits {
			n++ // the exponent takes no room from digits that are asked for
		}
		return minus(strconv.FormatFloat(v, 'e', n-2, 64))
	}
	return minus(trimZeros(strconv.FormatFloat(v, 'f', decimals(v, n), 64)))
}

// log10 is right for denormal numbers too, of which Go 1.26 takes the logarithm
// wrongly on amd64.
func log10(v float64) float64 {
	if v > 0 && v < 0x1p-1022 {
		return math.Log2(v) * (math.Ln2 / math.Ln10)
	}
	return math.Log10(v)
}

// decimals is how many digits after the point make up n significant ones; whole
// numbers keep all theirs.
func decimals(v float64, n int) int {
	return max(0, n-1-int(math.Floor(log10(math.Abs(v)))))
}

// digitsFor is how many significant digits tell the values from lo to hi apart:
// [digits], and more where they lie close together and far from zero.
func digitsFor(lo, hi float64) int {
	const most = 13 // with digits, the 17 of a float64
	largest := max(math.Abs(lo), math.Abs(hi))
	if !(lo < hi) {
		return digits
	}
	away := math.Floor(log10(largest / span(lo, hi)))
	return digits + int(min(max(away-1, 0), most))
}

// rangeText says from where to where values go: "from 1 to 3".
func rangeText(values []float64) string {
	lo, hi, ok := finiteRange(values)
	if !ok {
		return "none finite"
	}
	n := digitsFor(lo, hi)
	return "from " + formatTo(lo, n) + " to " + formatTo(hi, n)
}

// formatCell is format for the little room of a cell: two decimals at most.
func formatCell(v float64) string {
	if !finite(v) || math.Abs(v) >= 100 || (v != 0 && math.Abs(v) < 0.005) {
		return shortest(v)
	}
	return minus(dropNegativeZero(strconv.FormatFloat(v, 'f', 2, 64)))
}

// shortest writes at most two significant digits.
func shortest(v float64) string {
	if !finite(v) || v == 0 {
		return format(v)
	}
	if a := math.Abs(v); a >= 100 && a < 1e5 {
		return minus(strconv.FormatFloat(v, 'f', 0, 64))
	}
	return minus(strconv.FormatFloat(v, 'e', 0, 64))
}

func trimZeros(s string) string {
	if !strings.Contains(s, ".") {
		return s
	}
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

func dropNegativeZero(s string) string {
	if strings.Trim(s, "-0.") == "" {
		return strings.TrimPrefix(s, "-")
	}
	return s
}

// minus puts the typographic minus for the hyphen, as Vega does.
func minus(s string) string { return strings.ReplaceAll(s, "-", "−") }

// round keeps n significant digits, so that numbers are short in the notebook's
// file: mostly six, those that a float32 has.
func round(v float64, n int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', n, 64), 64)
	if err != nil {
		return v // the largest float64, which rounds to more than there is
	}
	return plainZero(r)
}

// plainZero drops the sign of zero, which JSON writes and gob forgets.
func plainZero(v float64) float64 {
	if v == 0 {
		return 0
	}
	return v
}

// coord writes a coordinate: two decimals, so that a golden picture is the
// same on every machine.
func coord(v float64) string {
	return dropNegativeZero(trimZeros(strconv.FormatFloat(v, 'f', 2, 64)))
}

// precise writes a scale factor, which hundreds of cells multiply.
func precise(v float64) string { return trimZeros(strconv.FormatFloat(v, 'f', 5, 64)) }
