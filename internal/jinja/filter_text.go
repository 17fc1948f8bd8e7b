package jinja

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

// onText is a filter of what a value prints; what is marked as safe stays so.
func onText(apply func(r *run, s string, a []any) string, parameters ...string) filter {
	return with(func(r *run, v any, a []any) any {
		s := r.str(v)
		r.room(len(s))
		return like(v, apply(r, s, a))
	}, parameters...)
}

var (
	words      = regexp.MustCompile(`[\p{L}\p{N}\p{M}_]+`)
	wordBreaks = regexp.MustCompile(`[-\s({\[<]+`)
)

// textFilters are for strings.
var textFilters = map[string]filter{
	"upper":      onText(func(_ *run, s string, _ []any) string { return upper(s) }),
	"lower":      onText(func(_ *run, s string, _ []any) string { return lower(s) }),
	"capitalize": onText(func(_ *run, s string, _ []any) string { return capitalize(s) }),
	"title":      onText(func(r *run, s string, _ []any) string { r.ticks(len(s)); return titleOfWords(s) }),
	"trim": onText(func(_ *run, s string, a []any) string {
		return strip(s, or(a[0], nil), true, true)
	}, "chars"),
	"replace": with(func(r *run, v any, a []any) any {
		old, new := r.str(or(a[0], undefined{"old"})), r.str(or(a[1], undefined{"new"}))
		if a[1] == (absent{}) {
			fail("the filter replace wants two strings")
		}
		count := -1
		if n := or(a[2], nil); n != nil {
			count = int(intOr("replace", n, -1))
		}
		return r.replaced(r.str(v), old, new, count)
	}, "old", "new", "count"),
	"indent": with(func(r *run, v any, a []any) any {
		if !isText(v) {
			fail("the filter indent wants a string, not %s", kindOf(v))
		}
		return like(v, indented(r, r.str(v), a))
	}, "width", "first", "blank"),
	"truncate": with(truncated, "length", "killwords", "end", "leeway"),
	"center": onText(func(r *run, s string, a []any) string {
		return r.justified(s, int(intOr("center", a[0], 80)), " ", centre)
	}, "width"),
	"wordcount": with(func(r *run, v any, _ []any) any {
		s := r.str(v)
		r.ticks(len(s))
		return int64(len(words.FindAllString(s, -1)))
	}),
	"striptags": with(func(r *run, v any, _ []any) any {
		return html.UnescapeString(strings.Join(strings.FieldsFunc(withoutTags(r.str(v)), IsBlank), " "))
	}),
	"urlencode": with(urlEncoded),
	"format": {raw: func(r *run, v any, a arguments) any {
		if a.named.Len() > 0 {
			return r.percent(r.str(v), a.named)
		}
		return r.percent(r.str(v), tuple(a.values))
	}},
}

// urlEncoded quotes a string for a path, or pairs for a query.
func urlEncoded(r *run, v any, _ []any) any {
	all, ok := items(v)
	if isText(v) || !ok {
		return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(r.str(v)), "+", "%20"), "%2F", "/")
	}
	if d, ok := v.(*Dict); ok {
		all = d.items()
	}
	var parts []string
	for _, x := range all {
		pair := r.each(x)
		if len(pair) != 2 {
			fail("the filter urlencode wants pairs, not %d values", len(pair))
		}
		parts = append(parts, url.QueryEscape(r.str(pair[0]))+"="+url.QueryEscape(r.str(pair[1])))
	}
	return strings.Join(parts, "&")
}

// withoutTags is a text without its tags and comments; what an open one begins stays.
func withoutTags(s string) string {
	var b strings.Builder
	for {
		begin := strings.IndexByte(s, '<')
		if begin < 0 {
			break
		}
		from, to := begin, ">"
		if strings.HasPrefix(s[begin:], "<!--") {
			from, to = begin+4, "-->"
		}
		length := strings.Index(s[from:], to)
		if length < 0 {
			break
		}
		b.WriteString(s[:begin])
		s = s[from+length+len(to):]
	}
	return b.String() + s
}

// replaced replaces old, at most count times unless that is negative.
func (r *run) replaced(s, old, new string, count int) string {
	n := strings.Count(s, old)
	if count >= 0 {
		n = min(n, count)
	}
	r.room(len(s))
	r.times(n, len(new))
	return strings.Replace(s, old, new, count)
}

// titleOfWords begins every word with a capital, as Jinja's filter does: a word is what blanks and
// opening brackets part.
func titleOfWords(s string) string {
	var b strings.Builder
	word := func(w string) {
		if w == "" {
			return
		}
		_, n := utf8.DecodeRuneInString(w)
		b.WriteString(upper(w[:n]) + lower(w[n:]))
	}
	from := 0
	for _, m := range wordBreaks.FindAllStringIndex(s, -1) {
		word(s[from:m[0]])
		b.WriteString(s[m[0]:m[1]])
		from = m[1]
	}
	word(s[from:])
	return b.String()
}

func indented(r *run, s string, a []any) string {
	indent, ok := text(or(a[0], nil))
	if !ok {
		width := max(int(intOr("indent", a[0], 4)), 0)
		r.room(width)
		indent = strings.Repeat(" ", width)
	}
	lines := r.lines(s+"\n", false)
	r.times(len(lines), len(indent))
	blank := boolOr(a[2], false)
	var b strings.Builder
	if boolOr(a[1], false) {
		b.WriteString(indent)
	}
	b.WriteString(lines[0])
	for _, l := range lines[1:] {
		b.WriteByte('\n')
		if l != "" || blank {
			b.WriteString(indent)
		}
		b.WriteString(l)
	}
	return b.String()
}

func truncated(r *run, v any, a []any) any {
	size, ok := length(v)
	if !ok {
		fail("the filter truncate wants a string, not %s", kindOf(v))
	}
	n, end := int(intOr("truncate", a[0], 255)), textOr("truncate", a[2], "...")
	leeway := 5
	if v := or(a[3], nil); v != nil {
		leeway = int(intOr("truncate", v, 5))
	}
	if n < utf8.RuneCountInString(end) || leeway < 0 {
		fail("the filter truncate gets a length of %d, and a leeway of %d: want at least the %d of the end, and 0", n, leeway, utf8.RuneCountInString(end))
	}
	if size-leeway <= n {
		return v
	}
	chars := []rune(textOr("truncate", v, ""))
	cut := string(chars[:n-utf8.RuneCountInString(end)])
	if !boolOr(a[1], false) {
		if i := strings.LastIndexByte(cut, ' '); i >= 0 {
			cut = cut[:i]
		}
	}
	return like(v, cut+end)
}
