package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// upper, lower, fold, capitalize and the titles are Python's, which follow Unicode's rules for
// letters that become several, such as ß.
func upper(s string) string { return cases.Upper(language.Und).String(s) }
func lower(s string) string { return cases.Lower(language.Und).String(s) }
func fold(s string) string  { return cases.Fold().String(s) }

func titled(letter string) string { return cases.Title(language.Und, cases.NoLower).String(letter) }

func capitalize(s string) string {
	_, n := utf8.DecodeRuneInString(s)
	return titled(s[:n]) + lower(s[n:])
}

// titleOfLetters begins every run of letters with a capital: Python's str.title.
func titleOfLetters(s string) string {
	var b strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, func(c rune) bool { return !isCased(c) })
		if n < 0 {
			n = len(s)
		}
		if n == 0 {
			_, n = utf8.DecodeRuneInString(s)
			b.WriteString(s[:n])
		} else {
			_, first := utf8.DecodeRuneInString(s)
			_, lowered := utf8.DecodeRuneInString(lower(s[:n]))
			b.WriteString(titled(s[:first]) + lower(s[:n])[lowered:])
		}
		s = s[n:]
	}
	return b.String()
}

func isCased(c rune) bool { return unicode.IsUpper(c) || unicode.IsLower(c) || unicode.IsTitle(c) }

func swapCase(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case unicode.IsUpper(c):
			b.WriteString(lower(string(c)))
		case unicode.IsLower(c):
			b.WriteString(upper(string(c)))
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// IsBlank are the characters that Python's strip and split hold to be blanks.
func IsBlank(c rune) bool { return unicode.IsSpace(c) || c >= 0x1c && c <= 0x1f }

// strip takes characters off the ends of a string: blanks where none are named.
func strip(s string, chars any, left, right bool) string {
	off := IsBlank
	if chars != nil {
		set := textOr("strip", chars, "")
		off = func(c rune) bool { return strings.ContainsRune(set, c) }
	}
	if left {
		s = strings.TrimLeftFunc(s, off)
	}
	if right {
		s = strings.TrimRightFunc(s, off)
	}
	return s
}

func endsLine(c rune) bool {
	return c >= '\n' && c <= '\r' || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029
}

// lines is Python's splitlines: at all the characters that end a line.
func (r *run) lines(s string, keep bool) []string {
	r.times(strings.Count(s, "\n"), valueBytes)
	var lines []string
	for s != "" {
		i := strings.IndexFunc(s, endsLine)
		if i < 0 {
			return append(lines, s)
		}
		_, n := utf8.DecodeRuneInString(s[i:])
		if strings.HasPrefix(s[i:], "\r\n") {
			n = 2
		}
		if keep {
			lines = append(lines, s[:i+n])
		} else {
			lines = append(lines, s[:i])
		}
		s = s[i+n:]
	}
	return lines
}

// justified fills a string up to a width.
func (r *run) justified(s string, width int, fill string, side int) string {
	missing := max(width, 0) - utf8.RuneCountInString(s)
	if utf8.RuneCountInString(fill) != 1 {
		fail("the fill of a string must be one character")
	}
	if missing <= 0 {
		return s
	}
	r.times(missing, len(fill))
	left := 0
	switch side {
	case leftSide:
		left = missing
	case centre: // as Python's: an odd one goes to the left where the width is odd
		left = missing/2 + (missing & width & 1)
	}
	return strings.Repeat(fill, left) + s + strings.Repeat(fill, missing-left)
}

func (r *run) zeroed(s string, width int) string {
	sign := ""
	if s != "" && strings.ContainsRune("+-", rune(s[0])) {
		sign, s = s[:1], s[1:]
	}
	return sign + r.justified(s, max(width, 1)-len(sign), "0", leftSide)
}

func (r *run) expanded(s string, size int) string {
	var b strings.Builder
	column := 0
	for _, c := range s {
		switch {
		case c == '\t' && size > 0:
			n := size - column%size
			r.room(n)
			b.WriteString(strings.Repeat(" ", n))
			column += n
		case c == '\t':
		case c == '\n' || c == '\r':
			column = 0
			b.WriteRune(c)
		default:
			column++
			b.WriteRune(c)
		}
	}
	return b.String()
}
