package jinja_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"gopherlens/internal/jinja"
)

// TestRandom compares with Jinja2 on templates that testdata/make.py made up.
func TestRandom(t *testing.T) {
	f, err := os.Open("testdata/random.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	lines.Scan()
	var variables map[string]json.RawMessage
	if err := json.Unmarshal(lines.Bytes(), &variables); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; lines.Scan(); n++ {
		var c struct {
			T, Error string
			Text     *string
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		template, err := jinja.Parse(c.T)
		var out *jinja.Rendering
		if err == nil {
			all := map[string]any{}
			for name, data := range variables {
				all[name] = data
			}
			out, err = template.Render(all, jinja.Options{})
		}
		switch {
		case err == nil && c.Text == nil:
			t.Errorf("%q: got %q, want %s", c.T, out.Text, c.Error)
		case err != nil && c.Text != nil:
			t.Errorf("%q: got %v, want %q", c.T, err, *c.Text)
		case err == nil && out.Text != *c.Text:
			t.Errorf("%q: got %q, want %q", c.T, out.Text, *c.Text)
		}
	}
	if err := lines.Err(); err != nil || n < 1000 {
		t.Errorf("%d cases, %v", n, err)
	}
}
