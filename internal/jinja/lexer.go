package jinja

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopherlens/internal/brief"
)

// A token is a word of a tag. Its kind is "name", "string", "int", "float", "end", or an operator.
type token struct {
	kind  string
	text  string
	value any // of a literal
	line  int
}

func (t token) String() string {
	if t.kind == "end" {
		return "the end of the tag"
	}
	return strconv.Quote(brief.Text(t.text))
}

var (
	floatLiteral = regexp.MustCompile(`^(?i)(\d+_)*\d+((\.(\d+_)*\d+)?e[+\-]?(\d+_)*\d+|\.(\d+_)*\d+)`)
	intLiteral   = regexp.MustCompile(`^(?i)(0b(_?[0-1])+|0o(_?[0-7])+|0x(_?[\da-f])+|[1-9](_?\d)*|0(_?0)*)`)
)

// signs are the operators, the longer ones first.
var signs = strings.Fields("// ** == != >= <= + - / * % ~ [ ] ( ) { } > < = . : | , ;")

// tokens are the words of a tag.
func tokens(c chunk) []token {
	var all []token
	line, s := c.line, c.text
	for len(s) > 0 {
		first, size := utf8.DecodeRuneInString(s)
		var t token
		switch {
		case IsBlank(first):
			line += strings.Count(s[:size], "\n")
			s = s[size:]
			continue
		case first == '\'' || first == '"':
			t = stringToken(s, line)
		case first >= '0' && first <= '9':
			t = numberToken(s, line, len(all) > 0 && all[len(all)-1].kind == ".")
		case first == '_' || unicode.IsLetter(first):
			t = nameToken(s)
		default:
			t = signToken(s, line)
		}
		t.line = line
		line += strings.Count(t.text, "\n")
		s = s[len(t.text):]
		all = append(all, t)
	}
	return append(all, token{kind: "end", line: line})
}

func stringToken(s string, line int) token {
	text := quoted(s, line)
	return token{kind: "string", text: text, value: unescaped(text[1:len(text)-1], line)}
}

func nameToken(s string) token {
	end := strings.IndexFunc(s, func(c rune) bool {
		return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.IsMark(c)
	})
	if end < 0 {
		end = len(s)
	}
	return token{kind: "name", text: s[:end]}
}

// numberToken is a number; after a dot it is whole, as in a.0.1.
func numberToken(s string, line int, afterDot bool) token {
	if f := floatLiteral.FindString(s); f != "" && !afterDot {
		v, err := strconv.ParseFloat(strings.ReplaceAll(f, "_", ""), 64)
		if err != nil && v == 0 {
			fail("line %d: %q is no number", line, f)
		}
		return token{kind: "float", text: f, value: v}
	}
	i := intLiteral.FindString(s)
	v, err := strconv.ParseInt(strings.ReplaceAll(i, "_", ""), 0, 64)
	if strings.Trim(i, "0_") == "" {
		v, err = 0, nil
	}
	if err != nil {
		fail("line %d: the number %q does not fit 64 bits", line, i)
	}
	return token{kind: "int", text: i, value: v}
}

func signToken(s string, line int) token {
	for _, sign := range signs {
		if strings.HasPrefix(s, sign) {
			return token{kind: sign, text: sign}
		}
	}
	c, _ := utf8.DecodeRuneInString(s)
	fail("line %d: unexpected character %q", line, c)
	return token{}
}

// simple are Python's escapes of one letter.
var simple = map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'a': "\a", 'b': "\b", 'f': "\f", 'v': "\v", '\\': `\`, '\'': "'", '"': `"`, '\n': ""}

// hexDigits are how many digits follow an escape.
var hexDigits = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// unescaped is a string literal's value; an escape that Python does not know stays as it is.
func unescaped(s string, line int) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch n, hex := hexDigits[s[i]]; {
		case hex:
			b.WriteRune(hexRune(s[i+1:], n, line))
			i += n
		case s[i] >= '0' && s[i] <= '7':
			n := octal(s[i:])
			v, _ := strconv.ParseUint(s[i:i+n], 8, 16)
			b.WriteRune(rune(v))
			i += n - 1
		default:
			if e, ok := simple[s[i]]; ok {
				b.WriteString(e)
			} else {
				b.WriteByte('\\')
				b.WriteByte(s[i])
			}
		}
	}
	return b.String()
}

func hexRune(s string, n, line int) rune {
	if len(s) >= n {
		if v, err := strconv.ParseUint(s[:n], 16, 32); err == nil && v <= unicode.MaxRune {
			return rune(v)
		}
	}
	fail("line %d: a string has a bad escape", line)
	return 0
}

// octal is how many octal digits an escape has.
func octal(s string) int {
	n := 0
	for n < 3 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
		n++
	}
	return n
}
