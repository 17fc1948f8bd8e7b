package plots

import (
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// xHeight is the height of small letters as a part of the font's size; text is
// centred on their middle.
const xHeight = 0.7

// typeface is the Go font: free, pure data, and there on every machine. It
// holds Latin, Greek and Cyrillic.
type typeface struct {
	font   *sfnt.Font
	buffer sfnt.Buffer
	widths map[rune]float64 // in ems, of the characters met so far
	lock   sync.Mutex       // of buffer and widths
}

var (
	regular = sync.OnceValue(func() *typeface { return parseFont(goregular.TTF) })
	bold    = sync.OnceValue(func() *typeface { return parseFont(gobold.TTF) })
)

// parseFont gives a typeface without letters should the data not parse: the
// pictures then have no text, and a test would see it.
func parseFont(data []byte) *typeface {
	f, err := sfnt.Parse(data)
	if err != nil {
		f = nil
	}
	return &typeface{font: f, widths: map[rune]float64{}}
}

// substitutes stand in a PNG for the characters that the Go font lacks and that
// this package itself writes.
var substitutes = map[rune]rune{'↵': '¶', '⇥': '→', '∅': 'Ø', '◌': '○'}

// glyph is the font's index of r; 0 is the box of an unknown character.
func (t *typeface) glyph(r rune) sfnt.GlyphIndex {
	if t.font == nil {
		return 0
	}
	if sub, ok := substitutes[r]; ok {
		r = sub
	}
	index, err := t.font.GlyphIndex(&t.buffer, r)
	if err != nil {
		return 0
	}
	return index
}

// advance is the width of r in a font of the given size.
func (t *typeface) advance(r rune, size float64) float64 {
	w, ok := t.widths[r]
	if !ok {
		w = t.emWidth(r)
		t.widths[r] = w
	}
	return w * size
}

// emWidth measures r in parts of the font's size.
func (t *typeface) emWidth(r rune) float64 {
	const size = 64 // large enough for 26.6 fixed point not to matter
	if unicode.In(r, unicode.Mn, unicode.Cf) {
		return 0
	}
	index := t.glyph(r)
	if index == 0 {
		return unknownWidth(r)
	}
	w, err := t.font.GlyphAdvance(&t.buffer, index, ppem(size), font.HintingNone)
	if err != nil {
		return unknownWidth(r)
	}
	return float64(w) / 64 / size
}

// unknownWidth guesses what a viewer's own font makes of r, in ems: the scripts
// of East Asia and emoji fill a square, others are about as wide as Latin.
func unknownWidth(r rune) float64 {
	if r >= 0x1100 && !unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Thai) {
		return 1
	}
	return 0.62
}

func ppem(size float64) fixed.Int26_6 { return fixed.Int26_6(size*64 + 0.5) }

// textWidth measures one line in pixels.
func textWidth(s string, size float64, isBold bool) float64 {
	face := regular()
	if isBold {
		face = bold()
	}
	face.lock.Lock()
	defer face.lock.Unlock()
	w := 0.0
	for _, r := range s {
		w += face.advance(r, size)
	}
	return w
}

// widest measures the longest of some labels.
func widest(labels []string, size float64) float64 {
	w := 0.0
	for _, l := range labels {
		w = max(w, textWidth(l, size, false))
	}
	return w
}

// clipWidth cuts s with an ellipsis so that it fits into width.
func clipWidth(s string, size, width float64, isBold bool) string {
	if textWidth(s, size, isBold) <= width {
		return s
	}
	left, kept := width-textWidth("…", size, isBold), 0
	for i, r := range s {
		if left -= textWidth(string(r), size, isBold); left < 0 {
			break
		}
		kept = i + len(string(r))
	}
	return s[:kept] + "…"
}
