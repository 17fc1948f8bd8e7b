package course

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"gopherlens/internal/notebook"
)

// key is where a cell's metadata say what it was made of.
const key = "gopherlens"

// origin says of a student's cell which of the course's it is, and what that was when it came here.
type origin struct {
	Cell string `json:"cell"`
	Hash string `json:"hash"`
}

// Changes counts what Merge did.
type Changes struct {
	Added   int // cells that the course has now
	Renewed int // cells that nobody had changed here, and the course had
	Kept    int // cells that were changed here
	Newer   int // of these, those that the course has changed since, too
	Removed int // cells that nobody had changed here, and the course no longer has
}

// Merge brings a student's notebook, or nil, to what the course's is now. What the student has
// changed or added stays as it is and where it is: after the cell that it followed.
func Merge(mine, course *notebook.File) (*notebook.File, Changes) {
	var n Changes
	if mine == nil {
		mine = course.With(nil)
	}
	own := group(mine.Cells)
	cells := own.before
	done := map[string]bool{}
	for _, c := range course.Cells {
		done[c.ID] = true
		have, ok := own.of[c.ID]
		switch {
		case !ok:
			n.Added++
			cells = append(cells, mark(c))
		case changed(have):
			n.Kept++
			if from(have).Hash != hash(c.Source) {
				n.Newer++
			}
			cells = append(cells, have)
		case have.Source != c.Source:
			n.Renewed++
			cells = append(cells, mark(c))
		default:
			cells = append(cells, have)
		}
		cells = append(cells, own.after[c.ID]...)
	}
	// What the course no longer has comes last.
	for _, c := range mine.Cells {
		id := from(c).Cell
		if id == "" || done[id] {
			continue
		}
		done[id] = true
		if changed(own.of[id]) {
			n.Kept++
			cells = append(cells, own.of[id])
		} else {
			n.Removed++
		}
		cells = append(cells, own.after[id]...)
	}
	return mine.With(cells), n
}

// grouped are a student's cells: the course's by their name, and after each the student's own.
type grouped struct {
	before []notebook.Cell // own cells before the first of the course's
	of     map[string]notebook.Cell
	after  map[string][]notebook.Cell
}

func group(cells []notebook.Cell) grouped {
	g := grouped{of: map[string]notebook.Cell{}, after: map[string][]notebook.Cell{}}
	last := ""
	for _, c := range cells {
		id := from(c).Cell
		_, again := g.of[id] // a cell that was copied, with its metadata
		switch {
		case id != "" && !again:
			g.of[id], last = c, id
		case last == "":
			g.before = append(g.before, c)
		default:
			g.after[last] = append(g.after[last], c)
		}
	}
	return g
}

// mark is a course's cell that says what it is.
func mark(c notebook.Cell) notebook.Cell {
	metadata := map[string]json.RawMessage{}
	for k, v := range c.Metadata {
		metadata[k] = v
	}
	metadata[key], _ = json.Marshal(origin{c.ID, hash(c.Source)}) // of texts, which has no error
	c.Metadata = metadata
	return c
}

func from(c notebook.Cell) (o origin) {
	_ = json.Unmarshal(c.Metadata[key], &o) // a cell that says nothing is the student's
	return o
}

func changed(c notebook.Cell) bool { return from(c).Hash != hash(c.Source) }

func hash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return hex.EncodeToString(sum[:8])
}
