package tokenize

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// jsonScanner walks over a JSON text without building values for what the
// caller does not ask for. tokenizer.json holds a vocabulary of 50,000 entries
// and as many merges; encoding/json takes longer over them than a notebook cell
// should take to start.
//
// The text must be valid UTF-8 (newJSONScanner checks it), so that the strings
// handed out can share its memory.
type jsonScanner struct {
	text string
	pos  int
}

func newJSONScanner(data []byte) (*jsonScanner, error) {
	s := &jsonScanner{text: string(data)}
	if at := firstInvalid(s.text); at >= 0 {
		return nil, fmt.Errorf("byte %#02x at offset %d is not valid UTF-8", data[at], at)
	}
	return s, nil
}

// firstInvalid returns the offset of the first byte that is not UTF-8, or -1.
func firstInvalid(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for at := 0; ; {
		r, size := utf8.DecodeRuneInString(s[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}

func (s *jsonScanner) errorf(format string, args ...any) error {
	return fmt.Errorf("offset %d: %s", s.pos, fmt.Sprintf(format, args...))
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// expect consumes the byte c.
func (s *jsonScanner) expect(c byte) error {
	if got := s.peek(); got != c || s.pos >= len(s.text) {
		return s.errorf("expected %q, found %s", c, s.found())
	}
	s.pos++
	return nil
}

// found names what stands at the present position, for errors.
func (s *jsonScanner) found() string {
	if s.pos >= len(s.text) {
		return "the end of the file (is it truncated?)"
	}
	return fmt.Sprintf("%q", s.text[s.pos])
}

// each calls item for every element between the brackets open and close.
func (s *jsonScanner) each(open, close byte, item func() error) error {
	if err := s.expect(open); err != nil {
		return err
	}
	if s.peek() == close {
		s.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if s.peek() == close {
			s.pos++
			return nil
		}
		if err := s.expect(','); err != nil {
			return err
		}
	}
}

// array calls item at each element; item consumes it.
func (s *jsonScanner) array(item func() error) error { return s.each('[', ']', item) }

// object calls field with each key; field consumes the value.
func (s *jsonScanner) object(field func(key string) error) error {
	return s.each('{', '}', func() error {
		key, err := s.string()
		if err != nil {
			return err
		}
		if err := s.expect(':'); err != nil {
			return err
		}
		return field(key)
	})
}

// string consumes a string. Without escapes it shares the scanner's memory.
func (s *jsonScanner) string() (string, error) {
	if err := s.expect('"'); err != nil {
		return "", err
	}
	start := s.pos
	for ; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == '"':
			s.pos++
			return s.text[start : s.pos-1], nil
		case c == '\\':
			return s.escapedString(start)
		case c < ' ':
			return "", s.errorf("control character %#02x in a string", c)
		}
	}
	return "", s.errorf("a string has no end (is the file truncated?)")
}

// escapedString finishes a string that began at start and contains a
// backslash: encoding/json knows all about escapes.
func (s *jsonScanner) escapedString(start int) (string, error) {
	for ; s.pos < len(s.text); s.pos++ {
		switch s.text[s.pos] {
		case '\\':
			s.pos++ // whatever follows, it does not end the string
		case '"':
			s.pos++
			var out string
			if err := json.Unmarshal([]byte(s.text[start-1:s.pos]), &out); err != nil {
				return "", s.errorf("%v", briefError(err))
			}
			return out, nil
		}
	}
	return "", s.errorf("a string has no end (is the file truncated?)")
}

// integer consumes a whole number from 0 to 2³¹-1, as token ids are.
func (s *jsonScanner) integer() (int, error) {
	s.peek()
	start, n := s.pos, 0
	for s.pos < len(s.text) && s.text[s.pos]-'0' <= 9 {
		n = n*10 + int(s.text[s.pos]-'0')
		if n > maxID {
			return 0, s.errorf("the number is too large for a token id")
		}
		s.pos++
	}
	if s.pos == start {
		return 0, s.errorf("expected a token id, found %s", s.found())
	}
	return n, nil
}

// raw consumes any value and returns its text, to be parsed by encoding/json.
func (s *jsonScanner) raw() (json.RawMessage, error) {
	s.peek()
	start := s.pos
	if err := s.skip(0); err != nil {
		return nil, err
	}
	return json.RawMessage(s.text[start:s.pos]), nil
}

// maxDepth bounds the nesting of values, as encoding/json does.
const maxDepth = 1000

// skip consumes any value.
func (s *jsonScanner) skip(depth int) error {
	if depth > maxDepth {
		return s.errorf("values are nested too deeply")
	}
	switch s.peek() {
	case '{':
		return s.object(func(string) error { return s.skip(depth + 1) })
	case '[':
		return s.array(func() error { return s.skip(depth + 1) })
	case '"':
		_, err := s.string()
		return err
	}
	return s.literal()
}

// literal consumes a number, true, false or null.
func (s *jsonScanner) literal() error {
	end := strings.IndexAny(s.text[s.pos:], ",]} \t\r\n")
	if end < 0 {
		end = len(s.text) - s.pos
	}
	word := s.text[s.pos : s.pos+end]
	if !json.Valid([]byte(word)) {
		return s.errorf("%s is no JSON value", s.found())
	}
	s.pos += end
	return nil
}

// end checks that nothing but white space is left.
func (s *jsonScanner) end() error {
	s.peek()
	if s.pos < len(s.text) {
		return s.errorf("unexpected %s after the end of the value", s.found())
	}
	return nil
}
