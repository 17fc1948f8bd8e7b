package plots

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

// What pages are made of. The scripts are plain JavaScript that is read as it
// stands; nothing is fetched when a page is opened.
var (
	//go:embed assets/spots.js
	spotsScript string
	//go:embed assets/page.css
	pageStyle string
)

// HTML gives the figure as a page of its own, one file that needs no network:
// the static picture, which a small script makes answer the pointer (hover,
// click to hold) and the keyboard (arrow keys, Escape).
func (f Figure) HTML() ([]byte, error) {
	if err := f.Err(); err != nil {
		return nil, err
	}
	s := f.body.scene()
	var content string
	if m, ok := f.body.(markup); ok {
		content = m.fragment()
	} else {
		content = s.interactive()
	}
	return []byte(page(s.title, content)), nil
}

func page(title, content string) string {
	return fmt.Sprintf("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>%s</title>\n<style>\n%s</style>\n</head>\n<body style=\"font-family:%s\">\n%s\n</body>\n</html>\n",
		escape(orElse(title, "Figure")), pageStyle, fontFamily, content)
}

// interactive is the picture with its spots and the script that serves them.
func (s *scene) interactive() string {
	return fmt.Sprintf("<figure class=\"gl-picture\">\n%s%s\n</figure>\n%s",
		s.svg(), jsonScript(object{"Width": s.w, "Spots": s.spots}), inlineScript(spotsScript))
}

// jsonScript embeds data in a page as text that is never run. encoding/json
// writes <, > and & as escapes, so that no label can end the element.
func jsonScript(data any) string {
	content, err := json.Marshal(data)
	if err != nil {
		// only numbers that are not finite fail, and those go by their names
		content = []byte("null")
	}
	return `<script type="application/json">` + string(content) + `</script>`
}

func inlineScript(code string) string {
	return "<script>\n" + strings.TrimSpace(code) + "\n</script>"
}
