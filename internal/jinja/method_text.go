package jinja

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ofText is a method of a string.
func ofText(apply func(r *run, s string, a []any) any, parameters ...string) method {
	return func(r *run, v any, a arguments) any {
		s, _ := text(v)
		r.room(len(s))
		return apply(r, s, a.bind(parameters...))
	}
}

func changes(f func(string) string) method {
	return ofText(func(_ *run, s string, _ []any) any { return f(s) })
}

// changesLetters is changes for what goes through a string letter by letter.
func changesLetters(f func(string) string) method {
	return ofText(func(r *run, s string, _ []any) any { r.ticks(len(s)); return f(s) })
}

func every(f func(rune) bool) method {
	return ofText(func(_ *run, s string, _ []any) any {
		return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return !f(c) })
	})
}

func strips(left, right bool) method {
	return ofText(func(_ *run, s string, a []any) any { return strip(s, or(a[0], nil), left, right) }, "chars")
}

// The parts of a string that a justified one is filled on.
const (
	leftSide = iota
	rightSide
	centre
)

func justifies(side int) method {
	return ofText(func(r *run, s string, a []any) any {
		return r.justified(s, int(intOr("the width", a[0], 0)), textOr("the fill", a[1], " "), side)
	}, "width", "fillchar")
}

// textMethods are Python's methods of str, but for those that work on bytes or tables.
func textMethods() map[string]method {
	return map[string]method{
		"upper": changes(upper), "lower": changes(lower), "capitalize": changes(capitalize), "casefold": changes(fold),
		"title": changesLetters(titleOfLetters), "swapcase": changesLetters(swapCase),
		"strip": strips(true, true), "lstrip": strips(true, false), "rstrip": strips(false, true),
		"ljust": justifies(rightSide), "rjust": justifies(leftSide), "center": justifies(centre),
		"isdigit": every(isDigit), "isdecimal": every(unicode.IsDigit), "isnumeric": every(unicode.IsNumber),
		"isalpha": every(unicode.IsLetter), "isspace": every(IsBlank),
		"isalnum": every(func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }),
		"isascii": ofText(func(_ *run, s string, _ []any) any {
			return !strings.ContainsFunc(s, func(c rune) bool { return c > unicode.MaxASCII })
		}),
		"isprintable": ofText(func(_ *run, s string, _ []any) any {
			return !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
		}),
		"isidentifier": ofText(func(_ *run, s string, _ []any) any { return s != "" && nameToken(s).text == s && !isDigit(rune(s[0])) }),
		"islower":      ofText(func(_ *run, s string, _ []any) any { return hasCase(s, unicode.IsLower, unicode.IsUpper) }),
		"isupper":      ofText(func(_ *run, s string, _ []any) any { return hasCase(s, unicode.IsUpper, unicode.IsLower) }),
		"istitle": ofText(func(r *run, s string, _ []any) any {
			r.ticks(len(s))
			return s != "" && titleOfLetters(s) == s && lower(s) != s
		}),
		"startswith":   affix(strings.HasPrefix),
		"endswith":     affix(strings.HasSuffix),
		"removeprefix": ofText(func(_ *run, s string, a []any) any { return strings.TrimPrefix(s, needed("removeprefix", a[0])) }, "prefix"),
		"removesuffix": ofText(func(_ *run, s string, a []any) any { return strings.TrimSuffix(s, needed("removesuffix", a[0])) }, "suffix"),
		"replace": ofText(func(r *run, s string, a []any) any {
			return r.replaced(s, needed("replace", a[0]), needed("replace", a[1]), int(intOr("replace", a[2], -1)))
		}, "old", "new", "count"),
		"join": func(r *run, v any, a arguments) any {
			between, _ := text(v)
			return r.join(between, r.each(a.one("iterable")))
		},
		"split":      ofText(func(r *run, s string, a []any) any { return r.split(s, a, false) }, "sep", "maxsplit"),
		"rsplit":     ofText(func(r *run, s string, a []any) any { return r.split(s, a, true) }, "sep", "maxsplit"),
		"splitlines": ofText(func(r *run, s string, a []any) any { return r.list(r.lines(s, boolOr(a[0], false))) }, "keepends"),
		"partition":  ofText(func(_ *run, s string, a []any) any { return partition(s, needed("partition", a[0]), strings.Index) }, "sep"),
		"rpartition": ofText(func(_ *run, s string, a []any) any {
			return partition(s, needed("rpartition", a[0]), strings.LastIndex)
		}, "sep"),
		"find": searches(strings.Index, false), "rfind": searches(strings.LastIndex, false),
		"index": searches(strings.Index, true), "rindex": searches(strings.LastIndex, true),
		"count": ofText(func(_ *run, s string, a []any) any {
			_, part := within(s, a)
			return int64(strings.Count(part, needed("count", a[0])))
		}, "sub", "start", "end"),
		"zfill":      ofText(func(r *run, s string, a []any) any { return r.zeroed(s, int(intOr("zfill", a[0], 0))) }, "width"),
		"expandtabs": ofText(func(r *run, s string, a []any) any { return r.expanded(s, int(intOr("expandtabs", a[0], 8))) }, "tabsize"),
		"format":     func(r *run, v any, a arguments) any { s, _ := text(v); return like(v, r.braces(s, a)) },
		"format_map": func(r *run, v any, a arguments) any {
			s, _ := text(v)
			d, ok := a.one("mapping").(*Dict)
			if !ok {
				fail("format_map() wants a dict")
			}
			return r.braces(s, arguments{named: d})
		},
	}
}

