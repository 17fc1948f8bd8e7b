package jinja

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// A chunk is a part of a template: text, or what stands within a tag.
type chunk struct {
	kind string // "text", "{{" or "{%"
	text string
	line int
}

// newlines are brought to one kind before anything else; one at the end of the template goes.
var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func normalized(source string) string { return strings.TrimSuffix(newlines.Replace(source), "\n") }

// A cutter cuts a source into chunks, with the rules of trim_blocks and lstrip_blocks: a newline
// after a block or a comment goes, and so do blanks before it where they begin the line.
type cutter struct {
	source string
	at     int
	line   int
	fresh  bool // whether what was cut last has ended a line
	chunks []chunk
}

func cutSource(source string) []chunk {
	c := &cutter{source: normalized(source), line: 1, fresh: true}
	for c.at < len(c.source) {
		c.next()
	}
	return c.chunks
}

// next cuts the text before the next tag, and the tag.
func (c *cutter) next() {
	rest := c.source[c.at:]
	begin := nearestTag(rest)
	if begin < 0 {
		c.text(rest)
		c.advance(len(rest))
		return
	}
	kind, sign := rest[begin:begin+2], signAt(rest, begin+2)
	c.text(c.stripped(rest[:begin], kind, sign))
	c.advance(begin + 2 + len(sign))
	switch kind {
	case "{#":
		c.comment()
	case "{%":
		if n := rawBegin(c.source[c.at:]); n > 0 {
			c.advance(n)
			c.raw()
			return
		}
		c.tag(kind)
	default:
		c.tag(kind)
	}
}

// nearestTag is where the next tag begins.
func nearestTag(s string) int {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '{')
		if i < 0 || from+i+1 >= len(s) {
			return -1
		}
		from += i
		if strings.IndexByte("{%#", s[from+1]) >= 0 {
			return from
		}
		from++
	}
}

// signAt is the - or + at the beginning of a tag.
func signAt(s string, at int) string {
	if at < len(s) && (s[at] == '-' || s[at] == '+') {
		return s[at : at+1]
	}
	return ""
}

// stripped is the text before a tag without the blanks that the tag takes away.
func (c *cutter) stripped(s, kind, sign string) string {
	if sign == "-" {
		return strings.TrimRightFunc(s, IsBlank)
	}
	if sign == "+" || kind == "{{" {
		return s
	}
	begin := strings.LastIndexByte(s, '\n') + 1
	if (begin > 0 || c.fresh) && strings.TrimFunc(s[begin:], IsBlank) == "" {
		return s[:begin]
	}
	return s
}

func (c *cutter) text(s string) {
	if s != "" {
		c.chunks = append(c.chunks, chunk{"text", s, c.line})
	}
}

// advance goes on by n bytes.
func (c *cutter) advance(n int) {
	passed := c.source[c.at : c.at+n]
	c.line += strings.Count(passed, "\n")
	c.at += n
	if n > 0 {
		c.fresh = passed[n-1] == '\n'
	}
}

// closing is how a tag ends at i that began at begin: what is taken away after it depends on the
// sign before its end.
func (c *cutter) closing(begin, i int, end string) (before, after int) {
	before = i
	if i > begin && (c.source[i-1] == '-' || c.source[i-1] == '+') {
		before = i - 1
	}
	after = i + len(end)
	switch {
	case before < i && c.source[before] == '-':
		rest := c.source[after:]
		after += len(rest) - len(strings.TrimLeftFunc(rest, IsBlank))
	case before == i && end != "}}" && strings.HasPrefix(c.source[after:], "\n"):
		after++
	}
	return before, after
}

func (c *cutter) comment() {
	i := strings.Index(c.source[c.at:], "#}")
	if i < 0 {
		fail("line %d: a comment has no end", c.line)
	}
	begin := c.at
	_, after := c.closing(begin, begin+i, "#}")
	c.advance(after - begin)
}

var (
	rawBegins = regexp.MustCompile(`^\s*raw\s*(?:-%}\s*|%})`)
	rawEnds   = regexp.MustCompile(`\{%([-+]?)\s*endraw\s*(\+%}|-%}\s*|%}\n?)`)
)

// rawBegin is the length of what follows the opening of a raw block, 0 where there is none.
func rawBegin(s string) int { return len(rawBegins.FindString(s)) }

func (c *cutter) raw() {
	m := rawEnds.FindStringSubmatchIndex(c.source[c.at:])
	if m == nil {
		fail("line %d: a raw block has no end", c.line)
	}
	rest := c.source[c.at:]
	c.text(c.stripped(rest[:m[0]], "{%", rest[m[2]:m[3]]))
	c.advance(m[1])
}

// tag cuts what stands between the beginning of a tag and its end, which is not looked for in
// strings and brackets.
func (c *cutter) tag(kind string) {
	end := map[string]string{"{{": "}}", "{%": "%}"}[kind]
	begin, line, open := c.at, c.line, 0
	for i := begin; i < len(c.source); {
		rest := c.source[i:]
		switch {
		case open == 0 && (strings.HasPrefix(rest, end) || strings.HasPrefix(rest, "-"+end) || kind == "{%" && strings.HasPrefix(rest, "+"+end)):
			at := i + strings.Index(rest, end)
			before, after := at, at
			if kind == "{{" && rest[0] != '-' {
				after = at + len(end)
			} else {
				before, after = c.closing(begin, at, end)
			}
			c.chunks = append(c.chunks, chunk{kind, c.source[begin:before], line})
			c.advance(after - begin)
			return
		case rest[0] == '\'' || rest[0] == '"':
			i += len(quoted(rest, line))
		case strings.IndexByte("([{", rest[0]) >= 0:
			open++
			i++
		case strings.IndexByte(")]}", rest[0]) >= 0:
			open = max(open-1, 0)
			i++
		default:
			_, n := utf8.DecodeRuneInString(rest)
			i += n
		}
	}
	fail("line %d: a tag %s has no end", line, kind)
}

// quoted is the string literal that s begins with.
func quoted(s string, line int) string {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return s[:i+1]
		}
	}
	fail("line %d: a string has no end", line)
	return ""
}
