package parquet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"

	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/textfile"
)

// Files are the rows of Parquet files as documents, called by their file and number. Paths are as
// in corpus.Files. The text is a column of strings without nulls; labels and other columns may be
// numbers, too. All files are read once at first, for the checksum.
func Files(fields corpus.Fields, paths ...string) (corpus.Texts, error) {
	found, err := textfile.Find(paths)
	if err != nil {
		return nil, err
	}
	return open(fields, found)
}

func open(fields corpus.Fields, paths []string) (corpus.Texts, error) {
	t := &texts{fields: fields.Settled()}
	sum := sha256.New()
	for _, path := range paths {
		f, err := textfile.Read(path, sum, func(io.Reader) error { return nil })
		if err != nil {
			return nil, err
		}
		t.files = append(t.files, table{File: f})
	}
	fmt.Fprintf(sum, "%q", []any{t.fields.Text, t.fields.Label, t.fields.Meta})
	t.key = "Parquet " + hex.EncodeToString(sum.Sum(nil))
	for i := range t.files {
		r, err := t.files[i].read(t.fields, 0)
		if err != nil {
			return nil, err
		}
		t.files[i].rows = r.left
		t.n += r.left
		r.close()
	}
	if t.n == 0 {
		return nil, brief.Errorf("corpus: there is no row in %s", brief.Names(paths))
	}
	return t, nil
}

// texts are rows as documents.
type texts struct {
	fields corpus.Fields
	files  []table
	n      int
	key    string
}

// Key implements corpus.Texts.
func (t *texts) Key() string { return t.key }

// From implements corpus.Texts.
func (t *texts) From(document int) iter.Seq2[corpus.Document, error] {
	return func(yield func(corpus.Document, error) bool) {
		if document < 0 || document > t.n {
			yield(corpus.Document{}, brief.Errorf("corpus: there is no document %d: there are %d", document, t.n))
			return
		}
		skip := document
		for _, f := range t.files {
			if skip >= f.rows {
				skip -= f.rows
				continue
			}
			if !f.documents(t.fields, skip, yield) {
				return
			}
			skip = 0
		}
	}
}

// documents gives a file's rows from one on, and reports whether more are wanted.
func (f table) documents(fields corpus.Fields, from int, yield func(corpus.Document, error) bool) (more bool) {
	r, err := f.read(fields, from)
	if err != nil {
		yield(corpus.Document{}, err)
		return false
	}
	defer r.close()
	for r.left > 0 {
		d, err := r.next()
		if !yield(d, err) || err != nil {
			return false
		}
	}
	return true
}
