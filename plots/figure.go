package plots

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
)

// Figure is a picture that has been asked for: it shows and saves itself. A
// figure made from data that cannot be drawn carries the error, which Show
// displays in the picture's place and every other method returns.
type Figure struct {
	kind string // the constructor's name
	body body
	err  error
}

// A body is a figure's content. Its static picture is always there; it is also
// either a chart, drawn by Vega-Lite, or markup that a script makes richer.
type body interface {
	scene() *scene
	describe() string // in words, for those who do not see the picture
}

type chart interface {
	body
	vega() object
	vegaDraws() bool // false for numbers beyond what the front end computes with
}

type markup interface {
	body
	fragment() string
}

var errNoFigure = errors.New("plots: an empty Figure; make one with Line, Imshow or another of the package's functions")

// figure is what every constructor returns: the body, or why there is none.
func figure(kind string, b body, err error) Figure {
	if err != nil {
		return Figure{kind: kind, err: fmt.Errorf("plots: %s: %w", kind, err)}
	}
	return Figure{kind: kind, body: b}
}

// Err tells what is wrong with the figure's data, or nil.
func (f Figure) Err() error {
	if f.err == nil && f.body == nil {
		return errNoFigure
	}
	return f.err
}

// MIME types of a figure's bundle.
const (
	mimeVega  = "application/vnd.vegalite.v5+json"
	mimeHTML  = "text/html"
	mimeSVG   = "image/svg+xml"
	mimePNG   = "image/png"
	mimePlain = "text/plain"
)

// Bundle gives the figure as Jupyter takes it: content by MIME type, of which
// each front end draws the richest that it knows. A static picture (SVG, and
// PNG in base64) and a description in words are always among them; a chart is unless
// its numbers are beyond what a front end computes with.
func (f Figure) Bundle() (map[string]any, error) {
	if err := f.Err(); err != nil {
		return nil, err
	}
	s := f.body.scene()
	png, err := s.png()
	if err != nil {
		return nil, fmt.Errorf("plots: %s: %w", f.kind, err)
	}
	bundle := map[string]any{
		mimeSVG:   string(s.svg()),
		mimePNG:   base64.StdEncoding.EncodeToString(png),
		mimePlain: f.body.describe(),
	}
	switch b := f.body.(type) {
	case chart:
		if b.vegaDraws() {
			bundle[mimeVega] = map[string]any(b.vega())
		}
	case coloured:
		bundle[mimeHTML] = stillPicture(b.describe(), bundle[mimePNG].(string)) + b.fragment()
	case markup:
		bundle[mimeHTML] = b.fragment()
	}
	return bundle, nil
}

// SVG gives the static picture as a document of its own: no script, no style
// sheet, nothing loaded from elsewhere, the same bytes on every machine.
func (f Figure) SVG() ([]byte, error) {
	if err := f.Err(); err != nil {
		return nil, err
	}
	return f.body.scene().svg(), nil
}

// PNG gives the static picture with two pixels for each of the SVG's, fewer where
// these would be more than sixteen million. Letters
// other than Latin, Greek and Cyrillic become boxes there.
func (f Figure) PNG() ([]byte, error) {
	if err := f.Err(); err != nil {
		return nil, err
	}
	return f.body.scene().png()
}

// WriteSVG saves the static picture, see [Figure.SVG].
func (f Figure) WriteSVG(path string) error { return write(path, f.SVG) }

// WritePNG saves the static picture, see [Figure.PNG].
func (f Figure) WritePNG(path string) error { return write(path, f.PNG) }

// WriteHTML saves a page, see [Figure.HTML].
func (f Figure) WriteHTML(path string) error { return write(path, f.HTML) }

// write puts nothing on the disk unless the figure could be drawn.
func write(path string, draw func() ([]byte, error)) error {
	content, err := draw()
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o666)
}
