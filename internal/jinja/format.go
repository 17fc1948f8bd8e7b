package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A shape says how a value is printed: Python's format specification, of which the % operator
// knows a part.
type shape struct {
	fill      rune
	align     byte // < > ^ or =; 0 for the value's own
	sign      byte // + - or a blank
	alternate bool // #
	zero      bool
	width     int
	group     byte // , or _; 0 for none
	precision int  // -1 for none
	verb      byte // 0 for the value's own
}

// number prints a number with a shape.
func (r *run) number(v any, s shape) string {
	r.room(max(s.width, 0))
	r.room(max(s.precision, 0))
	if i, ok := integer(v); ok && strings.IndexByte("dboxXcn\x00", s.verb) >= 0 {
		return r.pad(s, signOf(i < 0, s.sign), r.whole(i, s), '>')
	}
	f, ok := number(v)
	if !ok {
		fail("%s cannot be written as the number %%%c", kindOf(v), s.verb)
	}
	negative := math.Signbit(f) && !math.IsNaN(f)
	digits := s.float(math.Abs(f))
	if math.IsNaN(f) {
		digits = s.cased("nan")
	}
	return r.pad(s, signOf(negative, s.sign), digits, '>')
}

func signOf(negative bool, sign byte) string {
	switch {
	case negative:
		return "-"
	case sign == '+' || sign == ' ':
		return string(sign)
	}
	return ""
}

// bases are the verbs of other bases than ten.
var bases = map[byte]int{'b': 2, 'o': 8, 'x': 16, 'X': 16}

func (r *run) whole(i int64, s shape) string {
	if s.verb == 'c' {
		if i < 0 || i > 0x10ffff {
			fail("%d is no character", i)
		}
		return string(rune(i))
	}
	base, other := bases[s.verb]
	if !other {
		return grouped(strconv.FormatUint(magnitude(i), 10), s.group, 3)
	}
	digits := strconv.FormatUint(magnitude(i), base)
	if s.group == '_' {
		digits = grouped(digits, '_', 4)
	}
	if s.alternate {
		digits = "0" + strings.ToLower(string(s.verb)) + digits
	}
	if s.verb == 'X' {
		digits = strings.ToUpper(digits)
	}
	return digits
}

// grouped puts a sign between every n digits.
func grouped(digits string, sign byte, n int) string {
	if sign == 0 {
		return digits
	}
	for i := len(digits) - n; i > 0; i -= n {
		digits = digits[:i] + string(sign) + digits[i:]
	}
	return digits
}

func (s shape) cased(digits string) string {
	if s.verb == 'F' || s.verb == 'E' || s.verb == 'G' {
		return strings.ToUpper(digits)
	}
	return digits
}

// float prints a number that is not negative.
func (s shape) float(f float64) string {
	if math.IsInf(f, 0) {
		return s.cased("inf") + map[bool]string{true: "%"}[s.verb == '%']
	}
	precision := s.precision
	if precision < 0 {
		precision = 6
	}
	var digits string
	switch s.verb {
	case 'f', 'F':
		digits = strconv.FormatFloat(f, 'f', precision, 64)
	case 'e', 'E':
		digits = strconv.FormatFloat(f, 'e', precision, 64)
	case '%':
		digits = strconv.FormatFloat(f*100, 'f', precision, 64) + "%"
	case 'g', 'G', 'n':
		digits = general(f, max(precision, 1), s.alternate)
	case 0:
		digits = reprFloat(f)
		if s.precision >= 0 {
			digits = general(f, max(precision, 1), false)
			if !strings.ContainsAny(digits, ".e") {
				digits += ".0"
			}
		}
	default:
		fail("a float cannot be written with %q", s.verb)
	}
	point := strings.IndexAny(digits, ".e%")
	if point < 0 {
		point = len(digits)
	}
	return s.cased(grouped(digits[:point], s.group, 3) + digits[point:])
}

// general is C's %g.
func general(f float64, precision int, keep bool) string {
	e := strconv.FormatFloat(f, 'e', precision-1, 64)
	exponent, _ := strconv.Atoi(e[strings.IndexByte(e, 'e')+1:])
	if exponent < -4 || exponent >= precision {
		mantissa, power, _ := strings.Cut(e, "e")
		return trimZeros(mantissa, keep) + "e" + power
	}
	return trimZeros(strconv.FormatFloat(f, 'f', precision-1-exponent, 64), keep)
}

func trimZeros(digits string, keep bool) string {
	if keep || !strings.Contains(digits, ".") {
		return digits
	}
	return strings.TrimSuffix(strings.TrimRight(digits, "0"), ".")
}

// string prints a string with a shape.
func (r *run) string(v string, s shape) string {
	if s.precision >= 0 {
		if chars := []rune(v); len(chars) > s.precision {
			v = string(chars[:s.precision])
		}
	}
	return r.pad(s, "", v, '<')
}

// pad fills a value up to its width; zeros and = go between the sign and the digits.
func (r *run) pad(s shape, sign, digits string, own byte) string {
	align, fill := s.align, s.fill
	if align == 0 {
		align = own
		if s.zero && own == '>' {
			align = '='
		}
	}
	if fill == 0 {
		fill = ' '
		if s.zero {
			fill = '0'
		}
	}
	missing := s.width - utf8.RuneCountInString(sign+digits)
	if missing <= 0 {
		return sign + digits
	}
	r.times(missing, utf8.RuneLen(fill))
	blanks := func(n int) string { return strings.Repeat(string(fill), n) }
	switch align {
	case '<':
		return sign + digits + blanks(missing)
	case '^':
		return blanks(missing/2) + sign + digits + blanks(missing-missing/2)
	case '=':
		return sign + blanks(missing) + digits
	}
	return blanks(missing) + sign + digits
}
