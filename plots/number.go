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
func format(v float64) string {
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
		return minus(strconv.FormatFloat(v, 'e', digits-2, 64))
	}
	return minus(trimZeros(strconv.FormatFloat(v, 'f', decimals(v), 64)))
}

// decimals is how many digits after the point make up four significant ones;
// whole numbers keep all theirs.
func decimals(v float64) int {
	return max(0, digits-1-int(math.Floor(math.Log10(math.Abs(v)))))
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

// round6 drops the digits that a float32 does not have, so that numbers are
// short in the notebook's file.
func round6(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil {
		return v
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
