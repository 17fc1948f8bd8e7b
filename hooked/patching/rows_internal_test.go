package patching

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// randomRows are rows of patches that begin anywhere.
func randomRows(random *rand.Rand, w workload) []row {
	rows := make([]row, 1+random.IntN(60))
	for i := range rows {
		rows[i] = row{patch: i / 2, prompt: i % 2, layer: random.IntN(w.layers), from: random.IntN(w.pos)}
	}
	return rows
}

// TestBatches checks what any cut into batches must keep: each row once, in a batch that begins no
// later than it, within the limits.
func TestBatches(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		w := workload{layers: 1 + random.IntN(5), pos: 1 + random.IntN(20), perToken: 1 << random.IntN(40), tokens: 1 + random.IntN(100),
			maxRows: 1 + random.IntN(30)}
		rows := randomRows(random, w)
		before := slices.Clone(rows)
		var seen []row
		for _, b := range w.batches(rows) {
			seen = append(seen, b.rows...)
			checkBatch(t, w, b)
		}
		if !slices.Equal(rows, before) {
			t.Fatalf("%+v changed the rows that it was given", w)
		}
		if len(seen) != len(rows) {
			t.Fatalf("%+v cuts %d rows into batches of %d", w, len(rows), len(seen))
		}
		for _, r := range rows {
			if !slices.Contains(seen, r) {
				t.Fatalf("%+v lost %+v", w, r)
			}
		}
	}
}

func checkBatch(t *testing.T, w workload, b batch) {
	t.Helper()
	if len(b.rows) == 0 || len(b.rows) > b.size || b.size > w.maxRows {
		t.Errorf("%+v: a batch of size %d with %d rows", w, b.size, len(b.rows))
	}
	// a batch of one row may exceed the limit on tokens, and one more row may come from rounding up
	if each := w.pos - b.from; (b.size-1)*each > w.tokens {
		t.Errorf("%+v: a batch of %d rows with %d positions each", w, b.size, each)
	}
	layer := b.layer()
	for _, r := range b.rows {
		if r.from < b.from || r.layer < layer {
			t.Errorf("%+v: %+v in a batch from position %d and layer %d", w, r, b.from, layer)
		}
		layer = r.layer
	}
	if want := b.size * (w.layers - b.rows[0].layer); w.blocks(b) != want {
		t.Errorf("%+v: %d blocks, want %d", w, w.blocks(b), want)
	}
}

// TestGroups checks when rows that begin at different positions go together: always where computing
// costs nothing, never where it costs more than compiling.
func TestGroups(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	w := workload{layers: 4, pos: 20}
	rows := randomRows(random, w)
	var begins []int
	for _, r := range rows {
		begins = append(begins, r.from)
	}
	slices.Sort(begins)
	begins = slices.Compact(begins)
	if groups := w.groups(rows); len(groups) != 1 || groups[0].from != begins[0] {
		t.Errorf("for nothing: %d groups, want one", len(groups))
	}
	w.perToken = compileWork
	var found []int
	for _, g := range w.groups(rows) {
		found = append(found, g.from)
		for _, r := range g.rows {
			if r.from != g.from {
				t.Errorf("%+v is in the group of position %d", r, g.from)
			}
		}
	}
	if !slices.Equal(found, begins) {
		t.Errorf("groups begin at %v, want %v", found, begins)
	}
}
