package tokenize

import "unicode/utf8"

// A Span is a stretch of bytes of a text: text[Start:End].
type Span struct{ Start, End int }

// A token is an id and what it stands for in the original text.
type token struct {
	id   int
	span Span
}

// A piece is a stretch of text on its way to tokens. Normalising may change its
// bytes; spans remembers where each came from.
type piece struct {
	text  string
	start int    // of text in the original, while spans is nil
	spans []Span // of the original, for each byte of text; nil: byte i is start+i
	limit *allowance
}

// wholeText is a text as a piece.
func wholeText(text string) piece { return piece{text: text, limit: newAllowance(len(text))} }

// span returns the place in the original text of p.text[i:j].
func (p piece) span(i, j int) Span {
	switch {
	case p.spans == nil:
		return Span{p.start + i, p.start + j}
	case i < j:
		return Span{p.spans[i].Start, max(p.spans[i].Start, p.spans[j-1].End)}
	case i < len(p.spans):
		return Span{p.spans[i].Start, p.spans[i].Start}
	case len(p.spans) > 0:
		end := p.spans[len(p.spans)-1].End
		return Span{end, end}
	}
	return Span{p.start, p.start}
}

// slice returns the part p.text[i:j] as a piece.
func (p piece) slice(i, j int) piece {
	if p.spans == nil {
		return piece{text: p.text[i:j], start: p.start + i, limit: p.limit}
	}
	return piece{text: p.text[i:j], start: p.span(i, j).Start, spans: p.spans[i:j], limit: p.limit}
}

// first reports whether p begins where the original text does.
func (p piece) first() bool { return p.span(0, len(p.text)).Start == 0 }

// An editor makes a changed copy of a piece, from left to right. It writes no more than
// the piece's allowance; who made it checks that.
type editor struct {
	from  piece
	text  []byte
	spans []Span
}

func edit(p piece) *editor {
	n := len(p.text) + len(p.text)/8
	return &editor{from: p, text: make([]byte, 0, n), spans: make([]Span, 0, n)}
}

// keep copies from.text[i:j].
func (e *editor) keep(i, j int) {
	if !e.from.limit.spend(j - i) {
		return
	}
	e.text = append(e.text, e.from.text[i:j]...)
	for ; i < j; i++ {
		e.spans = append(e.spans, e.from.span(i, i+1))
	}
}

// replace writes with for from.text[i:j]; with an empty range it inserts.
func (e *editor) replace(i, j int, with string) {
	if !e.from.limit.spend(len(with)) {
		return
	}
	e.text = append(e.text, with...)
	span := e.from.span(i, j)
	for range len(with) {
		e.spans = append(e.spans, span)
	}
}

// rewrite writes with for from.text[i:j]. The characters that they have in common
// at both ends keep their places.
func (e *editor) rewrite(i, j int, with string) {
	text := e.from.text[i:j]
	head, tail := 0, 0
	for head < min(len(text), len(with)) && text[head] == with[head] {
		head++
	}
	for head > 0 && (head < len(text) && !utf8.RuneStart(text[head]) || head < len(with) && !utf8.RuneStart(with[head])) {
		head--
	}
	for tail < min(len(text), len(with))-head && text[len(text)-1-tail] == with[len(with)-1-tail] {
		tail++
	}
	for tail > 0 && !(utf8.RuneStart(text[len(text)-tail]) && utf8.RuneStart(with[len(with)-tail])) {
		tail--
	}
	e.keep(i, i+head)
	e.replace(i+head, j-tail, with[head:len(with)-tail])
	e.keep(j-tail, j)
}

func (e *editor) piece() piece {
	return piece{text: string(e.text), start: e.from.start, spans: e.spans, limit: e.from.limit}
}
