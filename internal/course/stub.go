package course

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopherlens/internal/notebook"
)

// SolutionTag is the tag of cells that only a solution has.
const SolutionTag = "solution"

var (
	opening = regexp.MustCompile(`^(\s*)// solution (.+) \{$`)
	closing = regexp.MustCompile(`^\s*// \}$`)
	instead = regexp.MustCompile(`^\s*// stub: ?(.*)$`)
)

// Stub is a solution notebook without its solutions: nothing was run in it, what stands between
// the markers is a call of arena.Todo or what the solution says, and cells with SolutionTag are
// gone.
func Stub(solution *notebook.File) (*notebook.File, error) {
	var cells []notebook.Cell
	for _, c := range solution.Cells {
		if c.Tagged(SolutionTag) {
			continue
		}
		c.Count, c.Outputs = nil, nil
		if c.IsCode() {
			source, _, err := stub(c.Source)
			if err != nil {
				return nil, fmt.Errorf("cell %s: %w", c.ID, err)
			}
			c.Source = source
		}
		cells = append(cells, c)
	}
	return solution.With(cells), nil
}

// Exercises are the names of a solution notebook's exercises, in their order.
func Exercises(solution *notebook.File) (names []string, err error) {
	for _, c := range solution.Cells {
		if !c.IsCode() {
			continue
		}
		_, here, err := stub(c.Source)
		if err != nil {
			return nil, fmt.Errorf("cell %s: %w", c.ID, err)
		}
		for _, name := range here {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// stub is a cell's source with its solutions replaced, and the exercises' names.
func stub(source string) (out string, names []string, err error) {
	var lines, replaced []string
	var open string // the exercise whose solution this line is in
	var indent string
	for line := range strings.SplitSeq(source, "\n") {
		begins, other := opening.FindStringSubmatch(line), instead.FindStringSubmatch(line)
		switch {
		case begins != nil && open != "":
			return "", nil, fmt.Errorf("the solution of %q begins inside that of %q", begins[2], open)
		case begins != nil:
			indent, open, replaced = begins[1], begins[2], nil
			names = append(names, open)
		case open == "":
			lines = append(lines, line)
		case closing.MatchString(line):
			lines = append(lines, indent+"// Your code here.")
			if replaced == nil {
				replaced = []string{fmt.Sprintf("panic(arena.Todo(%q))", open)}
			}
			for _, r := range replaced {
				lines = append(lines, indent+r)
			}
			open = ""
		case other != nil:
			replaced = append(replaced, other[1])
		}
	}
	if open != "" {
		return "", nil, fmt.Errorf("the solution of %q has no closing line // }", open)
	}
	return strings.Join(lines, "\n"), names, nil
}
