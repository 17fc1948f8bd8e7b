package corpus

import "strings"

// untagged is a text of the Brown corpus without its tags, spaced and quoted as English is printed.
// There each line is a sentence, and blank lines are between paragraphs.
func untagged(tagged string) string {
	var text strings.Builder
	paragraph := &spacer{to: &text}
	for _, line := range strings.Split(tagged, "\n") {
		if strings.TrimSpace(line) == "" {
			paragraph.end()
			continue
		}
		for _, word := range strings.Fields(line) {
			if at := strings.LastIndexByte(word, '/'); at >= 0 {
				word = word[:at]
			}
			paragraph.add(word)
		}
	}
	return text.String()
}

// A spacer puts words one after the other, and white space between those that want it.
type spacer struct {
	to     *strings.Builder
	last   string // of the paragraph; "" at its beginning
	glued  bool   // the next word stands at the last one
	begun  bool   // there was a paragraph before
	inner  bool   // within '...'
	parted bool   // the paragraph has ended
}

// Punctuation that stands at the word before it, and at the word after it.
var (
	closing = map[string]bool{",": true, ".": true, ";": true, ":": true, "?": true, "!": true, ")": true, "]": true, "''": true}
	opening = map[string]bool{"(": true, "[": true, "``": true}

	// The corpus has these twice where the text has them once.
	doubled = map[string]bool{";": true, "?": true, "!": true}
	printed = map[string]string{"``": `"`, "''": `"`}
)

func (s *spacer) end() { s.last, s.glued, s.inner, s.parted = "", false, false, s.begun }

func (s *spacer) add(word string) {
	if doubled[word] && s.last == word || word == "." && strings.HasSuffix(s.last, ".") {
		return
	}
	before, after := closing[word], opening[word]
	if word == "'" { // opens and closes by turns
		before, after = s.inner, !s.inner
		s.inner = !s.inner
	}
	switch {
	case s.parted:
		s.to.WriteString("\n\n")
	case s.last != "" && !before && !s.glued:
		s.to.WriteByte(' ')
	}
	if mark, ok := printed[word]; ok {
		s.to.WriteString(mark)
	} else {
		s.to.WriteString(word)
	}
	s.last, s.glued, s.begun, s.parted = word, after, true, false
}
