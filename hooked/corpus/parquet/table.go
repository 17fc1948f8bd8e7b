package parquet

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
	"gopherlens/internal/textfile"
)

// A table is a Parquet file.
type table struct {
	textfile.File
	rows int
}

// A reader reads some columns of a table, row by row.
type reader struct {
	path    string
	fields  corpus.Fields
	file    *os.File
	groups  []parquet.RowGroup // that are still to be read
	skip    int                // rows of the first of them
	columns []*column
	left    int // rows that are still to be read
	row     int // the next one's number in the file
}

// read opens a table at a row.
func (f table) read(fields corpus.Fields, from int) (r *reader, err error) {
	file, err := f.Open()
	if err != nil {
		return nil, err
	}
	r = &reader{path: f.Path, fields: fields, file: file, row: from}
	err = guarded(func() error { return r.begin(f.Size, from) })
	if err != nil {
		r.close()
		return nil, brief.Errorf("corpus: reading %s: %w", f.Path, err)
	}
	return r, nil
}

// begin reads the table's footer, and finds the columns.
func (r *reader) begin(size int64, from int) error {
	file, err := parquet.OpenFile(r.file, size)
	if err != nil {
		return brief.Errorf("%w: is it a Parquet file, and all of it?", err)
	}
	for _, name := range append([]string{r.fields.Text, r.fields.Label}, r.fields.Meta...) {
		if name == "" {
			continue
		}
		c, err := findColumn(file, name)
		if err != nil {
			return err
		}
		r.columns = append(r.columns, c)
	}
	if kind := r.columns[0].kind; kind != parquet.ByteArray {
		return brief.Errorf("column %q has values of type %v: want a column of strings", r.fields.Text, kind)
	}
	r.groups, r.skip, r.left = file.RowGroups(), from, int(file.NumRows())-from
	for len(r.groups) > 0 && int64(r.skip) >= r.groups[0].NumRows() {
		r.skip -= int(r.groups[0].NumRows())
		r.groups = r.groups[1:]
	}
	return nil
}

// findColumn finds a column of plain values.
func findColumn(file *parquet.File, name string) (*column, error) {
	c := file.Root().Column(name)
	if c == nil {
		var names []string
		for _, other := range file.Root().Columns() {
			names = append(names, other.Name())
		}
		return nil, brief.Errorf("it has no column %q%s; it has %s", name, nearest.Hint(name, names), brief.Names(names))
	}
	if !c.Leaf() || c.Repeated() {
		return nil, brief.Errorf("column %q holds lists or records: want one value for each row", name)
	}
	return &column{name: name, index: c.Index(), kind: c.Type().Kind()}, nil
}

// next is the next row as a document.
func (r *reader) next() (corpus.Document, error) {
	values := make([]string, len(r.columns))
	err := guarded(func() error { return r.values(values) })
	if err != nil {
		return corpus.Document{}, brief.Errorf("corpus: %s, row %d: %w", r.path, r.row, err)
	}
	d := corpus.Document{Text: values[0], Name: fmt.Sprintf("%s:%d", r.path, r.row)}
	values = values[1:]
	if r.fields.Label != "" {
		d.Label, values = values[0], values[1:]
	}
	for i, name := range r.fields.Meta {
		if d.Meta == nil {
			d.Meta = make(map[string]string)
		}
		d.Meta[name] = values[i]
	}
	r.row, r.left = r.row+1, r.left-1
	return d, nil
}

// values reads a value of each column.
func (r *reader) values(to []string) error {
	for i, c := range r.columns {
		value, err := c.next()
		if errors.Is(err, io.EOF) && i == 0 {
			if err = r.nextGroup(); err == nil {
				value, err = c.next()
			}
		}
		if errors.Is(err, io.EOF) {
			err = brief.Errorf("it ends before it should")
		}
		if err != nil {
			return brief.Errorf("column %q: %w", c.name, err)
		}
		to[i] = value
	}
	return nil
}

// nextGroup goes on to the next group of rows. Some writers leave empty ones.
func (r *reader) nextGroup() error {
	for len(r.groups) > 0 && r.groups[0].NumRows() == 0 {
		r.groups = r.groups[1:]
	}
	if len(r.groups) == 0 {
		return io.EOF
	}
	for _, c := range r.columns {
		if err := c.open(r.groups[0].ColumnChunks()[c.index], r.skip); err != nil {
			return err
		}
	}
	r.groups, r.skip = r.groups[1:], 0
	return nil
}

func (r *reader) close() {
	for _, c := range r.columns {
		c.close()
	}
	r.file.Close()
}

// A column is read a page at a time.
type column struct {
	name  string
	index int
	kind  parquet.Kind

	pages  parquet.Pages // nil before the first group
	page   parquet.Page
	values parquet.ValueReader
	held   []parquet.Value // of the page, which are still to be given
	buffer [64]parquet.Value
}

// open goes on to the column's part of a group, at a row of it.
func (c *column) open(chunk parquet.ColumnChunk, row int) error {
	c.close()
	c.pages = chunk.Pages()
	if row == 0 {
		return nil
	}
	return c.pages.SeekToRow(int64(row))
}

// next is the next value as a string.
func (c *column) next() (string, error) {
	for len(c.held) == 0 {
		if err := c.fill(); err != nil {
			return "", err
		}
	}
	v := c.held[0]
	c.held = c.held[1:]
	switch {
	case v.IsNull():
		return "", brief.Errorf("it is null: want a value in each row")
	case v.Kind() != parquet.ByteArray && v.Kind() != parquet.FixedLenByteArray:
		return v.String(), nil
	}
	text := string(v.ByteArray())
	if !utf8.ValidString(text) {
		return "", brief.Errorf("it is not valid UTF-8")
	}
	return text, nil
}

// fill reads some values, of the next page where this one is read.
func (c *column) fill() error {
	if c.pages == nil {
		return io.EOF
	}
	if c.values == nil {
		page, err := c.pages.ReadPage()
		if err != nil {
			return err
		}
		c.page, c.values = page, page.Values()
	}
	n, err := c.values.ReadValues(c.buffer[:])
	c.held = c.buffer[:n]
	if errors.Is(err, io.EOF) {
		c.values, err = nil, nil
		if n > 0 { // they lie in the page
			c.held = slices.Clone(c.held)
			for i, v := range c.held {
				c.held[i] = v.Clone()
			}
		}
		parquet.Release(c.page)
		c.page = nil
	}
	return err
}

func (c *column) close() {
	if c.page != nil {
		parquet.Release(c.page)
	}
	if c.pages != nil {
		c.pages.Close()
	}
	c.pages, c.page, c.values, c.held = nil, nil, nil, nil
}

// guarded turns what the decoders panic with, as they do with some damaged files, into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = brief.Errorf("the file is damaged: %v", r)
		}
	}()
	return f()
}
