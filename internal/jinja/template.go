package jinja

import (
	"fmt"
	"time"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// A Template is a parsed template. It may be rendered by several goroutines at once.
type Template struct{ body []node }

// Options are what a rendering depends on beside its variables.
type Options struct {
	Now    time.Time // what strftime_now prints; the time of the call unless given
	Limits Limits    // the zero value of each is its default
}

// A Rendering is what a template came to.
type Rendering struct {
	Text string

	// Generated are the parts of Text that generation blocks have written, [from, to) in bytes.
	Generated [][2]int
}

// largestSource bounds a template: the longest that is in use has some 20 kB.
const largestSource = 256 << 10

// Parse reads a template. The error names the line.
func Parse(source string) (t *Template, err error) {
	defer failed(&err)
	if len(source) > largestSource {
		fail("the template has %d bytes: want at most %d", len(source), largestSource)
	}
	p := newParser(source)
	return &Template{p.template()}, nil
}

// Render writes the template with variables: values as encoding/json makes them, Go's numbers,
// slices and maps, and values of [FromJSON], which keep the order of an object's keys.
func (t *Template) Render(variables map[string]any, opts Options) (out *Rendering, err error) {
	defer failed(&err)
	r := newRun(opts)
	defer r.startClock()()
	top := newScope(r.globals())
	for name, v := range variables {
		top.set(name, fromGo(v, 0))
	}
	root := newScope(top)
	r.block(t.body, root)
	return &Rendering{r.out.String(), r.generated}, nil
}

// A failure is what stops a template: an error in it, or in what it is given.
type failure struct{ message string }

func (f failure) Error() string { return f.message }

// fail stops a template.
func fail(format string, args ...any) { panic(failure{brief.Sprintf(format, args...)}) }

// failed turns a panic of a template into an error.
func failed(err *error) {
	recovered := recover()
	if recovered == nil {
		return
	}
	if f, ok := recovered.(failure); ok {
		*err = fmt.Errorf("chat template: %w", f)
		return
	}
	*err = fault.Recovered(recovered)
}
