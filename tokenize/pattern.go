package tokenize

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dlclark/regexp2"
)

// A pattern is what tokenizer.json writes as {"String": s} or {"Regex": r}.
type pattern struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`

	compiled *regexp2.Regexp // of Regex
}

// compile prepares a regular expression.
func (p *pattern) compile() error {
	if (p.String == nil) == (p.Regex == nil) {
		return errors.New("a pattern is one String or one Regex")
	}
	if p.Regex == nil {
		return nil
	}
	if len(*p.Regex) > maxPattern {
		return fmt.Errorf("pattern %q has %d bytes; %d are allowed", brief(*p.Regex), len(*p.Regex), maxPattern)
	}
	var err error
	p.compiled, err = compileRegex(*p.Regex)
	return err
}

// matches covers s with the matches of p and what lies between.
func (p *pattern) matches(s string, limit *allowance) ([]match, error) {
	var out []match
	done := 0
	hit := func(start, end int) {
		if done < start {
			out = append(out, match{done, start, false})
		}
		out = append(out, match{start, end, true})
		done = end
	}
	var err error
	if p.compiled == nil {
		eachLiteral(s, *p.String, hit)
	} else {
		err = p.eachRegex(s, limit, hit)
	}
	if done < len(s) {
		out = append(out, match{done, len(s), false})
	}
	return out, err
}

func eachLiteral(s, literal string, hit func(start, end int)) {
	if literal == "" {
		return
	}
	for at := 0; ; {
		n := strings.Index(s[at:], literal)
		if n < 0 {
			return
		}
		hit(at+n, at+n+len(literal))
		at += n + len(literal)
	}
}

// eachRegex calls hit with the byte offsets of each match; regexp2 counts runes.
func (p *pattern) eachRegex(s string, limit *allowance, hit func(start, end int)) error {
	runes := []rune(s)
	rune2byte := make([]int, 0, len(runes)+1)
	for at := range s {
		rune2byte = append(rune2byte, at)
	}
	rune2byte = append(rune2byte, len(s))
	if err := limit.startClock(); err != nil {
		return p.wrap(err)
	}
	m, err := p.compiled.FindRunesMatch(runes)
	for ; m != nil && err == nil; m, err = p.compiled.FindNextMatch(m) {
		hit(rune2byte[m.Index], rune2byte[m.Index+m.Length])
		if err := limit.checkTime(); err != nil {
			return p.wrap(err)
		}
	}
	if err != nil { // regexp2's own has the whole text in it
		return fmt.Errorf("pattern %q takes more than %v to find one match in a text of %d bytes", brief(*p.Regex), matchTime, len(s))
	}
	return nil
}

func (p *pattern) wrap(err error) error { return fmt.Errorf("pattern %q: %w", brief(*p.Regex), err) }

// split is the Split pre-tokenizer.
type split struct {
	Pattern  pattern  `json:"pattern"`
	Behavior behavior `json:"behavior"`
	Invert   bool     `json:"invert"` // the pattern matches the words, not the gaps
}

func newSplit(c component) (splitter, error) {
	s := new(split)
	if err := c.read(s); err != nil {
		return nil, err
	}
	if scan := s.scanner(); scan != nil {
		return scanSplit(scan), nil
	}
	if err := s.Pattern.compile(); err != nil {
		return nil, c.wrap(err)
	}
	return s, nil
}

// scanner returns the hand-written form of s, nil if there is none. Those
// patterns match everything, so that only keeping the matches makes sense.
func (s *split) scanner() scanner {
	keeps := s.Behavior == isolated || s.Behavior == removed && s.Invert
	if !keeps || s.Pattern.Regex == nil {
		return nil
	}
	return scanners[*s.Pattern.Regex]
}

func (s *split) split(p piece, yield func(piece) error) error {
	matches, err := s.Pattern.matches(p.text, p.limit)
	if err != nil {
		return err
	}
	for i := range matches {
		matches[i].hit = matches[i].hit != s.Invert
	}
	return s.Behavior.apply(p, matches, yield)
}
