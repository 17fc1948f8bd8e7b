package corpus

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"

	"gopherlens/internal/brief"
)

// FromStrings are texts that are in memory already. Document i is called "text i".
func FromStrings(texts ...string) (Indexed, error) {
	documents := make([]Document, len(texts))
	for i, text := range texts {
		documents[i] = Document{Text: text, Name: "text " + strconv.Itoa(i)}
	}
	return FromDocuments(documents)
}

// FromDocuments are documents that are in memory already.
func FromDocuments(documents []Document) (Indexed, error) {
	if len(documents) == 0 {
		return nil, brief.Errorf("corpus: there are no texts")
	}
	sum := newDocumentSum()
	for i, d := range documents {
		if err := checkUTF8(cmpName(d.Name, i), d.Text); err != nil {
			return nil, err
		}
		sum.add(d)
	}
	return &held{slices.Clone(documents), sum.key("texts")}, nil
}

// cmpName is a document's name, or its number.
func cmpName(name string, i int) string {
	if name == "" {
		return "text " + strconv.Itoa(i)
	}
	return name
}

// held are documents in memory.
type held struct {
	documents []Document
	key       string
}

// Len implements [Indexed].
func (h *held) Len() int { return len(h.documents) }

// At implements [Indexed].
func (h *held) At(i int) (Document, error) {
	if err := checkAt(i, len(h.documents)); err != nil {
		return Document{}, err
	}
	return h.documents[i], nil
}

// From implements [Texts].
func (h *held) From(document int) iter.Seq2[Document, error] { return fromIndexed(h, document) }

// Key implements [Texts].
func (h *held) Key() string { return h.key }

// FromSeq are the texts of an iterator that can be ranged over again and again. It is ranged over
// once at first, for its checksum. Where that takes too long, key says instead what texts these
// are, and has to change when they do.
func FromSeq(texts iter.Seq[string], key string) (Texts, error) {
	if texts == nil {
		return nil, brief.Errorf("corpus: the iterator of texts is nil")
	}
	s := &sequence{texts: texts, key: key}
	if key != "" {
		s.key = "named " + strconv.Quote(key)
		return s, nil
	}
	sum := newDocumentSum()
	for text := range texts {
		sum.add(Document{Text: text})
		s.n++
	}
	if s.n == 0 {
		return nil, brief.Errorf("corpus: the iterator gives no texts")
	}
	s.key, s.summed = sum.key("iterator"), true
	return s, nil
}

// sequence is an iterator of the user's.
type sequence struct {
	texts  iter.Seq[string]
	key    string
	summed bool // n and key were found by reading the iterator
	n      int
}

// Key implements [Texts].
func (s *sequence) Key() string { return s.key }

// From implements [Texts].
func (s *sequence) From(document int) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		if document < 0 {
			yield(Document{}, brief.Errorf("corpus: there is no document %d", document))
			return
		}
		sum, i := newDocumentSum(), 0
		for text := range s.texts {
			d := Document{Text: text, Name: "text " + strconv.Itoa(i)}
			if s.summed {
				sum.add(Document{Text: text})
			}
			if i++; i <= document {
				continue
			}
			err := checkUTF8(d.Name, text)
			if !yield(d, err) || err != nil {
				return
			}
		}
		if err := s.atEnd(sum, i, document); err != nil {
			yield(Document{}, err)
		}
	}
}

// atEnd reports an iterator that gave other texts than before.
func (s *sequence) atEnd(sum documentSum, n, document int) error {
	switch {
	case s.summed && sum.key("iterator") != s.key:
		return brief.Errorf("corpus: the iterator gave %d texts at first, and now %d or others: it must give the same ones whenever it is ranged over", s.n, n)
	case document > n:
		return checkFrom(document, n)
	}
	return nil
}

// documentSum is a checksum of documents.
type documentSum struct{ hash.Hash }

func newDocumentSum() documentSum { return documentSum{sha256.New()} }

// add takes a document in, each part with its length, so that no two lists of documents are one.
func (s documentSum) add(d Document) {
	parts := []string{d.Text, d.Name, d.Label}
	for _, name := range slices.Sorted(maps.Keys(d.Meta)) {
		parts = append(parts, name, d.Meta[name])
	}
	fmt.Fprintf(s, "%d;", len(parts))
	for _, part := range parts {
		fmt.Fprintf(s, "%d:", len(part))
		io.WriteString(s, part)
	}
}

func (s documentSum) key(kind string) string { return kind + " " + hex.EncodeToString(s.Sum(nil)) }
