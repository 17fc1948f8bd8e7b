package corpus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// Fields name the fields of a record, or the columns of a table, that make a document. One that is
// missing or null is an error.
type Fields struct {
	Text  string   // the text; "text" unless given
	Label string   // the label; "" for none
	Meta  []string // what goes into [Document.Meta]
}

// Settled are the fields with their defaults.
func (f Fields) Settled() Fields {
	if f.Text == "" {
		f.Text = "text"
	}
	return f
}

// document reads a line.
func (f Fields) document(path string, number int, line []byte) (Document, error) {
	name := fmt.Sprintf("%s:%d", path, number)
	fail := func(format string, args ...any) (Document, error) {
		return Document{}, brief.Errorf("corpus: %s, line %d: %w", path, number, brief.Errorf(format, args...))
	}
	if !utf8.Valid(line) {
		return fail("it is not valid UTF-8: convert the file")
	}
	var record map[string]json.RawMessage
	if err := json.Unmarshal(line, &record); err != nil {
		return fail("%w: want a JSON object", err)
	}
	if record == nil {
		return fail("it is null: want a JSON object")
	}
	d := Document{Name: name}
	var err error
	if d.Text, err = text(record, f.Text); err != nil {
		return fail("%w", err)
	}
	if f.Label != "" {
		if d.Label, err = plain(record, f.Label); err != nil {
			return fail("%w", err)
		}
	}
	for _, meta := range f.Meta {
		value, err := plain(record, meta)
		if err != nil {
			return fail("%w", err)
		}
		if d.Meta == nil {
			d.Meta = make(map[string]string)
		}
		d.Meta[meta] = value
	}
	return d, nil
}

// field is a field of a record, which must be there.
func field(record map[string]json.RawMessage, name string) (json.RawMessage, error) {
	value, ok := record[name]
	if !ok {
		names := slices.Sorted(maps.Keys(record))
		return nil, brief.Errorf("it has no field %q%s; it has %s", name, nearest.Hint(name, names), orNone(names))
	}
	return value, nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return brief.Names(names)
}

// text is a field that is a string. Half of a surrogate pair has no UTF-8: package json makes a
// U+FFFD of it, and a text would be lost without a word.
func text(record map[string]json.RawMessage, name string) (string, error) {
	raw, err := field(record, name)
	if err != nil {
		return "", err
	}
	if len(raw) == 0 || raw[0] != '"' {
		return "", brief.Errorf("field %q is %s: want a string", name, string(raw))
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", brief.Errorf("field %q: %w", name, err)
	}
	if made := strings.Count(s, "\ufffd"); made > 0 {
		said := bytes.Count(raw, []byte("\ufffd")) + bytes.Count(bytes.ToLower(raw), []byte(`\ufffd`))
		if made > said {
			return "", brief.Errorf("field %q has half of a surrogate pair (\\ud800 to \\udfff), which is no text", name)
		}
	}
	return s, nil
}

// plain is a field as a string: a string itself, or what JSON writes for anything else but null,
// which would be a label like the others.
func plain(record map[string]json.RawMessage, name string) (string, error) {
	raw, err := field(record, name)
	if err != nil {
		return "", err
	}
	if len(raw) > 0 && raw[0] == '"' {
		return text(record, name)
	}
	if string(raw) == "null" {
		return "", brief.Errorf("field %q is null: want a value on each line", name)
	}
	return string(raw), nil
}
