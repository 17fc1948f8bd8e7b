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

// fragmentOpen opens a fragment with its title; the caller closes the div.
func fragmentOpen(class, title string) string {
	label := orElse(visible(title), "Figure")
	open := fmt.Sprintf("<style>\n%s</style>\n<div class=\"gl %s\" role=\"group\" aria-label=\"%s\" style=\"position:relative;line-height:1.7;font-family:%s\">\n",
		fragmentStyle, class, escape(label), fontFamily)
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
