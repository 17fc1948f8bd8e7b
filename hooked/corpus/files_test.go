package corpus_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"gopherlens/hooked/corpus"
)

// write makes files below a folder, and returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestFiles holds which files a path means, and in which order.
func TestFiles(t *testing.T) {
	dir := write(t, map[string]string{"b.txt": "B", "a.txt": "A", "sub/c.md": "C", "sub/.hidden": "no", ".git/config": "no"})
	if err := os.Symlink(filepath.Join(dir, "sub"), filepath.Join(dir, ".link")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		paths []string
		want  string
	}{
		{[]string{dir}, "A B C"},
		{[]string{filepath.Join(dir, "*.txt")}, "A B"},
		{[]string{filepath.Join(dir, "sub"), filepath.Join(dir, "b.txt"), dir}, "C B A"},
		{[]string{filepath.Join(dir, ".link")}, "C"},
		{[]string{filepath.Join(dir, "sub", ".hidden")}, "no"},
	} {
		texts, err := corpus.Files(test.paths...)
		if err != nil {
			t.Errorf("%v: %v", test.paths, err)
			continue
		}
		if got := strings.Join(checkFromAnywhere(t, texts), " "); got != test.want {
			t.Errorf("%v: %s, want %s", test.paths, got, test.want)
		}
	}
}

// TestLines holds that plain and packed lines are the same documents, from any on.
func TestLines(t *testing.T) {
	content := "{\"text\":\"a\",\"n\":1}\n\n  \n{\"text\": \"b\", \"n\": \"two\"}\r\n{\"n\":true,\"text\":\"c\\u00e9\"}"
	var gz, zst bytes.Buffer
	g := gzip.NewWriter(&gz)
	fmt.Fprint(g, content)
	g.Close()
	z, err := zstd.NewWriter(&zst)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(z, content)
	z.Close()
	dir := write(t, map[string]string{"a.jsonl": content, "b.jsonl.gz": gz.String(), "c.jsonl.zst": zst.String(), "d.jsonl": "\n"})
	for _, names := range [][]string{{"a.jsonl"}, {"b.jsonl.gz"}, {"c.jsonl.zst"}, {"a.jsonl", "d.jsonl", "b.jsonl.gz", "c.jsonl.zst"}} {
		var paths []string
		for _, name := range names {
			paths = append(paths, filepath.Join(dir, name))
		}
		texts, err := corpus.JSONLines(corpus.Fields{Label: "n"}, paths...)
		if err != nil {
			t.Fatal(err)
		}
		files := len(names) - len(names)/4 // but for the empty one
		if got, want := checkFromAnywhere(t, texts), slices.Repeat([]string{"a", "b", "cé"}, files); !slices.Equal(got, want) {
			t.Errorf("%v: %q, want %q", names, got, want)
		}
		var labels, lines []string
		for d, err := range texts.From(0) {
			if err != nil {
				t.Fatal(err)
			}
			labels, lines = append(labels, d.Label), append(lines, d.Name[strings.LastIndexByte(d.Name, ':')+1:])
		}
		if want := slices.Repeat([]string{"1", "two", "true"}, files); !slices.Equal(labels, want) {
			t.Errorf("%v: labels %q, want %q", names, labels, want)
		}
		if want := slices.Repeat([]string{"1", "4", "5"}, files); !slices.Equal(lines, want) {
			t.Errorf("%v: lines %q, want %q", names, lines, want)
		}
		for d, err := range texts.From(1) {
			if err != nil || !strings.HasSuffix(d.Name, ":4") {
				t.Errorf("%v: the second document is called %s, %v; it is line 4", names, d.Name, err)
			}
			break
		}
		if _, indexed := texts.(corpus.Indexed); indexed != (names[0] == "a.jsonl" && len(names) == 1) {
			t.Errorf("%v: indexed is %v", names, indexed)
		}
	}
}

