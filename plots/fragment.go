package plots

import (
	_ "embed"
	"fmt"
)

// Fragments are the HTML of a notebook's output. Where a notebook is not
// trusted, JupyterLab strips scripts, style sheets and inline SVG from them but
// keeps the style attributes used here; the picture must be whole without.

var (
	//go:embed assets/fragment.css
	fragmentStyle string
	//go:embed assets/tokens.js
	tokensScript string
	//go:embed assets/attention.js
	attentionScript string
)

// fragmentOpen opens a fragment with its title, as wide as the notebook's cell unless the axes say
// how wide; the caller closes the div.
func fragmentOpen(class string, axes Axes) string {
	title, style := axes.Title, "position:relative;line-height:1.7;font-family:"+fontFamily
	if axes.Width != 0 {
		style += fmt.Sprintf(";max-width:%dpx", axes.Width)
	}
	open := fmt.Sprintf("<style>\n%s</style>\n<div class=\"gl %s\" role=\"group\" aria-label=\"%s\" style=\"%s\">\n",
		fragmentStyle, class, escape(orElse(visible(title), "Figure")), style)
	if title != "" {
		open += fmt.Sprintf("<div style=\"font-weight:bold;font-size:14px\">%s</div>\n", escape(visible(title)))
	}
	return open
}

// fragmentLive ends a fragment: what its script needs, and the script. Where that did not run, a
// line says what it takes.
func fragmentLive(model any, script string) string {
	return `<div class="gl-untrusted" style="font-size:85%;opacity:0.8">` + untrusted + "</div>\n" + jsonScript(model) + inlineScript(script) + "</div>"
}

// untrusted is said by a view whose script JupyterLab has taken out; fragment.css hides it
// otherwise.
const untrusted = "This is the still picture: the notebook is not trusted. Trust Notebook, in JupyterLab's command palette, makes it answer the pointer."

// A coloured fragment says all by the colours of text, and nothing where a front end takes styles
// out, as GitHub does: there the picture takes its place.
type coloured interface {
	markup
	coloured()
}

// stillLimit is how much base64 a still picture may add to a notebook.
const stillLimit = 1 << 20

// stillPicture is a figure's picture as it stands before a coloured fragment: not seen where styles
// are.
func stillPicture(about, png string) string {
	if len(png) > stillLimit {
		return ""
	}
	return fmt.Sprintf("<img alt=\"%s\" style=\"display:none\" src=\"data:image/png;base64,%s\">\n", escape(about), png)
}

func noteLines(notes []string) string {
	lines := ""
	for _, note := range notes {
		lines += `<div style="font-size:85%;opacity:0.8">` + escape(visible(note)) + "</div>\n"
	}
	return lines
}

// colorStyle is a background with the ink that reads on it.
func colorStyle(c rgb) string {
	return "background-color:" + c.hex() + ";color:" + c.ink().hex()
}

// rampLegend is the colour bar in a line of text.
func rampLegend(r ramp, name string) string {
	const steps = 11
	bar := ""
	for i := range steps {
		v := along(r.lo, r.hi, float64(i)/(steps-1))
		bar += fmt.Sprintf(`<span style="%s;display:inline-block;width:14px;height:10px"></span>`, colorStyle(r.at(v)))
	}
	return fmt.Sprintf("<div style=\"font-size:85%%\">%s %s %s %s</div>\n", r.text(r.lo), bar, r.text(r.hi), escape(visible(name)))
}
