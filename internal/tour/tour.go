// Package tour shows a newcomer the model, a hook, a patch, a dictionary and a picture, in this
// order. Each step prints the Go lines that it consists of, runs them, and prints what came out.
package tour

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gopherlens/hooked"
)

// Options say how a tour goes.
type Options struct {
	Model  string // its name, or a folder; smollm2-135m unless given
	Folder string // where the picture goes
	Steps  int    // of the dictionary's training; 200 unless given
	// Next, if not nil, is called between two steps. An error ends the tour.
	Next func() error
}

// A step has a title, what it is about, and what it does.
type step struct {
	title, about, function string
	do                     func(*tour, io.Writer)
}

var steps = []step{
	{"A model", "A model is loaded in one line and run on a text. The cache has every activation, by TransformerLens' names.", "loadAndRun", (*tour).loadAndRun},
	{"A hook", "An edit changes one activation of one run: here the head that writes most of the answer is set to zero.", "editWithAHook", (*tour).editWithAHook},
	{"A patch", "Activations of one run are put into another, place by place: where does the answer come from?", "patch", (*tour).patch},
	{"A dictionary", "The residual stream is taken apart into sparse features. This one is small, and fitted now.", "fitADictionary", (*tour).fitADictionary},
	{"A picture", "Every result is a figure away.", "draw", (*tour).draw},
}

// Run goes through the tour and writes it to w.
func Run(ctx context.Context, w io.Writer, o Options) error {
	t := &tour{ctx: ctx, name: o.Model, folder: o.Folder, steps: o.Steps}
	if t.name == "" {
		t.name = "smollm2-135m"
	}
	if t.steps == 0 {
		t.steps = 100
	}
	for i, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		code, err := shown(source, s.function)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d. %s\n\n%s\n\n%s\n", i+1, s.title, s.about, indent(code))
		began := time.Now()
		if err := hooked.Try(func() { s.do(t, w) }); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, strings.ToLower(s.title), err)
		}
		fmt.Fprintf(w, "(%.1f s)\n\n", time.Since(began).Seconds())
		if o.Next != nil && i < len(steps)-1 {
			if err := o.Next(); err != nil {
				return err
			}
		}
	}
	fmt.Fprint(w, further)
	return nil
}

const further = `Further:
  make lab                  the same in notebooks: begin with 01_exploratory_analysis.ipynb
  docs/guide.md             a first hour; docs/cookbook.md has questions with their cells
  docs/from-transformerlens.md   every line of the Python, in Go
`

//go:embed steps.go
var source string

// The lines around what a function shows.
const (
	showBegin = "\t// shown {\n"
	showEnd   = "\t// }\n"
)

// shown are the lines of a function that the tour prints.
func shown(source, function string) (string, error) {
	_, body, found := strings.Cut(source, "\nfunc (t *tour) "+function+"(")
	_, body, begins := strings.Cut(body, showBegin)
	body, _, ends := strings.Cut(body, showEnd)
	if !found || !begins || !ends {
		return "", errors.New("the tour's function " + function + " shows nothing")
	}
	return strings.ReplaceAll(body, "\n\t", "\n")[1:], nil
}

// indent sets code apart from text.
func indent(code string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(code, "\n"), "\n", "\n    ") + "\n"
}