// firstError reads texts to the first error.
func firstError(texts corpus.Texts, err error) error {
	if err != nil {
		return err
	}
	for _, err := range texts.From(0) {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestSourcesRefuse holds that what is wrong with a source is said, with the file and the line.
func TestSourcesRefuse(t *testing.T) {
	var gz bytes.Buffer
	g := gzip.NewWriter(&gz)
	fmt.Fprint(g, strings.Repeat("{\"text\":\"some text that is packed\"}\n", 100))
	g.Close()
	good := `{"text":"good","lang":"en"}` + "\n"
	dir := write(t, map[string]string{
		"broken.jsonl": good + `{"text":`, "field.jsonl": good + "\n" + `{"content":"x"}`, "null.jsonl": good + "null\n",
		"number.jsonl": `{"text":7}`, "list.jsonl": `["text"]`, "two.jsonl": `{"text":"a"}{"text":"b"}`, "latin1.jsonl": good + "{\"text\":\"caf\xe9\"}\n",
		"half.jsonl": `{"text":"\ud83d"}`, "label.jsonl": `{"text":"x"}`, "none.jsonl": `{"text":"x", "kind": null }`, "empty.jsonl": "", "cut.jsonl.gz": gz.String()[:gz.Len()/2],
		"plain.jsonl.gz": good, "plain.jsonl.zst": good,
		"latin1.txt": "line\nline caf\xe9", "utf16.txt": "\xff\xfea\x00",
	})
	lines := func(fields corpus.Fields, name string) func() error {
		return func() error { return firstError(corpus.JSONLines(fields, filepath.Join(dir, name))) }
	}
	files := func(paths ...string) func() error {
		return func() error { return firstError(corpus.Files(paths...)) }
	}
	seq := func(texts iter.Seq[string], key string) func() error {
		return func() error { return firstError(corpus.FromSeq(texts, key)) }
	}
	var f corpus.Fields
	for _, test := range []struct {
		read func() error
		want []string
	}{
		{lines(f, "broken.jsonl"), []string{"broken.jsonl, line 2", "unexpected end"}},
		{lines(f, "field.jsonl"), []string{"field.jsonl, line 3", `no field "text"`, "it has content"}},
		{lines(f, "null.jsonl"), []string{"null.jsonl, line 2", "want a JSON object"}},
		{lines(f, "number.jsonl"), []string{"line 1", `field "text" is 7: want a string`}},
		{lines(f, "list.jsonl"), []string{"line 1", "want a JSON object"}},
		{lines(f, "two.jsonl"), []string{"line 1", "after top-level value"}},
		{lines(f, "latin1.jsonl"), []string{"latin1.jsonl, line 2", "not valid UTF-8"}},
		{lines(f, "half.jsonl"), []string{"line 1", "surrogate"}},
		{lines(corpus.Fields{Label: "kind"}, "label.jsonl"), []string{"line 1", `no field "kind"`}},
		{lines(corpus.Fields{Label: "kind"}, "none.jsonl"), []string{"line 1", `field "kind" is null: want a value`}},
		{lines(corpus.Fields{Meta: []string{"kind"}}, "none.jsonl"), []string{"line 1", `field "kind" is null: want a value`}},
		{lines(corpus.Fields{Meta: []string{"txet"}}, "label.jsonl"), []string{`nearest: "text"`}},
		{lines(f, "empty.jsonl"), []string{"no line"}},
		{lines(f, "cut.jsonl.gz"), []string{"cut.jsonl.gz, line", "unexpected EOF"}},
		{lines(f, "plain.jsonl.gz"), []string{"plain.jsonl.gz", "gzip"}},
		{lines(f, "plain.jsonl.zst"), []string{"plain.jsonl.zst", "magic"}},
		{lines(f, "nothing.jsonl"), []string{"nothing.jsonl", "no such file"}},
		{files(filepath.Join(dir, "latin1.txt")), []string{"latin1.txt, line 2", "byte 0xe9 at offset 13"}},
		{files(filepath.Join(dir, "utf16.txt")), []string{"utf16.txt, line 1", "byte 0xff at offset 0"}},
		{files(filepath.Join(dir, "*.md")), []string{"no file in", "*.md"}},
		{files(filepath.Join(dir, "[")), []string{"["}},
		{files(t.TempDir()), []string{"no file in"}},
		{files(), []string{"no file is named"}},
		{files(os.DevNull), []string{"no regular file"}},
		{seq(nil, "a"), []string{"iterator of texts is nil"}},
		{seq(slices.Values([]string{}), ""), []string{"no texts"}},
		{seq(slices.Values([]string{"a", "b\xff"}), ""), []string{"text 1", "not valid UTF-8"}},
		{func() error { return firstError(corpus.FromStrings()) }, []string{"no texts"}},
		{func() error { return firstError(corpus.FromStrings("a", "\xff")) }, []string{"text 1", "not valid UTF-8"}},
		{func() error { return firstError(corpus.Package(t.Context(), "brwn")) }, []string{`nearest: "brown"`}},
	} {
		err := test.read()
		for _, want := range test.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}
}

// TestChangedFiles holds that a file that changes after its index was made is noticed.
func TestChangedFiles(t *testing.T) {
	dir := write(t, map[string]string{"a.txt": "one", "b.jsonl": "{\"text\":\"one\"}\n{\"text\":\"two\"}\n"})
	files, err := corpus.Files(filepath.Join(dir, "a.txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := corpus.JSONLines(corpus.Fields{}, filepath.Join(dir, "b.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	for _, name := range []string{"a.txt", "b.jsonl"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(content), "one", "1ne", 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, name), later, later); err != nil {
			t.Fatal(err)
		}
	}
	for _, texts := range []corpus.Texts{files, lines} {
		if err := firstError(texts, nil); err == nil || !strings.Contains(err.Error(), "has changed since") {
			t.Errorf("error %v, want that the file has changed", err)
		}
	}
	again, err := corpus.Files(filepath.Join(dir, "a.txt"))
	if err != nil || again.Key() == files.Key() {
		t.Errorf("the changed file has the same key, %v", err)
	}
}

// TestIteratorThatChanges holds that an iterator that can be read only once is noticed.
func TestIteratorThatChanges(t *testing.T) {
	left := []string{"a", "b"}
	once := func(yield func(string) bool) {
		for len(left) > 0 && yield(left[0]) {
			left = left[1:]
		}
	}
	texts, err := corpus.FromSeq(once, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := firstError(texts, nil); err == nil || !strings.Contains(err.Error(), "the same ones whenever") {
		t.Errorf("error %v, want that the texts differ", err)
	}
	named, err := corpus.FromSeq(slices.Values([]string{"a", "b", "c"}), "mine")
	if err != nil {
		t.Fatal(err)
	}
	if got := checkFromAnywhere(t, named); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %q", got)
	}
}

// FuzzJSONLine holds that a line is a document with the text that package json reads, or an error,
// and that plain and packed files agree.
func FuzzJSONLine(f *testing.F) {
	for _, line := range []string{`{"text":"a"}`, `{"text":"\ud800"}`, "", "\n\n", `{"text":"\\ufffd�"}`, "{}\n{", "\r\n{\"text\":\"x\"}\r"} {
		f.Add([]byte(line))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		plain, packed := filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "a.jsonl.gz")
		var gz bytes.Buffer
		g := gzip.NewWriter(&gz)
		g.Write(content)
		g.Close()
		for path, content := range map[string][]byte{plain: content, packed: gz.Bytes()} {
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		collect := func(path string) (texts []string, failed bool) {
			all, err := corpus.JSONLines(corpus.Fields{}, path)
			if err != nil {
				return nil, false // no line at all
			}
			for d, err := range all.From(0) {
				if err != nil {
					return texts, true
				}
				texts = append(texts, d.Text)
			}
			return texts, false
		}
		a, aFailed := collect(plain)
		b, bFailed := collect(packed)
		if !slices.Equal(a, b) || aFailed != bFailed {
			t.Errorf("plain %q %v, packed %q %v", a, aFailed, b, bFailed)
		}
	})
}
