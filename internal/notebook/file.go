package notebook

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"gopherlens/internal/brief"
)

// A file is a notebook as far as a run looks into it before Jupyter does.
type file struct {
	Format *int    `json:"nbformat"`
	Cells  *[]cell `json:"cells"`
}

// A cell is one of a notebook's.
type cell struct {
	Type     string `json:"cell_type"`
	Source   source `json:"source"`
	Metadata struct {
		Tags []string `json:"tags"`
	} `json:"metadata"`
}

// A source is a text, or a list of its lines.
type source string

func (s *source) UnmarshalJSON(content []byte) error {
	var lines []string
	if json.Unmarshal(content, &lines) == nil {
		*s = source(strings.Join(lines, ""))
		return nil
	}
	return json.Unmarshal(content, (*string)(s))
}

// oldestFormat is the notebooks' format since 2015.
const oldestFormat = 4

// readFile refuses what Jupyter would, half a minute later, in a traceback.
func readFile(path string) (file, error) {
	var f file
	content, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(content, &f); err != nil {
		return f, fmt.Errorf("%s is no notebook: %w; give a file that JupyterLab has saved, NAME.ipynb", path, brief.Errorf("%w", err))
	}
	if f.Format == nil || f.Cells == nil || *f.Format < oldestFormat {
		return f, fmt.Errorf("%s is no notebook of format %d or newer; open it in JupyterLab and save it", path, oldestFormat)
	}
	return f, nil
}

// tagged returns the first code cell with a tag.
func (f file) tagged(tag string) (cell, bool) {
	i := slices.IndexFunc(*f.Cells, func(c cell) bool { return c.Type == "code" && slices.Contains(c.Metadata.Tags, tag) })
	if i < 0 {
		return cell{}, false
	}
	return (*f.Cells)[i], true
}
