package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/program"
)

// A notebook's cell does not speak with the hub itself: HTTP and TLS would be a quarter of what is
// linked in each cell. It has the program gopherlens do it, whose subcommand FetchCommand reads an
// order from its standard input and answers on its standard output.

// FetchCommand is the program's subcommand that calls [Serve].
const FetchCommand = "fetch"

// order is a download as data: of a model, or of files in a folder.
type order struct {
	Repo          string
	Folder        string     `json:",omitempty"`
	Sets          [][]string `json:",omitempty"` // see [ResolveFolder]; none for a model
	Revision      string
	CacheDir      string
	Endpoint      string
	Token         string `json:",omitempty"` // goes through a pipe that nobody else reads
	TokenizerOnly bool   `json:",omitempty"`
}

func orderOf(repo string, o Options) order {
	return order{Repo: repo, Revision: o.Revision, CacheDir: o.CacheDir, Endpoint: o.Endpoint, Token: o.Token, TokenizerOnly: o.TokenizerOnly}
}

func (w order) options() Options {
	return Options{Revision: w.Revision, CacheDir: w.CacheDir, Endpoint: w.Endpoint, Token: w.Token, TokenizerOnly: w.TokenizerOnly}.fromEnvironment()
}

// answer is a line of what comes back: of a file that arrives, or the end.
type answer struct {
	File        string `json:",omitempty"`
	Done, Total int64

	End          bool      `json:",omitempty"`
	Path, Commit string    `json:",omitempty"`
	Error        *farError `json:",omitempty"`
}

// farError is an error of the other process.
type farError struct {
	Text        string
	Kinds       []string `json:",omitempty"`
	Unreachable bool     `json:",omitempty"`
}

// farKinds are the kinds of errors that callers can act on.
var farKinds = map[string]error{"unknown model": ErrUnknownModel, "no access": ErrNoAccess, "offline": ErrOffline, "unsupported file": fault.ErrUnsupportedFile}

func farErrorOf(err error) *farError {
	far := &farError{Text: err.Error(), Unreachable: unreachable(err)}
	for name, kind := range farKinds {
		if errors.Is(err, kind) {
			far.Kinds = append(far.Kinds, name)
		}
	}
	return far
}

// Error is the other process's text.
func (e *farError) Error() string { return e.Text }

// Is tells the kinds.
func (e *farError) Is(kind error) bool {
	for _, name := range e.Kinds {
		if farKinds[name] == kind {
			return true
		}
	}
	return false
}

// ask has the program gopherlens download.
func (w order) ask(ctx context.Context, progress func(file string, done, total int64)) (end answer, err error) {
	bin, err := program.Find()
	if err != nil {
		return end, fmt.Errorf("hub: %w", err)
	}
	cmd := exec.CommandContext(ctx, bin, FetchCommand)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	in, err := cmd.StdinPipe() // stays open: the program ends when this process does
	if err != nil {
		return end, fmt.Errorf("hub: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return end, fmt.Errorf("hub: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return end, fmt.Errorf("hub: %w", err)
	}
	json.NewEncoder(in).Encode(w) // if it fails the program says so, or has no answer
	end, err = read(out, progress)
	in.Close()
	failed := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return end, fault.Ended(ctx, "hub: %s: interrupted", w.Repo)
	case err != nil:
		return end, brief.Errorf("hub: %s, which asks the hub for cells, gave no answer (%w): is it of this checkout? run `make setup`; it said: %s",
			bin, errors.Join(err, failed), strings.TrimSpace(complaint.String()))
	case end.Error != nil:
		return end, end.Error
	}
	return end, nil
}

// read reads answers up to the end.
func read(r io.Reader, progress func(file string, done, total int64)) (answer, error) {
	for d := json.NewDecoder(r); ; {
		var a answer
		if err := d.Decode(&a); err != nil || a.End {
			return a, err
		}
		if progress != nil {
			progress(a.File, a.Done, a.Total)
		}
	}
}
