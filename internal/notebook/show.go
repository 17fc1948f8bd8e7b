package notebook

import (
	"fmt"
	"regexp"
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
	label   string               // of the cell that began last
	failure string               // what went wrong, from the last error or fatal event
}

// handlers says what is printed for each kind of event.
var handlers = map[string]func(*show, event){
	"start":  (*show).start,
	"text":   (*show).output,
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
	s.label = fmt.Sprintf("[%d/%d] %s", e.Cell, e.Of, e.Title)
	s.status.Printf("%s\n", s.label)
	s.watch(fmt.Sprintf("cell %d", e.Cell))
}

func (s *show) end(e event) {
	s.endLine()
	s.status.Printf("%s(%.2f s)\n", indent, e.Seconds)
	s.cells++
	s.watch(betweenCells)
}

// betweenCells is what the status line says before the first cell and after the last.
const betweenCells = "Jupyter starts or ends the kernel"

// watch shows a new status line.
func (s *show) watch(label string) {
	s.unwatch()
	s.stop = s.status.Watch(label, nil)
}

// unwatch ends the status line, if there is one.
func (s *show) unwatch() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// figure prints a figure's plain text, or what kinds of figure there are.
func (s *show) figure(e event) {
	text := e.Text
	if text == "" {
		text = "<" + strings.Join(e.Types, ", ") + ">"
	}
	s.endLine()
	s.text(text)
	s.endLine()
}

func (s *show) failed(e event) {
	s.endLine()
	s.failure = colours.ReplaceAllString(e.Text, "")
	s.text(s.failure)
	s.endLine()
}

func (s *show) output(e event) { s.text(colours.ReplaceAllString(e.Text, "")) }

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

// colours matches a terminal's colour sequences (ECMA-48: SGR).
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)
