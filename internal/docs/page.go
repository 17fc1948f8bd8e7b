// Package docs reads the repository's Markdown pages, so that tests can hold their links, commands
// and Go code against the repository. It knows as much of Markdown as these pages use.
package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// A Page is a Markdown file.
type Page struct {
	Path     string // below the repository's root, with slashes
	Anchors  map[string]bool
	Blocks   []Block
	Links    []Link
	Spans    []Span
	Sections []string // the headings of the first three levels, before the first of them ""
}

// A Block is code that stands by itself: between fences, indented, or, hidden from readers, in a
// comment that begins with "<!-- go".
type Block struct {
	Line    int
	Section int // in Page.Sections
	Kind    string
	Words   []string // behind the kind
	Text    string
	Hidden  bool
}

// A Link leads to another place of the repository, or out of it.
type Link struct {
	Line   int
	Target string
}

// A Span is code in a line of text.
type Span struct {
	Line    int
	Section int
	Text    string
	Column  string // the heading of the table's column that it stands in, if any
}

// skipped are folders whose pages are not ours, or data of tests.
var skipped = map[string]bool{"testdata": true, "build": true, "bin": true, ".venv": true, ".git": true, "course": true, "node_modules": true}

// Pages reads all pages below a folder.
func Pages(root string) (pages []Page, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && skipped[d.Name()]:
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		pages = append(pages, Read(filepath.ToSlash(name), string(text)))
		return err
	})
	return pages, err
}

var (
	heading = regexp.MustCompile(`^(#{1,6})\s+(.*?)\s*#*$`)
	fence   = regexp.MustCompile("^( *)(```+)(.*)$")
	anchor  = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	link    = regexp.MustCompile(`\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()]*\))?)(?:\s+"[^"]*")?\)`)
	span    = regexp.MustCompile("(`+)(.+?)(`+)")
)

// A reader is half-way through a page.
type reader struct {
	page    *Page
	lines   []string
	at      int
	columns []string // of the table that the line stands in
	slugs   map[string]int
}

// Read takes a page apart.
func Read(path, text string) Page {
	p := Page{Path: path, Anchors: map[string]bool{}, Sections: []string{""}}
	r := &reader{page: &p, lines: strings.Split(text, "\n"), slugs: map[string]int{}}
	for r.at < len(r.lines) {
		line := r.lines[r.at]
		switch {
		case fence.MatchString(line):
			r.fenced()
		case strings.HasPrefix(line, "<!-- go"):
			r.hidden()
		case strings.HasPrefix(line, "    ") && strings.TrimSpace(r.before()) == "":
			r.indented()
		default:
			r.text(line)
			r.at++
		}
	}
	return p
}

func (r *reader) before() string {
	if r.at == 0 {
		return ""
	}
	return r.lines[r.at-1]
}

func (r *reader) block(b Block) {
	b.Section = len(r.page.Sections) - 1
	r.page.Blocks = append(r.page.Blocks, b)
}

func (r *reader) fenced() {
	m := fence.FindStringSubmatch(r.lines[r.at])
	words := append(strings.Fields(m[3]), "")
	b := Block{Line: r.at + 1, Kind: words[0], Words: words[1 : len(words)-1]}
	if len(words) == 1 {
		b.Words = nil
	}
	b.Text = r.until(func(line string) bool { return strings.TrimSpace(line) == m[2] })
	if m[1] != "" { // in a list
		b.Text = strings.ReplaceAll("\n"+b.Text, "\n"+m[1], "\n")[1:]
	}
	r.block(b)
}

func (r *reader) hidden() {
	words := strings.Fields(strings.TrimPrefix(r.lines[r.at], "<!--"))
	b := Block{Line: r.at + 1, Kind: words[0], Words: words[1:], Hidden: true}
	b.Text = r.until(func(line string) bool { return line == "-->" })
	r.block(b)
}

// until takes the lines behind this one up to one that ends them.
func (r *reader) until(ends func(string) bool) string {
	first := r.at + 1
	for r.at = first; r.at < len(r.lines) && !ends(r.lines[r.at]); r.at++ {
	}
	text := strings.Join(r.lines[first:r.at], "\n") + "\n"
	r.at++
	return text
}

// indented is a block of lines that four spaces stand before; empty lines may be among them.
func (r *reader) indented() {
	b := Block{Line: r.at + 1}
	var lines []string
	for ; r.at < len(r.lines) && (strings.HasPrefix(r.lines[r.at], "    ") || r.lines[r.at] == ""); r.at++ {
		lines = append(lines, strings.TrimPrefix(r.lines[r.at], "    "))
	}
	b.Text = strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
	r.block(b)
}

// text is a line that is no code.
func (r *reader) text(line string) {
	if m := heading.FindStringSubmatch(line); m != nil {
		r.heading(len(m[1]), m[2])
	}
	for _, m := range anchor.FindAllStringSubmatch(line, -1) {
		r.page.Anchors[m[1]] = true
	}
	cells := []string{line}
	if strings.HasPrefix(line, "|") {
		cells = Cells(line)
		if r.columns == nil {
			r.columns = cells
		}
	} else {
		r.columns = nil
	}
	for i, cell := range cells {
		column := ""
		if r.columns != nil && i < len(r.columns) {
			column = r.columns[i]
		}
		r.inline(cell, column)
	}
}

// inline finds the spans and links of a piece of text.
func (r *reader) inline(text, column string) {
	bare := span.ReplaceAllStringFunc(text, func(s string) string {
		m := span.FindStringSubmatch(s)
		r.page.Spans = append(r.page.Spans, Span{r.at + 1, len(r.page.Sections) - 1, strings.TrimSpace(m[2]), column})
		return "`" + strings.Repeat("x", len(m[2])) + "`"
	})
	for _, m := range link.FindAllStringSubmatch(bare, -1) {
		r.page.Links = append(r.page.Links, Link{r.at + 1, m[1]})
	}
}

func (r *reader) heading(level int, text string) {
	slug := Slug(text)
	if n := r.slugs[slug]; n > 0 {
		r.page.Anchors[fmt.Sprintf("%s-%d", slug, n)] = true
	} else {
		r.page.Anchors[slug] = true
	}
	r.slugs[slug]++
	if level <= 3 {
		r.page.Sections = append(r.page.Sections, text)
	}
}

// Cells are the cells of a table's line. A bar between backticks, or behind a backslash, is none
// between cells.
func Cells(line string) (cells []string) {
	var cell strings.Builder
	code := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] == '|':
			cell.WriteByte('|')
			i++
		case c == '|' && !code:
			cells = append(cells, strings.TrimSpace(cell.String()))
			cell.Reset()
		default:
			if c == '`' {
				code = !code
			}
			cell.WriteByte(c)
		}
	}
	if len(cells) > 0 {
		cells = cells[1:] // what stands before the first bar
	}
	return cells
}

// dropped are the characters that GitHub leaves out of a heading's anchor.
var dropped = regexp.MustCompile(`[^\p{L}\p{N}\p{M}_ -]`)

// Slug is the anchor that GitHub gives a heading.
func Slug(text string) string {
	text = link.ReplaceAllStringFunc(text, func(s string) string { return s[1:strings.Index(s, "](")] })
	return strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
}
