package plots

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths, in characters, beyond which a label is cut with an ellipsis: beside
// an axis, and where the pointer rests.
const (
	axisLabelLength = 24
	hoverLength     = 200
)

// visible writes a label so that every character of it can be seen and none
// can harm the page around it. Labels are often tokens, that is pieces of text
// cut anywhere: the space before a word, a newline, one byte of a character.
//
//   - spaces at either end become "·", a newline "↵", a tab "⇥"
//   - control and invisible characters, bidirectional overrides among them, are
//     written as Go escapes: "\x00", "\u202e"
//   - a byte that is no UTF-8 is written "\xe2"
//   - a combining mark without a letter before it stands on "◌"
//
// XML cannot hold most of these characters even when escaped, so this is
// also what keeps an SVG well formed.
func visible(label string) string {
	body := strings.Trim(label, " ")
	lead := len(label) - len(strings.TrimLeft(label, " "))
	trail := len(label) - lead - len(body)
	return strings.Repeat("·", lead) + visibleBody(body) + strings.Repeat("·", trail)
}

// visibleToken is visible for text that is known to be a token: spaces inside
// it are shown too.
func visibleToken(token string) string {
	if token == "" {
		return "∅"
	}
	return strings.ReplaceAll(visible(token), " ", "·")
}

func visibleBody(s string) string {
	var b strings.Builder
	var before rune // 0 at the start
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		next, _ := utf8.DecodeRuneInString(s[i+size:])
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(visibleRune(before, r, next))
		}
		before = r
		i += size
	}
	return b.String()
}

// visibleRune writes one character, given its neighbours.
func visibleRune(before, r, next rune) string {
	switch {
	case r == '\n':
		return "↵"
	case r == '\t':
		return "⇥"
	case r == '\u200d' && joins(before) && joins(next):
		return string(r) // a joiner inside an emoji of several characters
	case r < 0x80 && unicode.IsControl(r):
		return fmt.Sprintf(`\x%02x`, r)
	case unicode.Is(unicode.Mn, r) && !joins(before):
		return "◌" + string(r)
	case unicode.IsGraphic(r) && !isOddSpace(r):
		return string(r)
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// joins tells whether r is a character that another may attach itself to.
func joins(r rune) bool {
	return r > ' ' && r != utf8.RuneError && unicode.IsGraphic(r) && !isOddSpace(r)
}

// isOddSpace holds for the spaces that look like the common one or like nothing.
func isOddSpace(r rune) bool { return r != ' ' && unicode.Is(unicode.Zs, r) }

// clip cuts a label to n characters.
func clip(label string, n int) string {
	if utf8.RuneCountInString(label) <= n {
		return label
	}
	runes := []rune(label)
	return string(runes[:n-1]) + "…"
}

// axisText is a label as it stands beside an axis.
func axisText(label string) string { return clip(visible(label), axisLabelLength) }

// hoverText is a label as it stands in a tooltip.
func hoverText(label string) string { return clip(visible(label), hoverLength) }

// mapLabels applies f to each label.
func mapLabels(labels []string, f func(string) string) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = f(l)
	}
	return out
}

// indexLabels are the labels of an axis that has none: "0", "1", …
func indexLabels(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}
