package jinja

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A jsonWriter writes as Python's json.dumps does, in which transformers differs from Jinja:
// nothing is escaped for HTML, and keys stay in their order.
type jsonWriter struct {
	writer
	ascii       bool
	indent      string
	lines       bool // whether each entry has a line of its own
	comma, then string
	sort        bool
}

// json is the filter tojson.
func (r *run) json(v any, a []any) any {
	w := &jsonWriter{writer: writer{r: r}, ascii: boolOr(a[0], false), comma: ", ", then: ": ", sort: boolOr(a[3], false)}
	switch indent := or(a[1], nil).(type) {
	case nil:
	case string:
		w.indent, w.lines = indent, true
	default:
		n := max(int(intOr("tojson", indent, 0)), 0)
		r.room(n)
		w.indent, w.lines = strings.Repeat(" ", n), true
	}
	if w.lines {
		w.comma = ","
	}
	if separators := or(a[2], nil); separators != nil {
		pair := r.each(separators)
		if len(pair) != 2 {
			fail("tojson wants two separators, not %d", len(pair))
		}
		w.comma, w.then = textOr("tojson", pair[0], ""), textOr("tojson", pair[1], "")
	}
	w.value(v, 0)
	return w.String()
}

func (w *jsonWriter) value(v any, depth int) {
	w.r.tick()
	deeper(depth)
	switch v := v.(type) {
	case nil:
		w.write("null")
	case bool:
		w.write(strconv.FormatBool(v))
	case int64:
		w.write(strconv.FormatInt(v, 10))
	case float64:
		w.write(jsonFloat(v))
	case string:
		w.write(w.quoted(v))
	case markup:
		w.write(w.quoted(string(v)))
	case list:
		w.array(v, depth)
	case tuple:
		w.array(list(v), depth)
	case group:
		w.array(list{v.grouper, v.list}, depth)
	case *Dict:
		w.object(v, depth)
	default:
		fail("tojson cannot write %s", kindOf(v))
	}
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return reprFloat(f)
}

// line begins a line within brackets.
func (w *jsonWriter) line(depth int) {
	if w.lines {
		w.r.times(depth, len(w.indent))
		w.write("\n" + strings.Repeat(w.indent, depth))
	}
}

func (w *jsonWriter) entries(n int, open, closed string, depth int, entry func(i int)) {
	w.write(open)
	for i := range n {
		if i > 0 {
			w.write(w.comma)
		}
		w.line(depth + 1)
		entry(i)
	}
	if n > 0 {
		w.line(depth)
	}
	w.write(closed)
}

func (w *jsonWriter) array(all list, depth int) {
	w.entries(len(all), "[", "]", depth, func(i int) { w.value(all[i], depth+1) })
}

func (w *jsonWriter) object(d *Dict, depth int) {
	order := make([]int, d.Len())
	for i := range order {
		order[i] = i
	}
	if w.sort {
		slices.SortStableFunc(order, func(a, b int) int {
			sign, _ := w.r.compare(d.keys[a], d.keys[b])
			return sign
		})
	}
	w.entries(len(order), "{", "}", depth, func(i int) {
		w.write(w.quoted(w.key(d.keys[order[i]])))
		w.write(w.then)
		w.value(d.values[order[i]], depth+1)
	})
}

func (w *jsonWriter) key(k any) string {
	switch k := k.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(k)
	case int64:
		return strconv.FormatInt(k, 10)
	case float64:
		return jsonFloat(k)
	}
	s, ok := text(k)
	if !ok {
		fail("tojson: a key is %s", kindOf(k))
	}
	return s
}

var jsonEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\f': `\f`, '\b': `\b`}

func (w *jsonWriter) quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch e, ok := jsonEscapes[c]; {
		case ok:
			b.WriteString(e)
		case c < 0x20 || w.ascii && c >= 0x7f && c < 0x10000:
			if c == 0x7f {
				b.WriteRune(c)
				continue
			}
			fmt.Fprintf(&b, `\u%04x`, c)
		case w.ascii && c >= 0x10000:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
