package notebook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// A File is a notebook as it lies on disk. What is not named here is kept as it was read.
type File struct {
	Cells []Cell
	rest  map[string]json.RawMessage
}

// A Cell is one of a notebook's.
type Cell struct {
	ID       string
	Type     string // code, markdown or raw
	Source   string
	Metadata map[string]json.RawMessage
	Count    *int // of a code cell that was run
	Outputs  []json.RawMessage
	rest     map[string]json.RawMessage // attachments
}

// IsCode tells whether the cell holds code.
func (c Cell) IsCode() bool { return c.Type == "code" }

// Tagged tells whether one of the cell's tags, as JupyterLab shows them, is tag.
func (c Cell) Tagged(tag string) bool {
	var tags []string
	_ = json.Unmarshal(c.Metadata["tags"], &tags) // what is no list has no tags
	return slices.Contains(tags, tag)
}

// Code is what a code cell declares, and what stands below its %% and is run.
func (c Cell) Code() (declared, run string) {
	declared, run, _ = strings.Cut("\n"+c.Source, "\n%%\n")
	return declared, run
}

// oldestFormat is the notebooks' format since 2015.
const oldestFormat = 4

// tagged returns the first code cell with a tag.
func (f *File) tagged(tag string) (Cell, bool) {
	i := slices.IndexFunc(f.Cells, func(c Cell) bool { return c.IsCode() && c.Tagged(tag) })
	if i < 0 {
		return Cell{}, false
	}
	return f.Cells[i], true
}

// ReadFile reads a notebook. It refuses what Jupyter would, half a minute later, in a traceback.
func ReadFile(path string) (*File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := new(File)
	if err := json.Unmarshal(content, f); err != nil {
		return nil, fmt.Errorf("%s is no notebook: %w; give a file that JupyterLab has saved, NAME.ipynb", path, brief.Errorf("%w", err))
	}
	var format int
	_ = json.Unmarshal(f.rest["nbformat"], &format) // what is no number is no format
	if f.Cells == nil || format < oldestFormat {
		return nil, fmt.Errorf("%s is no notebook of format %d or newer; open it in JupyterLab and save it", path, oldestFormat)
	}
	return f, nil
}

// WriteFile writes a notebook as Jupyter does.
func (f *File) WriteFile(path string) error {
	return wholefile.Write(path, 0o644, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", " ")
		return e.Encode(f)
	})
}

// With is the notebook with other cells.
func (f *File) With(cells []Cell) *File { return &File{Cells: cells, rest: f.rest} }

// UnmarshalJSON implements json.Unmarshaler.
func (f *File) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &f.rest); err != nil {
		return err
	}
	cells, ok := f.rest["cells"]
	if !ok {
		return nil
	}
	delete(f.rest, "cells")
	return json.Unmarshal(cells, &f.Cells)
}

// MarshalJSON implements json.Marshaler.
func (f *File) MarshalJSON() ([]byte, error) {
	return marshal(f.rest, map[string]any{"cells": append([]Cell{}, f.Cells...)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Cell) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &c.rest); err != nil {
		return err
	}
	for name, into := range map[string]any{
		"id": &c.ID, "cell_type": &c.Type, "metadata": &c.Metadata, "execution_count": &c.Count, "outputs": &c.Outputs, "source": (*source)(&c.Source),
	} {
		if raw, ok := c.rest[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return fmt.Errorf("a cell's %s: %w", name, err)
			}
			delete(c.rest, name)
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (c Cell) MarshalJSON() ([]byte, error) {
	fields := map[string]any{"cell_type": c.Type, "metadata": c.Metadata, "source": source(c.Source)}
	if c.Metadata == nil {
		fields["metadata"] = map[string]any{}
	}
	if c.ID != "" {
		fields["id"] = c.ID
	}
	if c.IsCode() {
		fields["execution_count"], fields["outputs"] = c.Count, append([]json.RawMessage{}, c.Outputs...)
	}
	return marshal(c.rest, fields)
}

// marshal joins what was kept as read with the fields; a map's keys are sorted, as Jupyter's are.
func marshal(rest map[string]json.RawMessage, fields map[string]any) ([]byte, error) {
	for name, raw := range rest {
		fields[name] = raw
	}
	return plain(fields)
}

// plain is the JSON of v with <, > and & as they are.
func plain(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return out.Bytes(), err
}

// source is a text that a notebook may hold as a list of lines, and that is written as one.
type source string

func (t *source) UnmarshalJSON(data []byte) error {
	var lines []string
	if json.Unmarshal(data, &lines) == nil {
		*t = source(strings.Join(lines, ""))
		return nil
	}
	return json.Unmarshal(data, (*string)(t))
}

func (t source) MarshalJSON() ([]byte, error) {
	lines := []string{}
	for line := range strings.Lines(string(t)) {
		lines = append(lines, line)
	}
	return plain(lines)
}
