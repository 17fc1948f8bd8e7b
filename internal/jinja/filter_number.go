package jinja

import (
	"math"
	"strconv"
	"strings"
)

// numberFilters are for numbers, and for what becomes one.
var numberFilters = map[string]filter{
	"int": with(func(r *run, v any, a []any) any {
		return wholeOf(v, or(a[0], int64(0)), int(intOr("int", a[1], 10)))
	}, "default", "base"),
	"float": with(func(_ *run, v any, a []any) any {
		if f, ok := floatOf(v); ok {
			return f
		}
		return or(a[0], 0.0)
	}, "default"),
	"abs": with(func(_ *run, v any, _ []any) any {
		if i, ok := integer(v); ok {
			return max(i, product(i, -1))
		}
		f, ok := v.(float64)
		if !ok {
			fail("the filter abs wants a number, not %s", kindOf(v))
		}
		return math.Abs(f)
	}),
	"round": with(rounded, "precision", "method"),
	"sum": with(func(r *run, v any, a []any) any {
		all, total := r.each(v), or(a[1], int64(0))
		if attribute := or(a[0], nil); attribute != nil {
			all = r.attributesOf(all, attribute, undefined{})
		}
		for _, x := range all {
			if u, ok := x.(undefined); ok {
				u.fail()
			}
			if isText(total) {
				fail("strings cannot be summed: join them")
			}
			total = r.add(total, x)
		}
		return total
	}, "attribute", "start"),
}

// wholeOf is Python's int(), of strings in a base, and otherwise where there is none.
func wholeOf(v, otherwise any, base int) any {
	if u, ok := v.(undefined); ok {
		u.fail()
	}
	if i, ok := integer(v); ok {
		return i
	}
	if s, ok := text(v); ok {
		if i, ok := parseInt(s, base); ok {
			return i
		}
	}
	f, ok := floatOf(v)
	if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
		return otherwise
	}
	if math.Abs(f) >= 1<<63 {
		tooLarge()
	}
	return int64(f)
}

// prefixes are those that Python's int() takes with each base.
var prefixes = map[int]string{2: "0b", 8: "0o", 16: "0x"}

func parseInt(s string, base int) (int64, bool) {
	s = strings.TrimSpace(s)
	if prefix, ok := prefixes[base]; ok {
		sign := ""
		if strings.HasPrefix(s, "-") {
			sign, s = "-", s[1:]
		}
		s = sign + strings.TrimPrefix(strings.ToLower(s), prefix)
	}
	if base != 0 && (base < 2 || base > 36) {
		return 0, false
	}
	if digits := strings.Split(strings.TrimLeft(s, "+-"), "_"); len(digits) > 1 {
		for _, d := range digits {
			if d == "" {
				return 0, false
			}
		}
		s = strings.ReplaceAll(s, "_", "")
	}
	i, err := strconv.ParseInt(s, base, 64)
	if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange {
		tooLarge()
	}
	return i, err == nil
}

func floatOf(v any) (float64, bool) {
	if u, ok := v.(undefined); ok {
		u.fail()
	}
	if f, ok := number(v); ok {
		return f, true
	}
	s, ok := text(v)
	if !ok || strings.ContainsAny(s, "xXpP") {
		return 0, false
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange {
		err = nil
	}
	return f, err == nil
}

func rounded(_ *run, v any, a []any) any {
	places, method := int(intOr("round", a[0], 0)), textOr("round", a[1], "common")
	f, ok := number(v)
	if !ok {
		fail("the filter round wants a number, not %s", kindOf(v))
	}
	if places > 308 || places < -308 {
		fail("the filter round gets %d places", places)
	}
	power := math.Pow10(places)
	switch method {
	case "ceil":
		return math.Ceil(f*power) / power
	case "floor":
		return math.Floor(f*power) / power
	case "common":
		if i, ok := integer(v); ok {
			return roundInt(i, places)
		}
		return roundFloat(f, places)
	}
	fail("the filter round knows the methods common, ceil and floor, not %q", method)
	return nil
}

// roundFloat is Python's round(): to the nearest decimal, halves of what the float exactly is to
// the even one.
func roundFloat(f float64, places int) float64 {
	if places >= 0 {
		out, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', places, 64), 64)
		return out
	}
	power := math.Pow10(-places)
	return math.RoundToEven(f/power) * power
}

func roundInt(i int64, places int) any {
	if places >= 0 {
		return i
	}
	if places < -18 {
		return int64(0)
	}
	power := int64(math.Pow10(-places))
	rest := ((i % power) + power) % power
	down := i - rest
	up := rest*2 > power || rest*2 == power && (down/power)%2 != 0
	if down > i || up && down > math.MaxInt64-power {
		tooLarge()
	}
	if up {
		return down + power
	}
	return down
}
