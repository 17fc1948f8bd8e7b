package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// A formatter writes what a string's method format writes.
type formatter struct {
	r    *run
	a    arguments
	next int
	kind string // how fields are numbered: "automatic" or "manual"; empty while nobody knows
	out  strings.Builder
}

// numbered refuses fields of which some have a number and some have none.
func (f *formatter) numbered(kind string) {
	if f.kind != "" && f.kind != kind {
		fail("a format has fields with %s numbers and others", f.kind)
	}
	f.kind = kind
}

// braces is format.format(...).
func (r *run) braces(format string, a arguments) string {
	f := &formatter{r: r, a: a}
	f.text(format, 0)
	return f.out.String()
}

// text writes a format; its fields may hold others in their shapes, one deep.
func (f *formatter) text(s string, depth int) {
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			i = len(s)
		}
		f.r.room(i)
		f.out.WriteString(s[:i])
		s = s[i:]
		switch {
		case s == "":
		case len(s) > 1 && s[0] == s[1]:
			f.out.WriteByte(s[0])
			s = s[2:]
		case s[0] == '}':
			fail("a format has a } without a {")
		default:
			end := closingBrace(s)
			f.field(s[1:end], depth)
			s = s[end+1:]
		}
	}
}

func closingBrace(s string) int {
	open := 0
	for i, c := range s {
		switch c {
		case '{':
			open++
		case '}':
			if open--; open == 0 {
				return i
			}
		}
	}
	fail("a format has a { without a }")
	return 0
}

func (f *formatter) field(s string, depth int) {
	if depth > 1 {
		fail("fields of a format are nested too deep")
	}
	f.r.tick()
	of, spec, _ := strings.Cut(s, ":")
	of, conversion, converted := strings.Cut(of, "!")
	v := f.value(of)
	inner := &formatter{r: f.r, a: f.a, next: f.next, kind: f.kind}
	inner.text(spec, depth+1)
	f.next, f.kind = inner.next, inner.kind
	spec = inner.out.String()
	if converted {
		switch conversion {
		case "s":
			v = f.r.str(v)
		case "r", "a":
			v = f.r.repr(v)
		default:
			fail("a format has the conversion %q: there are !s, !r and !a", conversion)
		}
	}
	f.out.WriteString(f.r.formatted(v, spec))
}

// value is what a field names: an argument, and attributes or entries of it.
func (f *formatter) value(of string) any {
	i := strings.IndexAny(of, ".[")
	if i < 0 {
		i = len(of)
	}
	v := f.argument(of[:i])
	for of = of[i:]; of != ""; {
		if of[0] == '[' {
			end := strings.IndexByte(of, ']')
			if end < 0 {
				fail("a format has a [ without a ]")
			}
			v, of = f.r.item(v, pathPart(of[1:end])), of[end+1:]
			continue
		}
		end := strings.IndexAny(of[1:], ".[")
		if end < 0 {
			end = len(of) - 1
		}
		v, of = f.r.attr(v, of[1:1+end]), of[1+end:]
	}
	return v
}

func (f *formatter) argument(name string) any {
	automatic := name == ""
	if automatic {
		f.numbered("automatic")
		name = strconv.Itoa(f.next)
		f.next++
	}
	if i, ok := pathPart(name).(int64); ok {
		if !automatic {
			f.numbered("manual")
		}
		if int(i) >= len(f.a.values) {
			fail("a format wants argument %d of %d", i, len(f.a.values))
		}
		return f.a.values[i]
	}
	if f.a.named != nil {
		if v, ok := f.a.named.get(name); ok {
			return v
		}
	}
	fail("a format wants the argument %q, which is not given", name)
	return nil
}

// formatted is Python's format(v, spec).
func (r *run) formatted(v any, spec string) string {
	if spec == "" {
		return r.str(v)
	}
	s := r.shape(spec)
	if t, ok := text(v); ok {
		if s.verb != 0 && s.verb != 's' || s.sign != 0 || s.align == '=' {
			fail("a string cannot be written with %q", spec)
		}
		s.zero = false
		return r.string(t, s)
	}
	if _, ok := number(v); ok {
		return r.number(v, s)
	}
	fail("%s cannot be written with %q", kindOf(v), spec)
	return ""
}

// shape reads [[fill]align][sign][#][0][width][,][.precision][verb].
func (r *run) shape(spec string) shape {
	s, all := shape{precision: -1}, spec
	take := func(chars string) byte {
		if spec != "" && strings.IndexByte(chars, spec[0]) >= 0 {
			c := spec[0]
			spec = spec[1:]
			return c
		}
		return 0
	}
	if c, n := utf8.DecodeRuneInString(spec); len(spec) > n && strings.IndexByte("<>^=", spec[n]) >= 0 {
		s.fill, spec = c, spec[n:]
	}
	s.align, s.sign = take("<>^="), take("+- ")
	s.alternate, s.zero = take("#") != 0, take("0") != 0
	s.width = r.digits(&spec)
	s.group = take(",_")
	if take(".") != 0 {
		if spec == "" || spec[0] < '0' || spec[0] > '9' {
			fail("the format %q has no digits after its point", all)
		}
		s.precision = r.digits(&spec)
	}
	s.verb = take("bcdeEfFgGnosxX%")
	if spec != "" {
		fail("%q is no format of a value", all)
	}
	return s
}

func (r *run) digits(spec *string) int {
	n := 0
	for *spec != "" && (*spec)[0] >= '0' && (*spec)[0] <= '9' {
		n = 10*n + int((*spec)[0]-'0')
		r.room(n)
		*spec = (*spec)[1:]
	}
	return n
}
