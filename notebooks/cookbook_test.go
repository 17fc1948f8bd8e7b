package notebooks_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/notebook"
)

var update = flag.Bool("update", false, "write docs/cookbook.md and its pictures anew, from the notebook's outputs")

// The notebook of recipes, and the page that is made of it.
const (
	cookbook     = "cookbook.ipynb"
	cookbookPage = "../docs/cookbook.md"
	pictures     = "../docs/cookbook"
	recipes      = 30
)

// TestCookbook runs every recipe, in one program.
func TestCookbook(t *testing.T) {
	text, err := runProgram(t, readNotebook(t, cookbook), notebook.Program{}, linkXLA)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// TestCookbookPage holds docs/cookbook.md against the notebook: questions, cells, and the outputs
// and pictures that the kernel left there.
func TestCookbookPage(t *testing.T) {
	page, drawn := cookbookOf(t)
	if *update {
		if err := os.RemoveAll(pictures); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(pictures, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, svg := range drawn {
			if err := os.WriteFile(filepath.Join(pictures, name), []byte(svg), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(cookbookPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const renew = "; go test ./notebooks -run CookbookPage -update writes it anew"
	if got, err := os.ReadFile(cookbookPage); err != nil || string(got) != page {
		t.Errorf("%s is not what %s says: %v%s", cookbookPage, cookbook, err, renew)
	}
	files, err := filepath.Glob(pictures + "/*")
	if err != nil || len(files) != len(drawn) {
		t.Errorf("%d pictures in %s, %d in the notebook: %v%s", len(files), pictures, len(drawn), err, renew)
	}
	for name, svg := range drawn {
		if got, err := os.ReadFile(filepath.Join(pictures, name)); err != nil || string(got) != svg {
			t.Errorf("%s is not the notebook's picture: %v%s", name, err, renew)
		}
	}
}

// A recipe is a question, a cell and what the cell gave.
type recipe struct {
	id, question, text string
	code, output       string
	pictures           []string // SVG
	described          []string // in words
}

// title is a recipe's heading: its number and the question.
var title = regexp.MustCompile(`^## (\d+)\. (.+)\n`)

// recipesOf are the notebook's recipes, and its introduction and first cell.
func recipesOf(t *testing.T) (introduction, first string, all []recipe) {
	t.Helper()
	cells := readNotebook(t, cookbook).Cells
	introduction, first = cells[0].Source, cells[1].Source
	for pair := range slices.Chunk(cells[2:], 2) {
		m := title.FindStringSubmatch(pair[0].Source)
		if m == nil || len(pair) != 2 || m[1] != fmt.Sprint(len(all)+1) || pair[0].ID != pair[1].ID+"-question" {
			t.Fatalf("after recipe %d stands the cell %q: want a heading \"## %d. question\" in Markdown and a code cell of its name", len(all), pair[0].ID, len(all)+1)
		}
		r := recipe{id: pair[1].ID, question: m[2], text: strings.TrimSpace(pair[0].Source[len(m[0]):]), code: pair[1].Source}
		for _, raw := range pair[1].Outputs {
			r.add(t, raw)
		}
		if len(r.pictures) == 0 {
			t.Errorf("recipe %q shows no picture; was it run? (gopherlens run --inplace)", r.id)
		}
		all = append(all, r)
	}
	if len(all) != recipes {
		t.Errorf("%d recipes, want %d", len(all), recipes)
	}
	return introduction, first, all
}

// add takes in one output of a cell.
func (r *recipe) add(t *testing.T, raw json.RawMessage) {
	t.Helper()
	var o struct {
		Type string `json:"output_type"`
		Text text   `json:"text"`
		Data struct {
			SVG   text `json:"image/svg+xml"`
			Plain text `json:"text/plain"`
		}
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	r.output += string(o.Text)
	if o.Data.SVG != "" {
		r.pictures = append(r.pictures, string(o.Data.SVG))
		r.described = append(r.described, string(o.Data.Plain))
	}
}

// text is a text in a notebook: one, or its lines.
type text string

func (s *text) UnmarshalJSON(data []byte) error {
	var lines []string
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		err := json.Unmarshal(data, &lines)
		*s = text(strings.Join(lines, ""))
		return err
	}
	return json.Unmarshal(data, (*string)(s))
}

// cookbookOf is the page, and its pictures by file name.
func cookbookOf(t *testing.T) (page string, drawn map[string]string) {
	t.Helper()
	introduction, first, all := recipesOf(t)
	drawn = map[string]string{}
	var b strings.Builder
	b.WriteString("<!-- written by go test ./notebooks -run CookbookPage -update, from notebooks/cookbook.ipynb -->\n\n")
	fmt.Fprintf(&b, "%s\n\nThe cells are those of [notebooks/cookbook.ipynb](../notebooks/cookbook.ipynb); `make lab` opens it.\n\n", strings.TrimSpace(introduction))
	for i, r := range all {
		fmt.Fprintf(&b, "%d. [%s](#%s)\n", i+1, r.question, r.id)
	}
	fmt.Fprintf(&b, "\n## The first cell\n\n```go notebook\n%s\n```\n", strings.TrimSpace(first))
	for i, r := range all {
		fmt.Fprintf(&b, "\n## %d. %s\n<a id=%q></a>\n\n%s\n\n```go notebook\n%s\n```\n", i+1, r.question, r.id, r.text, strings.TrimSpace(r.code))
		if out := strings.TrimSpace(r.output); out != "" {
			fmt.Fprintf(&b, "\n```text\n%s\n```\n", out)
		}
		for k, svg := range r.pictures {
			name := fmt.Sprintf("%02d-%s%s.svg", i+1, r.id, strings.Repeat("-b", k))
			drawn[name] = svg
			described, _, _ := strings.Cut(cmp.Or(r.described[k], r.question), "\n")
			fmt.Fprintf(&b, "\n![%s](cookbook/%s)\n", strings.NewReplacer("[", "(", "]", ")").Replace(described), name)
		}
	}
	return b.String(), drawn
}
