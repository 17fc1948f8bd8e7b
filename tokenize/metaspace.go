package tokenize

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// metaspace writes spaces as "▁" (U+2581), as sentencepiece does, and sets one
// before the text.
type metaspace struct {
	Replacement    string `json:"replacement"`
	PrependScheme  string `json:"prepend_scheme"` // first, never or always
	Split          *bool  `json:"split"`
	AddPrefixSpace *bool  `json:"add_prefix_space"` // an older way to say never
	StrRep         string `json:"str_rep"`          // older files repeat Replacement here
}

func readMetaspace(c component) (*metaspace, error) {
	m := &metaspace{PrependScheme: "always"}
	if err := c.read(m); err != nil {
		return nil, err
	}
	if m.AddPrefixSpace != nil && !*m.AddPrefixSpace {
		m.PrependScheme = "never"
	}
	if utf8.RuneCountInString(m.Replacement) != 1 {
		return nil, c.wrap(fmt.Errorf("replacement %q is not one character", brief(m.Replacement)))
	}
	switch m.PrependScheme {
	case "first", "never", "always":
		return m, nil
	}
	return nil, c.wrap(fmt.Errorf("prepend_scheme %q is not known", brief(m.PrependScheme)))
}

func newMetaspaceSplit(c component) (splitter, error) {
	m, err := readMetaspace(c)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *metaspace) split(p piece, yield func(piece) error) error {
	p = replaceAll(p, " ", m.Replacement)
	wanted := m.PrependScheme == "always" || m.PrependScheme == "first" && p.first()
	if wanted && !strings.HasPrefix(p.text, m.Replacement) {
		p = prepend(p, m.Replacement)
	}
	if m.Split != nil && !*m.Split {
		return yield(p)
	}
	r, _ := utf8.DecodeRuneInString(m.Replacement)
	return cut{func(got rune) bool { return got == r }, mergedWithNext}.split(p, yield)
}

func newMetaspaceDecoder(c component) (decoder, error) {
	m, err := readMetaspace(c)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// decode turns the replacement back into spaces; in the first token it is
// dropped, because encoding added it.
func (m *metaspace) decode(tokens []string, _ *allowance) ([]string, error) {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		with := " "
		if i == 0 && m.PrependScheme != "never" {
			with = ""
		}
		out[i] = strings.ReplaceAll(token, m.Replacement, with)
	}
	return out, nil
}

// replaceAll writes with for each old in p.
func replaceAll(p piece, old, with string) piece {
	if old == "" || !strings.Contains(p.text, old) {
		return p
	}
	e := edit(p)
	for at := 0; ; {
		n := strings.Index(p.text[at:], old)
		if n < 0 {
			e.keep(at, len(p.text))
			return e.piece()
		}
		e.keep(at, at+n)
		at += n + len(old)
		e.replace(at-len(old), at, with)
	}
}

// prepend inserts s before p, unless p is empty.
func prepend(p piece, s string) piece {
	if p.text == "" {
		return p
	}
	e := edit(p)
	e.replace(0, 0, s)
	e.keep(0, len(p.text))
	return e.piece()
}
