package corpus_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gopherlens/hooked/corpus"
)

// TestMemoryIsFlat holds that a million tokens take no more memory than a hundred thousand: text,
// tokens and rows pass through. What grows is the index of lines, 8 bytes for each.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("tokenises a million tokens")
	}
	const documents, each = 4300, 260
	path := filepath.Join(t.TempDir(), "texts.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	line := textOf(many(61)[60])
	for i := range documents {
		fmt.Fprintf(w, "{\"text\":\"w%02d %s\"}\n", i%50, strings.Repeat(line+" ", each/len(strings.Fields(line))))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	lines, err := corpus.JSONLines(corpus.Fields{}, path)
	if err != nil {
		t.Fatal(err)
	}
	shuffled, err := corpus.Shuffled(lines, 1)
	if err != nil {
		t.Fatal(err)
	}
	c, err := corpus.Tokenize(shuffled, words(t, 50), corpus.Options{Length: 128})
	if err != nil {
		t.Fatal(err)
	}
	var rows int
	var early, late uint64
	for _, err := range c.From(0) {
		if err != nil {
			t.Fatal(err)
		}
		if rows++; rows%500 != 0 {
			continue
		}
		if held := heap(); rows <= 1000 {
			early = max(early, held)
		} else {
			late = max(late, held)
		}
	}
	if rows*128 < 1_000_000 {
		t.Errorf("%d tokens, want a million", rows*128)
	}
	t.Logf("%d rows; %d KB in the first 1000, %d KB later", rows, early>>10, late>>10)
	if late > early+256<<10 {
		t.Errorf("%d KB are held after the first 1000 rows, and %d KB later", early>>10, late>>10)
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
