package corpus

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sort"

	"github.com/klauspost/compress/zstd"

	"gopherlens/internal/brief"
	"gopherlens/internal/textfile"
)

// JSONLines are files with a JSON object on each line, which is a document. Paths are as in
// [Files]; files that end in .gz or .zst are unpacked as they are read. Blank lines are passed
// over. All files are read once at first, for the checksum and for the place of each line, which
// takes 8 bytes of memory. Lines of packed files have no place that could be read at once, so what
// has some of these is not [Indexed].
func JSONLines(fields Fields, paths ...string) (Texts, error) {
	found, err := textfile.Find(paths)
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	lines := lineTexts{fields: fields.Settled()}
	indexed := true
	for _, path := range found {
		f := lineFile{unpack: unpackers[filepath.Ext(path)]}
		if f.File, err = textfile.Read(path, sum, f.index); err != nil {
			return nil, err
		}
		lines.files = append(lines.files, f)
		lines.starts = append(lines.starts, lines.n)
		lines.n += len(f.offsets)
		indexed = indexed && f.unpack == nil
	}
	fmt.Fprintf(sum, "%q", []any{lines.fields.Text, lines.fields.Label, lines.fields.Meta})
	lines.key = "JSON lines " + hex.EncodeToString(sum.Sum(nil))
	switch {
	case !indexed:
		return &lines, nil
	case lines.n == 0:
		return nil, brief.Errorf("corpus: there is no line in %s", brief.Names(found))
	}
	return &indexedLines{lines}, nil
}

// unpackers are the packed files that are read, by the ends of their names.
var unpackers = map[string]func(io.Reader) (io.Reader, error){
	".gz": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
	".zst": func(r io.Reader) (io.Reader, error) {
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostUnpacking))
	},
}

const (
	longestLine   = 1 << 28 // bytes; what is longer is no JSON line, and would fill the memory
	mostUnpacking = 1 << 28 // bytes that zstd may need for its window
)

// lineFile is a file of lines.
type lineFile struct {
	textfile.File
	unpack  func(io.Reader) (io.Reader, error) // nil: plain
	offsets []int64                            // of its lines, but for blank ones; none where it is packed
	blank   []int                              // for each blank line, how many others stand before it
}

// index notes where the lines of a plain file begin.
func (f *lineFile) index(content io.Reader) error {
	if f.unpack != nil {
		return nil
	}
	lines := newLineReader(content)
	for {
		at := lines.offset
		blank, err := lines.skip()
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case blank:
			f.blank = append(f.blank, len(f.offsets))
		default:
			f.offsets = append(f.offsets, at)
		}
	}
}

// line is the number in the file, from 1 on, of a line that is not blank.
func (f *lineFile) line(i int) int {
	return i + 1 + sort.Search(len(f.blank), func(k int) bool { return f.blank[k] > i })
}

// lineReader reads lines of any length and counts bytes.
type lineReader struct {
	*bufio.Reader
	offset int64
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{Reader: bufio.NewReaderSize(r, 1<<16)}
}

// skip passes over a line and reports whether it is blank.
func (r *lineReader) skip() (blank bool, err error) {
	blank = true
	for n := 0; ; {
		part, err := r.ReadSlice('\n')
		n += len(part)
		r.offset += int64(len(part))
		blank = blank && len(bytes.TrimSpace(part)) == 0
		switch {
		case err == bufio.ErrBufferFull:
		case err == io.EOF && n > 0:
			return blank, nil
		default:
			return blank, err
		}
	}
}

// next is the next line without what ends it.
func (r *lineReader) next() ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > longestLine:
			return nil, brief.Errorf("it is longer than %d bytes: is this a file of JSON lines?", longestLine)
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(line) > 0, err == nil:
			return bytes.TrimSpace(line), nil
		default:
			return nil, err
		}
	}
}

// lineTexts are lines as documents, read one after the other.
type lineTexts struct {
	fields Fields
	files  []lineFile
	starts []int // how many documents the files before each have, where none of these is packed
	n      int
	key    string
}

// Key implements [Texts].
func (t *lineTexts) Key() string { return t.key }

// From implements [Texts].
func (t *lineTexts) From(document int) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if document < 0 {
			yield(Document{}, checkFrom(document, t.n))
			return
		}
		skip := document
		for i := range t.files {
			f := &t.files[i]
			if n := len(f.offsets); f.unpack == nil && skip >= n {
				skip -= n
				continue
			}
			left, err := t.read(f, skip, yield)
			if err == errStopped {
				return
			}
			if err != nil {
				yield(Document{}, err)
				return
			}
			skip = left
		}
		if skip > 0 {
			yield(Document{}, checkFrom(document, document-skip))
		}
	}
}

// errStopped says that nobody wants more documents.
var errStopped = errors.New("stopped")

// read gives a file's documents but for so many of the first, and returns how many of these there
// were not.
func (t *lineTexts) read(f *lineFile, skip int, yield func(Document, error) bool) (left int, err error) {
	opened, err := f.Open()
	if err != nil {
		return 0, err
	}
	defer opened.Close()
	content, number, err := f.begin(opened, &skip)
	if err != nil {
		return 0, brief.Errorf("corpus: reading %s: %w", f.Path, err)
	}
	if closer, ok := content.(interface{ Close() }); ok {
		defer closer.Close() // zstd's decoder
	}
	for lines := newLineReader(content); ; number++ {
		line, err := lines.next()
		switch {
		case err == io.EOF:
			return skip, nil
		case err != nil:
			return 0, brief.Errorf("corpus: %s, line %d: %w", f.Path, number, err)
		case len(line) == 0:
			continue
		case skip > 0:
			skip--
			continue
		}
		d, err := t.fields.document(f.Path, number, line)
		if err != nil {
			return 0, err
		}
		if !yield(d, nil) {
			return 0, errStopped
		}
	}
}

// begin is what to read of an opened file, and the number of its first line. In a plain file the
// first documents are passed over at once.
func (f *lineFile) begin(opened *os.File, skip *int) (io.Reader, int, error) {
	if f.unpack != nil {
		content, err := f.unpack(opened)
		return content, 1, err
	}
	i := *skip
	*skip = 0
	_, err := opened.Seek(f.offsets[i], io.SeekStart)
	return opened, f.line(i), err
}

// indexedLines are lines of plain files.
type indexedLines struct{ lineTexts }

// Len implements [Indexed].
func (t *indexedLines) Len() int { return t.n }

// From implements [Texts].
func (t *indexedLines) From(document int) iter.Seq2[Document, error] {
	if err := checkFrom(document, t.n); err != nil {
		return func(yield func(Document, error) bool) { yield(Document{}, err) }
	}
	return t.lineTexts.From(document)
}

// At implements [Indexed].
func (t *indexedLines) At(i int) (Document, error) {
	if err := checkAt(i, t.n); err != nil {
		return Document{}, err
	}
	k := sort.Search(len(t.starts), func(k int) bool { return t.starts[k] > i }) - 1
	var found Document
	_, err := t.read(&t.files[k], i-t.starts[k], func(d Document, _ error) bool {
		found = d
		return false
	})
	if err == errStopped {
		err = nil
	}
	return found, err
}
