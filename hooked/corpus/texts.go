package corpus

import (
	"iter"
	"strings"
	"unicode/utf8"

	"gopherlens/internal/brief"
)

// A Document is a text and what is known of it.
type Document struct {
	Text  string
	Name  string            // where it is from, such as "notes/a.txt" or "notes.jsonl:17"
	Label string            // what it is, such as a genre; "" where nobody says
	Meta  map[string]string // what else is known; nil where nothing is
}

// Texts are documents in a fixed order, read as often as is asked for. [Files], [JSONLines],
// [FromStrings], [FromSeq] and [Package] make them, and package hooked/corpus/parquet.
type Texts interface {
	// From gives the documents from this one on, to the end. An error is the last that it gives.
	From(document int) iter.Seq2[Document, error]

	// Key says what documents these are: the same key, the same documents in the same order.
	Key() string
}

// Indexed are texts of which any document can be read at once. All of them can be shuffled.
type Indexed interface {
	Texts

	// Len is the number of documents.
	Len() int

	// At is document i.
	At(i int) (Document, error)
}

// fromIndexed is [Texts.From] for texts that have an index.
func fromIndexed(t Indexed, document int) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if err := checkFrom(document, t.Len()); err != nil {
			yield(Document{}, err)
			return
		}
		for i := document; i < t.Len(); i++ {
			d, err := t.At(i)
			if !yield(d, err) || err != nil {
				return
			}
		}
	}
}

// checkFrom refuses a place that is not among n documents, nor their end.
func checkFrom(document, n int) error {
	if document < 0 || document > n {
		return brief.Errorf("corpus: there is no document %d: there are %d", document, n)
	}
	return nil
}

// checkAt refuses a document that is not among n.
func checkAt(i, n int) error {
	if i < 0 || i >= n {
		return brief.Errorf("corpus: there is no document %d: there are %d", i, n)
	}
	return nil
}

// checkUTF8 names the first byte of a text that is no UTF-8: a tokenizer would either refuse it or
// take it for something else.
func checkUTF8(name, text string) error {
	if utf8.ValidString(text) {
		return nil
	}
	at := 0
	for r, size := utf8.DecodeRuneInString(text); r != utf8.RuneError || size > 1; r, size = utf8.DecodeRuneInString(text[at:]) {
		at += size
	}
	return brief.Errorf("corpus: %s, line %d: byte %#02x at offset %d is not valid UTF-8: convert the text",
		name, strings.Count(text[:at], "\n")+1, text[at], at)
}
