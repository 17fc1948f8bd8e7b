package notebook

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"gopherlens/internal/brief"
)

// An event is what run.py tells on one line. Kind decides which fields are set.
type event struct {
	Kind string `json:"event"`

	// start: code cell number Cell of Of begins.
	Cell  int    `json:"cell"`
	Of    int    `json:"of"`
	Title string `json:"title"`

	// text: the cell wrote Text.
	// figure: the cell showed something, with Text as its plain form.
	// error: the cell failed. fatal: the run cannot go on.
	Text  string   `json:"text"`
	Types []string `json:"types"`

	// end: the cell took Seconds, as Jupyter sees it.
	Seconds float64 `json:"seconds"`
}

// readEvents calls handle for each event in r. A line that is none is an error:
// nothing else should write to run.py's output.
func readEvents(r io.Reader, handle func(event)) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if err := json.Unmarshal(line, &e); err != nil {
				return fmt.Errorf("unexpected output of the notebook's runner: %q", brief.Text(string(line)))
			}
			handle(e)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
