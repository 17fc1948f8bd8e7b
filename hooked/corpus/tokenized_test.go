package corpus_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/cachedir"
	"gopherlens/tokenize"
)

// userCache is the user's cache folder, whose corpora some tests read.
var userCache string

// TestMain keeps the tests' indices out of the user's cache.
func TestMain(m *testing.M) {
	userCache, _ = cachedir.Root()
	dir, err := os.MkdirTemp("", "corpus")
	if err != nil {
		panic(err)
	}
	os.Setenv(cachedir.Variable, dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// words is a tokenizer whose token i is a word with its number; 0 is BOS, 1 is EOS.
func words(t testing.TB, n int) *tokenize.Tokenizer {
	t.Helper()
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("w%02d", i)
	}
	tok, err := tokenize.FromWords(all, tokenize.WordOptions{BOS: "w00", EOS: "w01"})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// textOf is a text that words reads as these tokens.
func textOf(ids []int) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = fmt.Sprintf("w%02d", id)
	}
	return strings.Join(parts, " ")
}

func textsOf(t testing.TB, documents [][]int) corpus.Indexed {
	t.Helper()
	texts := make([]string, len(documents))
	for i, ids := range documents {
		texts[i] = textOf(ids)
	}
	all, err := corpus.FromStrings(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// batching is what SAELens' concat_and_batch_sequences makes: testdata/batching.py.
type batching struct {
	Cases []struct {
		Documents, Rows        [][]int
		Length                 int
		Row, Document, Between *int
		OneDocument            bool `json:"one_document"`
	}
	Texts []string
	Rows  [][]int // of Texts
}

func readBatching(t *testing.T) (fixture batching) {
	t.Helper()
	content, err := os.ReadFile("testdata/batching.json")
	if err == nil {
		err = json.Unmarshal(content, &fixture)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fixture
}

// TestRowsOfTextAreSAELens holds rows of texts by a real tokenizer against those of Hugging Face's
// tokenizers and SAELens.
func TestRowsOfTextAreSAELens(t *testing.T) {
	packed, err := os.Open("../../tokenize/testdata/trained/gpt-neox/tokenizer.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenize.FromFiles(map[string][]byte{"tokenizer.json": content})
	if err != nil {
		t.Fatal(err)
	}
	fixture := readBatching(t)
	texts, err := corpus.FromStrings(fixture.Texts...)
	if err != nil {
		t.Fatal(err)
	}
	bos, _ := tok.TokenToID("<|endoftext|>")
	made, err := corpus.Tokenize(texts, tok, corpus.Options{Length: 16, Row: corpus.Token(bos), Between: corpus.Token(bos)})
	if err != nil {
		t.Fatal(err)
	}
	if got := rowsOf(t, made, 0); !slices.EqualFunc(got, fixture.Rows, slices.Equal) || len(got) < 50 {
		t.Errorf("%d rows, want %d, or others", len(got), len(fixture.Rows))
	}
}

// TestRowsAreSAELens holds the rows of random documents against those of SAELens'
// concat_and_batch_sequences, to the letter and from every row on.
func TestRowsAreSAELens(t *testing.T) {
	fixture := readBatching(t)
	special := func(p *int) corpus.Special {
		if p == nil {
			return corpus.None
		}
		return corpus.Token(*p)
	}
	tok, rows, none := words(t, 50), 0, 0
	for i, c := range fixture.Cases {
		o := corpus.Options{Length: c.Length, Row: special(c.Row), Document: special(c.Document), Between: special(c.Between), OneDocument: c.OneDocument}
		if c.OneDocument {
			o.Between = corpus.Special{}
			if c.Document == nil {
				o.Document = corpus.Special{}
			} else {
				o.Row = corpus.Special{}
			}
		}
		made, err := corpus.Tokenize(textsOf(t, c.Documents), tok, o)
		if len(c.Rows) == 0 {
			if err == nil {
				t.Errorf("case %d: no error, and SAELens makes no row", i)
			}
			none++
			continue
		}
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		for from := range len(c.Rows) + 1 {
			if got := rowsOf(t, made, from); !slices.EqualFunc(got, c.Rows[from:], slices.Equal) {
				t.Errorf("case %d, %+v, documents %v, from %d:\ngot  %v\nwant %v", i, o, c.Documents, from, got, c.Rows[from:])
			}
		}
		rows += len(c.Rows)
	}
	if len(fixture.Cases) != 400 || rows < 1000 || none > 100 {
		t.Errorf("%d cases with %d rows, and %d without", len(fixture.Cases), rows, none)
	}
}

// TestDefaultIsSAELensStore holds where special tokens stand unless something else is asked for: as
// SAELens' ActivationsStore has it, with prepend_bos and sequence_separator_token="bos".
func TestDefaultIsSAELensStore(t *testing.T) {
	made, err := corpus.Tokenize(textsOf(t, [][]int{{2, 3, 4}, {5}, {6, 7, 8, 9}}), words(t, 10), corpus.Options{Length: 4})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]int{{0, 2, 3, 4}, {0, 5, 0, 6}, {0, 7, 8, 9}}
	if got := rowsOf(t, made, 0); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// many are documents of random lengths.
func many(n int) [][]int {
	documents := make([][]int, n)
	for i := range documents {
		for k := range (i*7919 + 13) % 61 {
			documents[i] = append(documents[i], 2+(i*31+k*17)%48)
		}
	}
	return documents
}

// TestFromBeginsNearby holds that rows are read from the nearest place that is known, also by the
// next process, and are the same.
func TestFromBeginsNearby(t *testing.T) {
	t.Setenv(cachedir.Variable, t.TempDir())
	texts, tok, o := textsOf(t, many(6000)), words(t, 50), corpus.Options{Length: 16}
	made, err := corpus.Tokenize(texts, tok, o)
	if err != nil {
		t.Fatal(err)
	}
	all, every := rowsOf(t, made, 0), made.IndexEvery()
	if len(all) < 4*every {
		t.Fatalf("%d rows do not tell: a place is kept every %d", len(all), every)
	}
	again, err := corpus.Tokenize(texts, tok, o) // as the next process does
	if err != nil {
		t.Fatal(err)
	}
	if again.Key() != made.Key() {
		t.Error("the same texts have another key")
	}
	for _, c := range []*corpus.Tokenized{made, again} {
		for _, from := range []int{0, 1, every - 1, every, every + 1, 3*every + 17, len(all) - 1, len(all)} {
			if got := rowsOf(t, c, from); !slices.EqualFunc(got, all[from:], slices.Equal) {
				t.Errorf("from row %d: other rows", from)
			}
			if at := c.ReadFrom(from); from-at >= every {
				t.Errorf("from row %d: reading begins at row %d", from, at)
			}
		}
	}
	for _, err := range again.From(len(all) + 1) {
		if err == nil || !strings.Contains(err.Error(), "no row") {
			t.Errorf("error %v", err)
		}
	}
}

// TestIndexThatIsWrong holds that damaged places, and those of other rows, change nothing.
func TestIndexThatIsWrong(t *testing.T) {
	texts, tok, o := textsOf(t, many(3000)), words(t, 50), corpus.Options{Length: 16}
	made, err := corpus.Tokenize(texts, tok, o)
	if err != nil {
		t.Fatal(err)
	}
	all := rowsOf(t, made, 0)
	good, err := os.ReadFile(made.IndexFile())
	if err != nil {
		t.Fatal(err)
	}
	other, err := corpus.Tokenize(textsOf(t, many(2900)), tok, corpus.Options{Length: 16, Between: corpus.None})
	if err != nil {
		t.Fatal(err)
	}
	rowsOf(t, other, 0)
	foreign, err := os.ReadFile(other.IndexFile())
	if err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(good)
	flipped[8] ^= 1
	for name, content := range map[string][]byte{
		"foreign": foreign, "flipped": flipped, "cut": good[:len(good)-5], "twice": slices.Concat(good, good), "noise": []byte("no index"), "empty": nil,
	} {
		if err := os.WriteFile(made.IndexFile(), content, 0o644); err != nil {
			t.Fatal(err)
		}
		again, err := corpus.Tokenize(texts, tok, o)
		if err != nil {
			t.Fatal(err)
		}
		from := len(all) - 3
		for range 2 {
			if got := rowsOf(t, again, from); !slices.EqualFunc(got, all[from:], slices.Equal) {
				t.Errorf("%s: other rows", name)
			}
		}
		mended, err := corpus.Tokenize(texts, tok, o)
		if err != nil {
			t.Fatal(err)
		}
		if at := mended.ReadFrom(from); from-at >= mended.IndexEvery() {
			t.Errorf("%s: after all was read again, reading begins at row %d for row %d", name, at, from)
		}
		if now, err := os.ReadFile(made.IndexFile()); err != nil || len(now) > len(content)+len(good) {
			t.Errorf("%s: the index has %d bytes, %v, and had %d", name, len(now), err, len(good))
		}
	}
}

// TestIndexThatMisleads holds that a place at which another row begins, as an index made by another
// version of the tokenizer may have, is found out.
func TestIndexThatMisleads(t *testing.T) {
	t.Setenv(cachedir.Variable, t.TempDir())
	made, err := corpus.Tokenize(textsOf(t, many(3000)), words(t, 50), corpus.Options{Length: 16})
	if err != nil {
		t.Fatal(err)
	}
	all := rowsOf(t, made, 0)
	corpus.Mislead(made)
	from := made.IndexEvery() + 5
	if got := rowsOf(t, made, from); !slices.EqualFunc(got, all[from:], slices.Equal) {
		t.Error("other rows")
	}
}

// TestKey holds that whatever changes the rows changes the key.
func TestKey(t *testing.T) {
	documents := [][]int{{2, 3, 4}, {5, 6, 7, 8}}
	keys := map[string]string{}
	add := func(name string, documents [][]int, tok *tokenize.Tokenizer, o corpus.Options) {
		made, err := corpus.Tokenize(textsOf(t, documents), tok, o)
		if err != nil {
			t.Fatal(err)
		}
		for other, key := range keys {
			if key == made.Key() {
				t.Errorf("%s and %s have one key", name, other)
			}
		}
		keys[name] = made.Key()
	}
	add("plain", documents, words(t, 10), corpus.Options{Length: 3})
	add("length", documents, words(t, 10), corpus.Options{Length: 4})
	add("row", documents, words(t, 10), corpus.Options{Length: 3, Row: corpus.None})
	add("document", documents, words(t, 10), corpus.Options{Length: 3, Document: corpus.EOS})
	add("between", documents, words(t, 10), corpus.Options{Length: 3, Between: corpus.EOS})
	add("one document", documents, words(t, 10), corpus.Options{Length: 3, OneDocument: true})
	add("tokenizer", documents, words(t, 11), corpus.Options{Length: 3})
	add("order", [][]int{documents[1], documents[0]}, words(t, 10), corpus.Options{Length: 3})
}

func TestCount(t *testing.T) {
	made, err := corpus.Tokenize(textsOf(t, [][]int{{2, 3, 4}, {}, {5}, {6, 7, 8, 9, 2}}), words(t, 10), corpus.Options{Length: 4})
	if err != nil {
		t.Fatal(err)
	}
	want := corpus.Counts{Documents: 4, Empty: 1, Tokens: 9, Rows: 3, Left: 2} // 2 is left, behind the row's BOS
	if got, err := made.Count(); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	alone, err := corpus.Tokenize(textsOf(t, [][]int{{2, 3, 4}, {}, {5}, {6, 7, 8, 9, 2}}), words(t, 10), corpus.Options{Length: 4, OneDocument: true})
	if err != nil {
		t.Fatal(err)
	}
	want = corpus.Counts{Documents: 4, Empty: 1, Short: 2, Tokens: 9, Rows: 2}
	if got, err := alone.Count(); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestTokenizeRefuses(t *testing.T) {
	tok := words(t, 10)
	noBOS, err := tokenize.FromWords([]string{"a", "b"}, tokenize.WordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text := textsOf(t, [][]int{{2, 3}})
	empty := textsOf(t, [][]int{{}, {}})
	for _, test := range []struct {
		texts corpus.Texts
		tok   *tokenize.Tokenizer
		o     corpus.Options
		want  string
	}{
		{nil, tok, corpus.Options{Length: 4}, "texts are nil"},
		{text, nil, corpus.Options{Length: 4}, "tokenizer is nil"},
		{text, tok, corpus.Options{}, "Options.Length is 0"},
		{text, tok, corpus.Options{Length: -1, Row: corpus.None}, "Options.Length is -1"},
		{text, tok, corpus.Options{Length: 1}, "2 or more"},
		{text, tok, corpus.Options{Length: 4}, "make no row of 4"},
		{empty, tok, corpus.Options{Length: 4}, "2 documents have no tokens"},
		{text, noBOS, corpus.Options{Length: 4}, "corpus.None"},
		{text, tok, corpus.Options{Length: 4, Row: corpus.Token(10)}, "not in the vocabulary"},
		{text, tok, corpus.Options{Length: 4, OneDocument: true, Between: corpus.BOS}, "would do nothing"},
		{text, tok, corpus.Options{Length: 4, OneDocument: true, Row: corpus.BOS, Document: corpus.BOS}, "not both"},
	} {
		if _, err := corpus.Tokenize(test.texts, test.tok, test.o); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %q", test.o, err, test.want)
		}
	}
}

// TestForModelRefusesLongRows holds that rows that do not fit into the model are refused at once.
func TestForModelRefusesLongRows(t *testing.T) {
	model, err := hooked.New(hooked.Config{NLayers: 1, DModel: 4, NCtx: 8, DHead: 2, NHeads: 2, DMLP: 8, DVocab: 10, ActFn: "relu"})
	if err == nil {
		model, err = model.WithTokenizer(words(t, 10))
	}
	if err != nil {
		t.Fatal(err)
	}
	texts := textsOf(t, many(10))
	if _, err := corpus.ForModel(texts, model, corpus.Options{Length: 9}); !errors.Is(err, hooked.ErrOutOfContext) {
		t.Errorf("error %v, want ErrOutOfContext", err)
	}
	if _, err := corpus.ForModel(texts, nil, corpus.Options{Length: 8}); err == nil {
		t.Error("a nil model is taken")
	}
}
