package tokenize_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"gopherlens/tokenize"
)

// testdata/trained holds one small tokenizer for each algorithm and each component,
// trained with Hugging Face's library or sentencepiece, and what those make of a
// few hundred texts that look for trouble (bench/tokenize.py fixtures). Equal ids
// are expected, without exception.

// trainedGolden is a golden.json of testdata/trained; the entries of its lists
// belong to the texts of texts.json.
type trainedGolden struct {
	IDs     [][]int  // nil: not to be compared
	Special [][]int  // ids with special tokens, of the first texts
	Decoded []string // of IDs
	Spans   [][]int  // start, end, start, end, ... in characters
}

func TestTrained(t *testing.T) {
	var texts []string
	unmarshal(t, "trained", "texts.json", &texts)
	for _, folder := range trainedFolders(t) {
		name := filepath.Base(folder)
		t.Run(name, func(t *testing.T) {
			var want trainedGolden
			unmarshal(t, folder, "golden.json", &want)
			tok := load(t, unpack(t, folder))
			for i, text := range texts {
				checkText(t, tok, text, &want, i)
				if want.Spans != nil && !shiftedSpans[name] {
					checkSpans(t, tok, text, want.Spans[i], exactSpans[name])
				}
			}
		})
	}
}

// trainedFolders are the fixtures of testdata/trained, relative to testdata.
func trainedFolders(tb testing.TB) (folders []string) {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "trained", "*"))
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			folders = append(folders, filepath.Join("trained", filepath.Base(path)))
		}
	}
	if err != nil || len(folders) < 20 {
		tb.Fatalf("%d fixtures, %v, want at least 20", len(folders), err)
	}
	return folders
}

func unmarshal(tb testing.TB, folder, name string, into any) {
	tb.Helper()
	if err := json.Unmarshal(readFixture(tb, folder, name), into); err != nil {
		tb.Fatal(err)
	}
}

func checkText(t *testing.T, tok *tokenize.Tokenizer, text string, want *trainedGolden, i int) {
	if want.IDs[i] == nil {
		return
	}
	ids, err := tok.Encode(text)
	if err != nil || !slices.Equal(ids, want.IDs[i]) {
		t.Errorf("Encode(%q) = %v, %v, want %v", text, ids, err, want.IDs[i])
	}
	if i < len(want.Special) {
		ids, err := tok.EncodeWithSpecial(text)
		if err != nil || !slices.Equal(ids, want.Special[i]) {
			t.Errorf("EncodeWithSpecial(%q) = %v, %v, want %v", text, ids, err, want.Special[i])
		}
	}
	if i < len(want.Decoded) {
		decoded, err := tok.Decode(want.IDs[i])
		if err != nil || decoded != want.Decoded[i] {
			t.Errorf("Decode(%v) = %q, %v, want %q", want.IDs[i], decoded, err, want.Decoded[i])
		}
	}
}

// shiftedSpans are the tokenizers whose normalisers drop characters or make several
// of one. The library then counts wrongly: in "\x1cb", of which \x1c is dropped, it
// places b at [0, 1).
var shiftedSpans = map[string]bool{"t5": true, "unigram-bytes": true}

// exactSpans are the tokenizers whose tokens have the very same places as in
// Hugging Face's library. The others add blanks, which have no place in the text
// here and the first character's there; compose characters, which have the place
// of all their parts here and that of the first there; or fall back on bytes,
// each of which has its own place here. There, one place contains the other.
var exactSpans = map[string]bool{
	"llama3": true, "starcoder": true, "digits-contiguous": true, "o200k": true, "gemma": true,
	"bert-cased": true, "bert-uncased": true, "words": true, "words-nfkd": true,
}

// checkSpans compares the places of tokens. Hugging Face counts characters, and a
// token that has a part of a character gets all of it.
func checkSpans(t *testing.T, tok *tokenize.Tokenizer, text string, want []int, exact bool) {
	e, err := tok.Offsets(text)
	if err != nil || 2*len(e.Spans) != len(want) {
		t.Errorf("Offsets(%q): %d spans, %v, want %d", text, len(e.Spans), err, len(want)/2)
		return
	}
	for i, s := range e.Spans {
		got, want := inCharacters(text, s), tokenize.Span{Start: want[2*i], End: want[2*i+1]}
		if got != want && (exact || !contains(got, want) && !contains(want, got)) {
			t.Errorf("Offsets(%q): token %d at %v, want %v", text, i, got, want)
		}
	}
}

func contains(outer, inner tokenize.Span) bool {
	return outer.Start <= inner.Start && inner.End <= outer.End
}

// inCharacters widens a span to whole characters, and counts those.
func inCharacters(text string, s tokenize.Span) tokenize.Span {
	for s.Start > 0 && s.Start < len(text) && !utf8.RuneStart(text[s.Start]) {
		s.Start--
	}
	for s.End < len(text) && !utf8.RuneStart(text[s.End]) {
		s.End++
	}
	return tokenize.Span{Start: utf8.RuneCountInString(text[:s.Start]), End: utf8.RuneCountInString(text[:s.End])}
}
