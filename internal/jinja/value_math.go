package jinja

import (
	"math"
	"math/bits"
	"slices"
	"strings"
)

// operators are the binary operators that compute.
var operators = map[string]func(r *run, a, b any) any{
	"+": (*run).add, "-": (*run).subtract, "*": (*run).multiply, "/": (*run).divide,
	"//": (*run).divideDown, "%": (*run).remainder, "**": (*run).power,
}

// floats are two numbers, as floats; an error of the template for anything else.
func floats(sign string, a, b any) (x, y float64) {
	x, ok := number(a)
	y, both := number(b)
	if !ok || !both {
		fail("%s %s %s cannot be computed", kindOf(a), sign, kindOf(b))
	}
	return x, y
}

// integers are two whole numbers.
func integers(a, b any) (x, y int64, ok bool) {
	x, ok = integer(a)
	y, both := integer(b)
	return x, y, ok && both
}

func tooLarge() { fail("an integer does not fit 64 bits") }

func (r *run) add(a, b any) any {
	if x, y, ok := integers(a, b); ok {
		sum := x + y
		if (sum > x) != (y > 0) && y != 0 {
			tooLarge()
		}
		return sum
	}
	if x, ok := text(a); ok {
		if y, ok := text(b); ok {
			r.room(len(x) + len(y))
			return addText(a, b, x, y)
		}
	}
	switch x := a.(type) {
	case list:
		if y, ok := b.(list); ok {
			r.slots(len(x) + len(y))
			return slices.Concat(x, y)
		}
	case tuple:
		if y, ok := b.(tuple); ok {
			r.slots(len(x) + len(y))
			return slices.Concat(x, y)
		}
	}
	x, y := floats("+", a, b)
	return x + y
}

// addText joins strings; beside one that is marked as safe, another is escaped.
func addText(a, b any, x, y string) any {
	_, safeA := a.(markup)
	_, safeB := b.(markup)
	if !safeA && !safeB {
		return x + y
	}
	if !safeA {
		x = escapeHTML(x)
	}
	if !safeB {
		y = escapeHTML(y)
	}
	return markup(x + y)
}

func (r *run) subtract(a, b any) any {
	if x, y, ok := integers(a, b); ok {
		difference := x - y
		if (difference < x) != (y > 0) && y != 0 {
			tooLarge()
		}
		return difference
	}
	x, y := floats("-", a, b)
	return x - y
}

func (r *run) multiply(a, b any) any {
	if x, y, ok := integers(a, b); ok {
		return product(x, y)
	}
	if n, ok := integer(a); ok {
		if v, ok := r.repeat(b, n); ok {
			return v
		}
	}
	if n, ok := integer(b); ok {
		if v, ok := r.repeat(a, n); ok {
			return v
		}
	}
	x, y := floats("*", a, b)
	return x * y
}

func product(x, y int64) int64 {
	high, low := bits.Mul64(magnitude(x), magnitude(y))
	negative := (x < 0) != (y < 0)
	if high != 0 || low > math.MaxInt64 && !(negative && low == 1<<63) {
		tooLarge()
	}
	if negative {
		return -int64(low)
	}
	return int64(low)
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

// repeat is n times a string or a list.
func (r *run) repeat(v any, n int64) (any, bool) {
	count := int(max(n, 0))
	switch v := v.(type) {
	case string, markup:
		s, _ := text(v)
		r.times(count, len(s))
		return like(v, strings.Repeat(s, min(count, r.limits.Value))), true
	case list:
		r.times(count, slotBytes*len(v))
		return slices.Repeat(v, min(count, r.limits.Value)), true
	case tuple:
		r.times(count, slotBytes*len(v))
		return slices.Repeat(v, min(count, r.limits.Value)), true
	}
	return nil, false
}

func (r *run) divide(a, b any) any {
	x, y := floats("/", a, b)
	notZero(y)
	return x / y
}

func notZero(y float64) {
	if y == 0 {
		fail("division by zero")
	}
}

func (r *run) divideDown(a, b any) any {
	x, y := floats("//", a, b)
	notZero(y)
	if i, j, ok := integers(a, b); ok {
		if j == -1 {
			return product(i, -1)
		}
		quotient := i / j
		if i%j != 0 && (i < 0) != (j < 0) {
			quotient--
		}
		return quotient
	}
	quotient, _ := divmod(x, y)
	return quotient
}

func (r *run) remainder(a, b any) any {
	if s, ok := text(a); ok {
		return like(a, r.percent(s, b))
	}
	x, y := floats("%", a, b)
	notZero(y)
	if i, j, ok := integers(a, b); ok {
		if j == -1 {
			return int64(0)
		}
		rest := i % j
		if rest != 0 && (rest < 0) != (j < 0) {
			rest += j
		}
		return rest
	}
	_, rest := divmod(x, y)
	return rest
}

// divmod is Python's for floats: the rest has the divisor's sign.
func divmod(x, y float64) (quotient, rest float64) {
	rest = math.Mod(x, y)
	quotient = (x - rest) / y
	if rest != 0 {
		if (rest < 0) != (y < 0) {
			rest += y
			quotient--
		}
	} else {
		rest = math.Copysign(0, y)
	}
	if quotient == 0 {
		return math.Copysign(0, x/y), rest
	}
	if down := math.Floor(quotient); quotient-down > 0.5 {
		return down + 1, rest
	} else {
		return down, rest
	}
}

func (r *run) power(a, b any) any {
	if x, y, ok := integers(a, b); ok && y >= 0 {
		return r.powerOf(x, y)
	}
	x, y := floats("**", a, b)
	if x == 0 && y < 0 {
		fail("zero cannot be raised to a negative power")
	}
	p := math.Pow(x, y)
	switch {
	case math.IsInf(p, 0) && !math.IsInf(x, 0) && !math.IsInf(y, 0):
		fail("a power is too large for a float")
	case math.IsNaN(p) && !math.IsNaN(x) && !math.IsNaN(y):
		fail("a power is not a real number")
	}
	return p
}

func (r *run) powerOf(x, y int64) any {
	p := int64(1)
	for base := x; y > 0; y >>= 1 {
		if y&1 == 1 {
			p = product(p, base)
		}
		if y > 1 {
			if base == 0 || base == 1 || base == -1 {
				base *= base
				continue
			}
			base = product(base, base)
		}
	}
	return p
}

// negated is -v, and plus is +v.
func negated(v any) any {
	if i, ok := integer(v); ok {
		if i == math.MinInt64 {
			tooLarge()
		}
		return -i
	}
	if f, ok := v.(float64); ok {
		return -f
	}
	fail("%s has no negative", kindOf(v))
	return nil
}

func plus(v any) any {
	if i, ok := integer(v); ok {
		return i
	}
	if f, ok := v.(float64); ok {
		return f
	}
	fail("%s is no number", kindOf(v))
	return nil
}
