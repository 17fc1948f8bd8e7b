package main

import (
	"encoding/json"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"gopherlens/internal/progress"
)

// printJSON writes a value for a program.
func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// colour is a terminal's colour (ECMA-48: SGR).
type colour string

const (
	green  colour = "32"
	yellow colour = "33"
	red    colour = "31"
)

// paint puts text into a colour where w is a terminal that shows one and NO_COLOR
// (no-color.org) is not set.
func paint(w io.Writer, c colour, text string) string {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(file.Fd())) {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// watching tells on standard error what goes on, if it takes long, until stop is called.
func watching(label string) (stop func() time.Duration) {
	return progress.New(os.Stderr).Watch(label, nil)
}
