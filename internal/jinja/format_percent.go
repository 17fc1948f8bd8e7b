package jinja

import "strings"

// A percents writes what the % operator of a string writes, as C's printf does.
type percents struct {
	r      *run
	format string
	at     int
	values list
	named  *Dict
	next   int
	out    strings.Builder
}

// percent is `format % values`.
func (r *run) percent(format string, values any) string {
	p := &percents{r: r, format: format, values: list{values}}
	switch v := values.(type) {
	case tuple:
		p.values = list(v)
	case *Dict:
		p.named = v
	}
	for p.at < len(format) {
		p.part()
	}
	if p.next < len(p.values) && !hasEntries(values) {
		fail("%q has fewer places than the %d values for it", format, len(p.values))
	}
	return p.out.String()
}

// hasEntries holds for what Python takes for a mapping: it may be left over.
func hasEntries(v any) bool {
	switch v.(type) {
	case list, *Dict, span, undefined:
		return true
	}
	return false
}

func (p *percents) part() {
	rest := p.format[p.at:]
	i := strings.IndexByte(rest, '%')
	if i < 0 {
		i = len(rest)
	}
	p.r.room(i)
	p.out.WriteString(rest[:i])
	p.at += i
	if p.at < len(p.format) {
		p.at++
		p.directive()
	}
}

func (p *percents) byte() byte {
	if p.at >= len(p.format) {
		fail("%q ends within a %%", p.format)
	}
	p.at++
	return p.format[p.at-1]
}

// value is the next value.
func (p *percents) value() any {
	if p.next >= len(p.values) {
		fail("%q has more places than the %d values for it", p.format, len(p.values))
	}
	p.next++
	return p.values[p.next-1]
}

func (p *percents) directive() {
	key := p.key()
	s := shape{precision: -1}
	c := p.flags(&s)
	s.width, c = p.count(c)
	if s.width < 0 {
		s.align, s.width = '<', -s.width
	}
	if c == '.' {
		s.precision, c = p.count(p.byte())
		s.precision = max(s.precision, 0)
	}
	for c == 'l' || c == 'h' || c == 'L' {
		c = p.byte()
	}
	if c == '%' {
		p.out.WriteByte('%')
		return
	}
	s.verb = c
	p.out.WriteString(p.written(key, s))
}

// key is the name in %(name)s.
func (p *percents) key() *string {
	if p.at >= len(p.format) || p.format[p.at] != '(' {
		return nil
	}
	end := strings.IndexByte(p.format[p.at:], ')')
	if end < 0 {
		fail("%q has a name without an end", p.format)
	}
	key := p.format[p.at+1 : p.at+end]
	p.at += end + 1
	if p.named == nil {
		fail("%q wants a dict", p.format)
	}
	return &key
}

func (p *percents) flags(s *shape) byte {
	for {
		switch c := p.byte(); c {
		case '-':
			s.align = '<'
		case '+':
			s.sign = '+'
		case ' ':
			if s.sign == 0 {
				s.sign = ' '
			}
		case '#':
			s.alternate = true
		case '0':
			s.zero = true
		default:
			return c
		}
	}
}

// count is a width or a precision, and what follows it.
func (p *percents) count(c byte) (n int, next byte) {
	if c == '*' {
		i, ok := integer(p.value())
		if !ok {
			fail("* wants a whole number")
		}
		p.r.room(int(max(i, -i)))
		return int(i), p.byte()
	}
	for ; c >= '0' && c <= '9'; c = p.byte() {
		n = 10*n + int(c-'0')
		p.r.room(n)
	}
	return n, c
}

func (p *percents) written(key *string, s shape) string {
	var v any
	if key != nil {
		found, ok := p.named.get(*key)
		if !ok {
			fail("%q: there is no %q", p.format, *key)
		}
		v = found
	} else {
		v = p.value()
	}
	switch s.verb {
	case 's', 'r', 'a':
		s.zero = false
		if s.verb == 's' {
			return p.r.rightward(p.r.str(v), s)
		}
		return p.r.rightward(p.r.repr(v), s)
	case 'c':
		if c, ok := text(v); ok {
			return p.r.rightward(c, s)
		}
	case 'd', 'i', 'u':
		s.verb = 'd'
		if f, ok := v.(float64); ok {
			v = wholeOf(f, nil, 10)
		}
	case 'x', 'X', 'o', 'e', 'E', 'f', 'F', 'g', 'G':
	default:
		fail("%q: there is no %%%c", p.format, s.verb)
	}
	return p.r.number(v, s)
}

// rightward prints a string with the % operator, which fills on the left.
func (r *run) rightward(v string, s shape) string {
	if s.align == 0 {
		s.align = '>'
	}
	return r.string(v, s)
}
