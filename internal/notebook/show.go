package notebook

import (
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopherlens/internal/progress"
)

// indent stands before every line that a cell wrote.
const indent = "    "

// A show prints a run's events.
type show struct {
	status *progress.Status

	stop    func() time.Duration // ends the running cell's status line
	midLine bool                 // the cell's last text did not end its line
	cells   int                  // code cells that ended
	failure string               // what went wrong, from the last error or fatal event
}

// handlers says what is printed for each kind of event.
var handlers = map[string]func(*show, event){
	"start":  (*show).start,
	"text":   func(s *show, e event) { s.text(e.Text) },
	"figure": (*show).figure,
	"error":  (*show).failed,
	"fatal":  (*show).failed,
	"end":    (*show).end,
}

func (s *show) handle(e event) {
	if handler, ok := handlers[e.Kind]; ok {
		handler(s, e)
	}
}

func (s *show) start(e event) {
	label := fmt.Sprintf("[%d/%d] %s", e.Cell, e.Of, e.Title)
	s.status.Printf("%s\n", label)
	s.stop = s.status.Watch(fmt.Sprintf("cell %d", e.Cell), nil)
}

func (s *show) end(e event) {
	s.stop()
	s.endLine()
	s.status.Printf("%s(%.2f s)\n", indent, e.Seconds)
	s.cells++
}

// figure prints a figure's plain text. An HTML report without one, as GoNB makes
// of a failed build, is printed without its mark-up.
func (s *show) figure(e event) {
	s.endLine()
	switch {
	case e.Text != "":
		s.text(e.Text)
	case slices.Contains(e.Types, "text/html"):
		s.text("<html>")
	default:
		s.text("<" + strings.Join(e.Types, ", ") + ">")
	}
	s.endLine()
}

func (s *show) failed(e event) {
	s.endLine()
	s.failure = plain(e.Text)
	s.text(s.failure)
	s.endLine()
}

// text prints what a cell wrote, indented, whatever pieces it came in.
func (s *show) text(text string) {
	for line := range strings.Lines(text) {
		if !s.midLine {
			line = indent + line
		}
		s.midLine = !strings.HasSuffix(line, "\n")
		s.status.Printf("%s", line)
	}
}

func (s *show) endLine() {
	if s.midLine {
		s.status.Printf("\n")
		s.midLine = false
	}
}

// Mark-up in error reports: terminal colours and HTML tags.
var (
	colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)
	tags    = regexp.MustCompile(`</?[a-zA-Z][^>]*>`)
)

// plain removes mark-up from an error's text.
func plain(text string) string {
	return html.UnescapeString(tags.ReplaceAllString(colours.ReplaceAllString(text, ""), ""))
}
