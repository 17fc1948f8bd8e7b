package resident

import (
	"fmt"
	"runtime"
	"strings"

	"gopherlens/resident/internal/wire"
)

// A site remembers where an operation was recorded, so that an error that the
// worker finds only when it compiles can name its place in the source.
type site struct {
	op    wire.Op
	start int // the instruction's first byte in the program
	pcs   [maxFrames]uintptr
}

// maxFrames is how far up a call is followed: from the recorder through
// GoMLX's layers to the code that used them.
const maxFrames = 24

func newSite(op wire.Op, start int) site {
	s := site{op: op, start: start}
	runtime.Callers(4, s.pcs[:]) // skip Callers, newSite, instruct, record
	return s
}

// inner are the packages whose frames say nothing to a user.
var inner = []string{"gopherlens/resident.", "github.com/gomlx/"}

// place returns "file:line" of the innermost frame outside inner, or "".
func (s site) place() string {
	frames := runtime.CallersFrames(s.pcs[:])
	for {
		f, more := frames.Next()
		if f.Function != "" && !isInner(f.Function) {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		if !more {
			return ""
		}
	}
}

func isInner(function string) bool {
	for _, prefix := range inner {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}

// explain adds the operation and its place to err.
func (s site) explain(err error) error {
	if place := s.place(); place != "" {
		return fmt.Errorf("%s, recorded at %s: %w", s.op, place, err)
	}
	return fmt.Errorf("%s: %w", s.op, err)
}
