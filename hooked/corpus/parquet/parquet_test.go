package parquet_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/corpus/parquet"
)

// text is the text of a row of the fixtures, as testdata/make.py says.
func text(i int) string {
	return fmt.Sprintf("Document %d is %sand says ä, 日本 or 🙂.", i, strings.Repeat("long ", i%50))
}

func read(t testing.TB, texts corpus.Texts, from int) []corpus.Document {
	t.Helper()
	var all []corpus.Document
	for d, err := range texts.From(from) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// TestFiles reads what pyarrow has written, with several compressions, groups of rows and pages,
// from rows on at the edges of these.
func TestFiles(t *testing.T) {
	for _, codec := range []string{"snappy", "zstd", "gzip", "none"} {
		path := filepath.Join("testdata", codec+".parquet")
		texts, err := parquet.Files(corpus.Fields{Label: "kind", Meta: []string{"id", "score"}}, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []int{0, 1, 63, 64, 65, 129, 130, 131, 260, 389, 390, 499, 500} {
			all := read(t, texts, from)
			if len(all) != 500-from {
				t.Fatalf("%s from %d: %d rows", codec, from, len(all))
			}
			for k, d := range all {
				i := from + k
				want := corpus.Document{Text: text(i), Name: fmt.Sprintf("%s:%d", path, i), Label: []string{"even", "odd"}[i%2]}
				if d.Text != want.Text || d.Name != want.Name || d.Label != want.Label || d.Meta["id"] != fmt.Sprint(i) || d.Meta["score"] != fmt.Sprint(float64(i)/4) {
					t.Fatalf("%s from %d: row %d is %+v, want %+v", codec, from, i, d, want)
				}
			}
		}
	}
}

// TestFilesTogether holds that several files are one sequence.
func TestFilesTogether(t *testing.T) {
	texts, err := parquet.Files(corpus.Fields{}, "testdata/none.parquet", "testdata/empty.parquet", "testdata/zstd.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []int{0, 499, 500, 501, 999, 1000} {
		all := read(t, texts, from)
		if len(all) != 1000-from || len(all) > 0 && all[0].Text != text(from%500) {
			t.Errorf("from %d: %d rows", from, len(all))
		}
	}
}

func TestFilesRefuse(t *testing.T) {
	whole, err := os.ReadFile("testdata/snappy.parquet")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cut, noise := write("cut.parquet", whole[:len(whole)/2]), write("noise.parquet", []byte("no Parquet"))
	for _, test := range []struct {
		fields corpus.Fields
		path   string
		want   string
	}{
		{corpus.Fields{Text: "txt"}, "testdata/snappy.parquet", `no column "txt"; nearest: "text"`},
		{corpus.Fields{Text: "id"}, "testdata/snappy.parquet", "want a column of strings"},
		{corpus.Fields{Text: "tags"}, "testdata/snappy.parquet", "holds lists"},
		{corpus.Fields{Text: "gaps"}, "testdata/snappy.parquet", "row 321"},
		{corpus.Fields{Label: "nothing"}, "testdata/snappy.parquet", `no column "nothing"`},
		{corpus.Fields{}, "testdata/empty.parquet", "no row"},
		{corpus.Fields{}, cut, "cut.parquet"},
		{corpus.Fields{}, noise, "is it a Parquet file"},
		{corpus.Fields{}, filepath.Join(dir, "none.parquet"), "no such file"},
	} {
		texts, err := parquet.Files(test.fields, test.path)
		if err == nil {
			for _, e := range texts.From(0) {
				err = e
			}
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v %s: error %v, want %q", test.fields, test.path, err, test.want)
		}
	}
}

// TestDamagedFiles holds that a file with a changed byte gives an error or texts, and no panic.
func TestDamagedFiles(t *testing.T) {
	whole, err := os.ReadFile("testdata/zstd.parquet")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged.parquet")
	for at := 0; at < len(whole); at += 37 {
		damaged := append([]byte{}, whole...)
		damaged[at] ^= 0x55
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		texts, err := parquet.Files(corpus.Fields{}, path)
		if err != nil {
			continue
		}
		for _, err := range texts.From(200) {
			if err != nil {
				break
			}
		}
	}
}

// TestDataset downloads a data set's files from a hub, and then reads them without one.
func TestDataset(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	t.Setenv("HF_HUB_OFFLINE", "")
	t.Setenv("TRANSFORMERS_OFFLINE", "")
	t.Setenv("HF_TOKEN", "")
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.ServeFile(w, r, filepath.Join("testdata", filepath.Base(r.URL.Path)))
	}))
	defer server.Close()
	folder := filepath.Join(cache, "datasets--owner--texts")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	entry := func(config, split, file string, size int64) map[string]any {
		return map[string]any{"dataset": "owner/texts", "config": config, "split": split, "url": server.URL + "/" + file, "filename": file, "size": size}
	}
	info, err := os.Stat("testdata/snappy.parquet")
	if err != nil {
		t.Fatal(err)
	}
	list, err := json.Marshal(map[string]any{"parquet_files": []any{
		entry("plain", "train", "snappy.parquet", info.Size()), entry("plain", "test", "zstd.parquet", 0), entry("other", "train", "none.parquet", 1),
		entry("evil", "..", "../../gzip.parquet", 0),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "dataset_parquet.json"), list, 0o644); err != nil {
		t.Fatal(err)
	}
	train := parquet.Selection{Config: "plain", Split: "train"}
	if _, err := parquet.Dataset(t.Context(), "owner/texts", parquet.Selection{Config: "plain", Split: "train", Offline: true}, corpus.Fields{}); !errors.Is(err, hooked.ErrOffline) {
		t.Errorf("error %v, want ErrOffline", err)
	}
	texts, err := parquet.Dataset(t.Context(), "owner/texts", train, corpus.Fields{})
	if err != nil {
		t.Fatal(err)
	}
	if all := read(t, texts, 0); len(all) != 500 || all[7].Text != text(7) {
		t.Errorf("%d rows", len(all))
	}
	before := asked
	train.Offline = true
	again, err := parquet.Dataset(t.Context(), "owner/texts", train, corpus.Fields{})
	if err != nil || asked != before || again.Key() != texts.Key() {
		t.Errorf("offline: %v, %d requests", err, asked-before)
	}
	for _, test := range []struct {
		name string
		part parquet.Selection
		want string
	}{
		{"../texts", train, "want owner/name"},
		{"owner/texts", parquet.Selection{}, "say which configuration: it has plain, other, evil"},
		{"owner/texts", parquet.Selection{Config: "plain"}, "say which split: it has train, test"},
		{"owner/texts", parquet.Selection{Config: "plane", Split: "test"}, `nearest: "plain"`},
		{"owner/texts", parquet.Selection{Config: "other"}, "the hub says 1"},
		{"owner/texts", parquet.Selection{Config: "evil"}, "outside the cache"},
		{"owner/nothing", parquet.Selection{Offline: true}, "its list of files is not in the cache"},
	} {
		if _, err := parquet.Dataset(t.Context(), test.name, test.part, corpus.Fields{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %+v: error %v, want %q", test.name, test.part, err, test.want)
		}
	}
}
