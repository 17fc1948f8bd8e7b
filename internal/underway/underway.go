// Package underway tells in a notebook's cell what takes its time: after two seconds a line stands
// below the cell, which says what is computed and how far it is, and which is gone when that ends.
// Outside a notebook nothing is told, nor where [Variable] is "off", as when a program runs one.
package underway

import (
	"fmt"
	"html"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"gopherlens/internal/switches"
)

// Variable is the environment's variable that turns the lines off.
const Variable = "GOPHERLENS_PROGRESS"

// Check refuses a value of [Variable] that has no meaning.
func Check() error {
	_, err := off()
	return err
}

func off() (bool, error) {
	return switches.Off(Variable, "the line below a cell that says what takes its time")
}

// How long a step is awaited in silence, and how often its line is written anew.
const (
	patience = 2 * time.Second
	interval = 500 * time.Millisecond
)

// A Step is something that may take long. A nil Step, which is what there is outside a notebook,
// takes its calls and does nothing.
type Step struct {
	label string
	start time.Time
	said  atomic.Pointer[func() string]
	of    *teller
}

// Begin begins a step, such as "generating"; its End must be called. A step within another is told
// of where the outer one says nothing of how far it is.
func Begin(label string) *Step {
	return cell().begin(label)
}

// Sayf says how far the step is, in place of what was said before. The text is made when it is
// shown.
func (s *Step) Sayf(format string, args ...any) {
	if s == nil {
		return
	}
	text := func() string { return fmt.Sprintf(format, args...) }
	s.said.Store(&text)
}

// End ends the step.
func (s *Step) End() {
	if s != nil {
		s.of.end(s)
	}
}

// text is the step's part of the line.
func (s *Step) text() string {
	text := fmt.Sprintf("%s, %.0f s", s.label, time.Since(s.start).Seconds())
	if said := s.said.Load(); said != nil {
		text += ": " + (*said)()
	}
	return text
}

// cell is the teller of this process, nil where nobody would see it.
var cell = sync.OnceValue(func() *teller {
	if silent, _ := off(); silent || !gonbui.IsNotebook {
		return nil
	}
	return &teller{show: newPlace(), notify: interrupted}
})

// newPlace shows one text after the other in one place below the cell.
func newPlace() func(text string) {
	id := "gopherlens-progress-" + gonbui.UniqueId()
	return func(text string) {
		data := &protocol.DisplayData{DisplayID: id, Data: map[protocol.MIMEType]any{protocol.MIMETextPlain: text, protocol.MIMETextHTML: ""}}
		if text != "" {
			data.Data[protocol.MIMETextHTML] = `<div role="status" style="font-size:85%;opacity:0.8">` + html.EscapeString(text) + "</div>"
		}
		gonbui.SendData(data)
		if text == "" {
			gonbui.Sync() // a process that ends now would leave the line behind
		}
	}
}

// A teller shows the steps of a process.
type teller struct {
	show   func(text string)      // the line; "" takes it away
	notify func(chan<- os.Signal) // has interrupts sent there

	mu    sync.Mutex
	steps []*Step // under way, the outermost first
	stop  func()  // takes the line away; nil where no step is under way
}

func (t *teller) begin(label string) *Step {
	if t == nil {
		return nil
	}
	s := &Step{label: label, start: time.Now(), of: t}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.steps = append(t.steps, s); len(t.steps) == 1 {
		done, gone := make(chan struct{}), make(chan struct{})
		t.stop = func() { close(done); <-gone }
		go func() { t.tell(done); close(gone) }()
	}
	return s
}

func (t *teller) end(s *Step) {
	if stop := t.without(s); stop != nil {
		stop() // before the cell goes on
	}
}

// without takes a step off the list, and gives what takes the line away if it was the last.
func (t *teller) without(s *Step) (stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps = slices.DeleteFunc(t.steps, func(other *Step) bool { return other == s })
	if len(t.steps) == 0 {
		stop, t.stop = t.stop, nil
	}
	return stop
}

// tell shows the line until done is closed, and takes it away.
func (t *teller) tell(done <-chan struct{}) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var interrupts chan os.Signal // since the line is shown
	for {
		select {
		case <-done:
			if interrupts != nil {
				signal.Stop(interrupts)
				t.show("")
			}
			return
		case <-interrupts:
			t.show("")
			again(interrupts)
			<-done
			return
		case <-timer.C:
			if line := t.line(); line != "" {
				if interrupts == nil { // before there is a line to take away
					interrupts = make(chan os.Signal, 1)
					t.notify(interrupts)
				}
				t.show(line)
			}
			timer.Reset(interval)
		}
	}
}

func interrupted(c chan<- os.Signal) { signal.Notify(c, os.Interrupt) }

// again lets an interrupt do what it would have done if nobody had waited for it: it ends the
// process, unless the cell waits for it, too.
func again(interrupts chan os.Signal) {
	signal.Stop(interrupts)
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		self.Signal(os.Interrupt)
	}
}

// line is of the outermost step that says how far it is, or else of the outermost.
func (t *teller) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.steps) == 0 {
		return ""
	}
	s := t.steps[0]
	if i := slices.IndexFunc(t.steps, func(s *Step) bool { return s.said.Load() != nil }); i >= 0 {
		s = t.steps[i]
	}
	return "… " + s.text()
}
