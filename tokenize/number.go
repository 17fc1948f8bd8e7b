package tokenize

import (
	"math"
	"strings"
)

// number consumes a number, and rounds it as the library does.
//
// Rust's serde_json, by which that reads tokenizer.json, does not give the double
// nearest to the decimal: it takes the digits for an integer, converts that, and
// divides by a power of ten, rounding twice. Between cuts of equal probability, such
// as "000"+"0000" and "0000"+"000", the last bit decides.
func (s *jsonScanner) number() (float64, error) {
	raw, err := s.raw()
	if err != nil {
		return 0, err
	}
	text := string(raw)
	if text == "" || strings.IndexByte("-0123456789", text[0]) < 0 {
		return 0, s.errorf("%q is no number", brief(text))
	}
	digits, negative := strings.CutPrefix(text, "-")
	value := twiceRounded(digits)
	if math.IsInf(value, 0) {
		return 0, s.errorf("the number %s is too large", brief(text))
	}
	if negative {
		value = -value
	}
	return value, nil
}

// twiceRounded converts a JSON number without a sign.
func twiceRounded(text string) float64 {
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	significand, dropped := appendDigits(0, whole)
	exponent := dropped
	if dropped == 0 {
		var unused int
		significand, unused = appendDigits(significand, fraction)
		exponent = unused - len(fraction)
	}
	return scale(float64(significand), exponent+parsePower(power))
}

// appendDigits carries n on with digits, and returns how many it had no room for.
func appendDigits(n uint64, digits string) (uint64, int) {
	for i := range len(digits) {
		digit := uint64(digits[i] - '0')
		if n > (math.MaxUint64-digit)/10 {
			return n, len(digits) - i
		}
		n = n*10 + digit
	}
	return n, 0
}

// parsePower reads the exponent of a number; beyond any double's, it is cut off.
func parsePower(text string) int {
	digits, negative := strings.CutPrefix(strings.TrimPrefix(text, "+"), "-")
	n := 0
	for i := range len(digits) {
		n = min(n*10+int(digits[i]-'0'), 1<<20)
	}
	if negative {
		return -n
	}
	return n
}

// largestPower is that of the largest power of ten that is a double.
const largestPower = 308

// scale multiplies f by a power of ten.
func scale(f float64, power int) float64 {
	for ; power < -largestPower && f != 0; power += largestPower {
		f /= 1e308
	}
	switch {
	case f == 0:
		return 0
	case power < 0:
		return f / math.Pow10(-power)
	case power <= largestPower:
		return f * math.Pow10(power)
	}
	return math.Inf(1)
}
