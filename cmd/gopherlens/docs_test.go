package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"gopherlens/internal/docs"
)

// TestDocumentedCommands looks up the subcommands and flags that pages and this command's own
// examples tell readers to type.
func TestDocumentedCommands(t *testing.T) {
	pages, err := docs.Pages("../..")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range pages {
		n += lookUp(t, p)
	}
	if n < 40 {
		t.Errorf("only %d commands were found", n)
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		example := explained.ReplaceAllString(c.Example, "$1")
		lookUp(t, docs.Read(c.CommandPath()+" --help", strings.ReplaceAll("\n"+example, "\n  ", "\n    ")))
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(newRoot())
}

// explained is what an example says of its command, some spaces apart.
var explained = regexp.MustCompile(`(?m)(\S) {3,}\S.*$`)

// lookUp holds a page's commands against the tree of commands, and tells how many there were.
func lookUp(t *testing.T, p docs.Page) (n int) {
	t.Helper()
	for _, c := range p.Commands() {
		args, ok := c.Gopherlens()
		if !ok {
			continue
		}
		n++
		root := newRoot()
		root.InitDefaultCompletionCmd(args...)
		found, rest, err := root.Find(args)
		if err != nil || found.Parent() == nil && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
			t.Errorf("%s:%d: gopherlens %s: there is no such subcommand (%v)", p.Path, c.Line, strings.Join(args, " "), err)
			continue
		}
		found.InitDefaultHelpFlag()
		err = found.ParseFlags(rest)
		if operands := found.Flags().Args(); err == nil && len(operands) > 0 { // without any, the command is only named
			err = found.ValidateArgs(operands)
		}
		if err != nil {
			t.Errorf("%s:%d: gopherlens %s: %v", p.Path, c.Line, strings.Join(args, " "), err)
		}
	}
	return n
}
