package tokenize

import (
	"fmt"
	"strings"

	"github.com/dlclark/regexp2"
)

// compileRegex compiles a regular expression of the library's dialect, Oniguruma's.
// regexp2 reads the same look-aheads, classes and categories, but its categories
// are Go's, of an older Unicode: the newer characters are written out.
func compileRegex(pattern string) (*regexp2.Regexp, error) {
	re, err := regexp2.Compile(writeOutNew(pattern), regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %s", brief(pattern), brief(err.Error()))
	}
	re.MatchTimeout = matchTime
	return re, nil
}

// writeOutNew adds to each \p{X} and \P{X} the characters that newCharacters has
// for it.
func writeOutNew(pattern string) string {
	var out strings.Builder
	inClass := false
	for at := 0; at < len(pattern); {
		n := 1
		switch pattern[at] {
		case '[':
			inClass = true
		case ']':
			inClass = false
		case '\\':
			n = escapeLength(pattern[at:])
			out.WriteString(escape(pattern[at:at+n], inClass))
			at += n
			continue
		}
		out.WriteString(pattern[at : at+n])
		at += n
	}
	return out.String()
}

// escapeLength returns the length of the escape that s begins with: \p{...} whole,
// two bytes of any other.
func escapeLength(s string) int {
	if strings.HasPrefix(s, `\p{`) || strings.HasPrefix(s, `\P{`) {
		if end := strings.IndexByte(s, '}'); end > 0 {
			return end + 1
		}
	}
	return min(2, len(s))
}

// escape returns an escape with the new characters.
func escape(s string, inClass bool) string {
	if len(s) < 4 {
		return s
	}
	more := classText(newCharacters[s[3:len(s)-1]])
	switch {
	case more == "":
		return s
	case s[1] == 'P' && inClass:
		return s // their absence cannot be written inside a class
	case s[1] == 'P':
		return `[^\p` + s[2:] + more + "]"
	case inClass:
		return s + more
	}
	return "[" + s + more + "]"
}

// classText writes a set as ranges inside a character class.
func classText(set runeSet) string {
	var out strings.Builder
	for _, r := range set {
		fmt.Fprintf(&out, "%c-%c", r.lo, r.hi)
	}
	return out.String()
}
