package docs

import (
	"regexp"
	"strings"
)

// A Command is a line of a shell that a page shows.
type Command struct {
	Line      int
	Variables []string // NAME=VALUE before the program
	Words     []string // the program, and its arguments
}

// programs are those that pages tell readers to run, but for scripts/ and bin/.
var programs = map[string]bool{"make": true, "gopherlens": true, "go": true, "docker": true}

var assignment = regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`)

// Commands are the commands of a page's blocks and spans.
func (p Page) Commands() (commands []Command) {
	add := func(line int, text string) {
		if c, ok := command(text); ok {
			c.Line = line
			commands = append(commands, c)
		}
	}
	for _, b := range p.Blocks {
		if b.Kind != "" && b.Kind != "sh" {
			continue
		}
		for i, line := range strings.Split(b.Text, "\n") {
			add(b.Line+i, line)
		}
	}
	for _, s := range p.Spans {
		add(s.Line, s.Text)
	}
	return commands
}

// command is what a line says, if it begins as a command does.
func command(line string) (c Command, ok bool) {
	words := split(line)
	for len(words) > 0 && (assignment.MatchString(words[0]) || words[0] == "$") {
		if words[0] != "$" {
			c.Variables = append(c.Variables, words[0])
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return c, false
	}
	c.Words = words
	first := words[0]
	known := programs[first] && len(words) > 1
	return c, known || strings.HasPrefix(first, "scripts/") || strings.HasPrefix(first, "bin/")
}

// split is a line's first command as a shell has it: its words, without a comment.
func split(line string) (words []string) {
	var word strings.Builder
	quote, inWord := rune(0), false
	flush := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t':
			flush()
		case r == '#' && !inWord, r == '|' && !inWord: // a comment; another program
			return words
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	flush()
	return words
}

// Gopherlens are the arguments of a command that is gopherlens, and whether it is.
func (c Command) Gopherlens() (args []string, ok bool) {
	if c.Words[0] != "gopherlens" && c.Words[0] != "bin/gopherlens" {
		return nil, false
	}
	return c.Words[1:], true
}
