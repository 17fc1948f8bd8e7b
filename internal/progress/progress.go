// Package progress shows on a terminal, or in a log, that a long step is still
// at work. Nothing is shown of a step that ends within two seconds.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// How often a running step is told. A terminal's line is redrawn in place; a
// log, as continuous integration keeps it, gets a new line, so fewer of them.
const (
	patience         = 2 * time.Second
	terminalInterval = 500 * time.Millisecond
	logInterval      = 10 * time.Second
)

// clearLine returns the cursor to the line's start and empties the line (ECMA-48: CR, EL).
const clearLine = "\r\x1b[K"

// A Status writes lines to a file and, while a step runs, one more below them
// that tells what it is doing and for how long. It is safe for concurrent use.
type Status struct {
	w        io.Writer
	terminal bool

	mu    sync.Mutex
	shown bool // the status line stands on the terminal
}

// New returns a Status that writes to w, as to a terminal if w is one.
func New(w io.Writer) *Status {
	return &Status{w: w, terminal: isTerminal(w)}
}

// Write writes p above the status line.
func (s *Status) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
	return s.w.Write(p)
}

// Printf writes a formatted text above the status line.
func (s *Status) Printf(format string, args ...any) {
	fmt.Fprintf(s, format, args...)
}

// Watch shows a step's status line until the function that it returns is
// called, which tells how long that was. The function detail, if not nil, says
// more each time, such as how many bytes have come.
func (s *Status) Watch(label string, detail func() string) (stop func() time.Duration) {
	start := time.Now()
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { s.watch(label, detail, start, done) })
	return func() time.Duration {
		close(done)
		watcher.Wait()
		return time.Since(start)
	}
}

// watch draws the status line at intervals until done is closed.
func (s *Status) watch(label string, detail func() string, start time.Time, done <-chan struct{}) {
	interval := logInterval
	if s.terminal {
		interval = terminalInterval
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-done:
			s.mu.Lock()
			s.clear()
			s.mu.Unlock()
			return
		case <-timer.C:
			s.draw(line(label, detail, time.Since(start)))
			timer.Reset(interval)
		}
	}
}

// line composes the text of a status line.
func line(label string, detail func() string, elapsed time.Duration) string {
	text := fmt.Sprintf("  ... %s, %.0f s", label, elapsed.Seconds())
	if detail != nil {
		if more := detail(); more != "" {
			text += ", " + more
		}
	}
	return text
}

// draw replaces the status line on a terminal and adds a line elsewhere.
func (s *Status) draw(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.terminal {
		fmt.Fprintln(s.w, text)
		return
	}
	fmt.Fprint(s.w, clearLine, text)
	s.shown = true
}

// clear removes the status line. The caller holds the lock.
func (s *Status) clear() {
	if s.shown {
		fmt.Fprint(s.w, clearLine)
		s.shown = false
	}
}

// isTerminal tells whether w is a character device. /dev/null is one too, where
// the difference cannot be seen.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
