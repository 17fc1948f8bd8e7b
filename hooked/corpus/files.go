package corpus

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"

	"gopherlens/internal/brief"
	"gopherlens/internal/textfile"
)

// Files are files as documents: each is one, is called by its path, and is read whole. A path is a
// file, a glob such as "notes/*.txt", or a folder, which means all files in it and in its folders
// but hidden ones. All are read once at first, for the checksum; the names are not part of it.
func Files(paths ...string) (Indexed, error) {
	found, err := textfile.Find(paths)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	t := &fileTexts{}
	for _, path := range found {
		f, err := textfile.Read(path, sum, func(io.Reader) error { return nil })
		if err != nil {
			return nil, err
		}
		t.files = append(t.files, f)
	}
	t.key = "files " + hex.EncodeToString(sum.Sum(nil))
	return t, nil
}

// fileTexts are files as documents.
type fileTexts struct {
	files []textfile.File
	key   string
}

// Len implements [Indexed].
func (t *fileTexts) Len() int { return len(t.files) }

// Key implements [Texts].
func (t *fileTexts) Key() string { return t.key }

// From implements [Texts].
func (t *fileTexts) From(document int) iter.Seq2[Document, error] { return fromIndexed(t, document) }

// At implements [Indexed].
func (t *fileTexts) At(i int) (Document, error) {
	if err := checkAt(i, len(t.files)); err != nil {
		return Document{}, err
	}
	opened, err := t.files[i].Open()
	if err != nil {
		return Document{}, err
	}
	defer opened.Close()
	content, err := io.ReadAll(opened)
	if err != nil {
		return Document{}, brief.Errorf("corpus: reading %s: %w", t.files[i].Path, err)
	}
	d := Document{Text: string(content), Name: t.files[i].Path}
	return d, checkUTF8(d.Name, d.Text)
}