// needed is an argument that must be a string.
func needed(what string, v any) string {
	if v == (absent{}) {
		fail("%s() needs a string", what)
	}
	return textOr(what, v, "")
}

func isDigit(c rune) bool { return unicode.IsDigit(c) || unicode.Is(unicode.No, c) && isSuperscript(c) }

// isSuperscript are the digits that are no decimals: superscripts, subscripts and the like.
func isSuperscript(c rune) bool {
	return c == '²' || c == '³' || c == '¹' || c >= 0x2070 && c <= 0x2089 || c >= 0x2460 && c <= 0x2468
}

func affix(has func(s, affix string) bool) method {
	return ofText(func(_ *run, s string, a []any) any {
		_, part := within(s, a)
		if all, ok := a[0].(tuple); ok {
			return slices.ContainsFunc(all, func(x any) bool { return has(part, needed("startswith or endswith", x)) })
		}
		return has(part, needed("startswith or endswith", a[0]))
	}, "affix", "start", "end")
}

// within is the part of a string that start and end pick, and how many characters are before it.
func within(s string, a []any) (before int, part string) {
	if or(a[1], nil) == nil && or(a[2], nil) == nil {
		return 0, s
	}
	chars := []rune(s)
	from := clipped(bound(or(a[1], nil), 0), len(chars), 0, len(chars))
	to := clipped(bound(or(a[2], nil), int64(len(chars))), len(chars), 0, len(chars))
	return from, string(chars[from:max(from, to)])
}

func searches(find func(s, part string) int, must bool) method {
	return ofText(func(_ *run, s string, a []any) any {
		before, part := within(s, a)
		i := find(part, needed("find or index", a[0]))
		if i < 0 {
			if must {
				fail("index(): the string is not there")
			}
			return int64(-1)
		}
		return int64(before + utf8.RuneCountInString(part[:i]))
	}, "sub", "start", "end")
}

func (r *run) list(all []string) list {
	r.times(len(all), valueBytes)
	out := make(list, len(all))
	for i, s := range all {
		out[i] = s
	}
	return out
}

func (r *run) join(between string, all list) string {
	parts := make([]string, len(all))
	for i, x := range all {
		s, ok := text(x)
		if !ok {
			fail("join() wants strings, not %s", kindOf(x))
		}
		parts[i] = s
		r.room(len(s) + len(between))
	}
	return strings.Join(parts, between)
}

func partition(s, between string, find func(s, part string) int) tuple {
	if between == "" {
		fail("partition() wants a separator that is not empty")
	}
	i := find(s, between)
	switch {
	case i >= 0:
		return tuple{s[:i], between, s[i+len(between):]}
	case find("aa", "a") == 1: // from the right
		return tuple{"", "", s}
	}
	return tuple{s, "", ""}
}

// split is Python's: at blanks without a separator, at most so many times, from the right or left.
func (r *run) split(s string, a []any, right bool) list {
	most := int(intOr("split", a[1], -1))
	between := or(a[0], nil)
	if between == nil {
		return r.list(splitBlanks(s, most, right))
	}
	sep := needed("split", between)
	switch {
	case sep == "":
		fail("split() wants a separator that is not empty")
	case !right && most < 0:
		return r.list(strings.Split(s, sep))
	case !right:
		return r.list(strings.SplitN(s, sep, min(most, len(s))+1))
	}
	times := strings.Count(s, sep)
	if most >= 0 {
		times = min(times, most)
	}
	var parts []string
	for range times {
		i := strings.LastIndex(s, sep)
		parts = append(parts, s[i+len(sep):])
		s = s[:i]
	}
	parts = append(parts, s)
	slices.Reverse(parts)
	return r.list(parts)
}

func splitBlanks(s string, most int, right bool) []string {
	if most < 0 {
		return strings.FieldsFunc(s, IsBlank)
	}
	var parts []string
	trim, index := strings.TrimLeftFunc, strings.IndexFunc
	if right {
		trim, index = strings.TrimRightFunc, strings.LastIndexFunc
	}
	for s = trim(s, IsBlank); s != ""; s = trim(s, IsBlank) {
		i := index(s, IsBlank)
		if i < 0 || len(parts) == most {
			rest := strings.TrimRightFunc(s, IsBlank)
			if !right {
				rest = s
			}
			parts = append(parts, rest)
			break
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if right {
			parts, s = append(parts, s[i+n:]), s[:i]
		} else {
			parts, s = append(parts, s[:i]), s[i+n:]
		}
	}
	if right {
		slices.Reverse(parts)
	}
	return parts
}
