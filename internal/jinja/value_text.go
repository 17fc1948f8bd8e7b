package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// str is Python's str().
func (r *run) str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case markup:
		return string(v)
	case undefined:
		return ""
	}
	w := &writer{r: r}
	w.value(v, 0)
	return w.String()
}

// repr is Python's repr().
func (r *run) repr(v any) string {
	w := &writer{r: r}
	w.value(v, 0)
	return w.String()
}

// A writer prints values, within the limits of a run.
type writer struct {
	r *run
	strings.Builder
}

func (w *writer) write(s string) {
	w.r.room(len(s))
	w.WriteString(s)
	if w.Len() > w.r.limits.Value {
		w.r.room(w.Len())
	}
}

// deeper refuses what is nested too deep, as Python's recursion limit does.
func deeper(depth int) int {
	if depth > deepest {
		fail("a value is nested more than %d deep", deepest)
	}
	return depth + 1
}

func (w *writer) value(v any, depth int) {
	w.r.tick()
	depth = deeper(depth)
	switch v := v.(type) {
	case nil:
		w.write("None")
	case bool:
		w.write(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		w.write(strconv.FormatInt(v, 10))
	case float64:
		w.write(reprFloat(v))
	case string:
		w.write(reprString(v))
	case markup:
		w.write("Markup(" + reprString(string(v)) + ")")
	case list:
		w.sequence("[", v, "]", depth)
	case tuple:
		w.tuple(v, depth)
	case group:
		w.tuple(tuple{v.grouper, v.list}, depth)
	case *Dict:
		w.dict(v, depth)
	case view:
		w.write(v.kind + "(")
		w.sequence("[", v.items, "]", depth)
		w.write(")")
	case span:
		w.span(v)
	case undefined:
		w.write("Undefined")
	case *namespace:
		w.write("<Namespace ")
		w.dict(v.entries, depth)
		w.write(">")
	case *loop:
		w.write(fmt.Sprintf("<LoopContext %d/%d>", v.at+1, len(v.items)))
	case *function:
		w.write(fmt.Sprintf("<function %s>", v.name))
	case *generator:
		w.write(fmt.Sprintf("<generator object %s>", v.kind))
	default:
		w.write(fmt.Sprintf("<%T>", v))
	}
}

func (w *writer) span(s span) {
	if s.step == 1 {
		w.write(fmt.Sprintf("range(%d, %d)", s.start, s.stop))
		return
	}
	w.write(fmt.Sprintf("range(%d, %d, %d)", s.start, s.stop, s.step))
}

func (w *writer) sequence(open string, all []any, closed string, depth int) {
	w.write(open)
	for i, v := range all {
		if i > 0 {
			w.write(", ")
		}
		w.value(v, depth)
	}
	w.write(closed)
}

func (w *writer) tuple(all tuple, depth int) {
	if len(all) == 1 {
		w.sequence("(", all, ",)", depth)
		return
	}
	w.sequence("(", all, ")", depth)
}

func (w *writer) dict(d *Dict, depth int) {
	w.write("{")
	for i, k := range d.keys {
		if i > 0 {
			w.write(", ")
		}
		w.value(k, depth)
		w.write(": ")
		w.value(d.values[i], depth)
	}
	w.write("}")
}

// reprFloat prints a float as Python does: the shortest digits that come back to it, with an
// exponent below 1e-4 and from 1e16.
func reprFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exponent >= -4 && exponent < 16 {
		if s = strconv.FormatFloat(f, 'f', -1, 64); !strings.Contains(s, ".") {
			s += ".0"
		}
	}
	return s
}

// reprString quotes a string as Python does: in double quotes only where that saves escapes.
func reprString(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte(quote)
	for len(s) > 0 {
		c, n := utf8.DecodeRuneInString(s)
		b.WriteString(reprRune(c, quote))
		s = s[n:]
	}
	b.WriteByte(quote)
	return b.String()
}

var escapes = map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\\': `\\`}

func reprRune(c rune, quote byte) string {
	switch e, ok := escapes[c]; {
	case ok:
		return e
	case c == rune(quote):
		return `\` + string(c)
	case unicode.IsPrint(c):
		return string(c)
	case c < 0x100:
		return fmt.Sprintf(`\x%02x`, c)
	case c < 0x10000:
		return fmt.Sprintf(`\u%04x`, c)
	}
	return fmt.Sprintf(`\U%08x`, c)
}
