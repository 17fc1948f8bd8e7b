package activations_test

import (
	"slices"
	"testing"

	"gopherlens/hooked/activations"
	"gopherlens/internal/golden"
)

// collect reads batches to the end.
func collect(t *testing.T, s *activations.Store, site string, r activations.Reading) (out []*activations.Batch) {
	t.Helper()
	for b, err := range s.Batches(site, r) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

// place is where an activation lies.
type place struct{ row, pos int }

func places(batches []*activations.Batch) (out []place) {
	for _, b := range batches {
		for i, row := range b.Rows {
			out = append(out, place{row, b.Positions[i]})
		}
	}
	return out
}

// TestEveryActivationIsReadOnce reads in shuffled batches over shards: each activation is met once
// in an epoch, with its own token and values, in another order in each epoch and with each seed.
func TestEveryActivationIsReadOnce(t *testing.T) {
	s := harvest(t, tiny(t, golden.PureGo(t)), rowsOf(t, 10, 9), activations.Config{Sites: []string{"resid_post"}, Batch: 2, Shard: 4})
	inOrder := all(t, s, resid1)
	for _, skip := range []bool{false, true} {
		var orders [][]place
		for _, seed := range []uint64{1, 2} {
			batches := collect(t, s, resid1, activations.Reading{Size: 7, Shuffle: true, Seed: seed, SkipFirst: skip, Epochs: 2})
			met := places(batches)
			n := 90
			if skip {
				n = 80
			}
			if len(met) != 2*n {
				t.Fatalf("%d activations in two epochs, want %d", len(met), 2*n)
			}
			orders = append(orders, met[:n], met[n:])
			for _, b := range batches {
				for i, row := range b.Rows {
					at := row*9 + b.Positions[i]
					if !slices.Equal(b.Values[i*36:(i+1)*36], inOrder.Values[at*36:(at+1)*36]) || b.Tokens[i] != inOrder.Tokens[at] {
						t.Fatalf("row %d, position %d has another's values or token", row, b.Positions[i])
					}
				}
			}
		}
		for i, order := range orders {
			seen := make(map[place]bool)
			for _, p := range order {
				seen[p] = true
				if skip && p.pos == 0 {
					t.Fatal("the first position was not left out")
				}
			}
			if len(seen) != len(order) {
				t.Errorf("of %d activations only %d are different", len(order), len(seen))
			}
			for _, other := range orders[:i] {
				if slices.Equal(order, other) {
					t.Error("two epochs or seeds have the same order")
				}
			}
		}
	}
}

// TestReadingGoesOn begins a reading after each of its batches: what follows is the same.
func TestReadingGoesOn(t *testing.T) {
	s := harvest(t, tiny(t, golden.PureGo(t)), rowsOf(t, 5, 9), activations.Config{Sites: []string{"resid_post", "z"}})
	r := activations.Reading{Size: 10, Shuffle: true, Seed: 3, Epochs: 2}
	whole := collect(t, s, resid1, r)
	if len(whole) != 10 || len(whole[4].Rows) != 5 {
		t.Fatalf("%d batches, want 10, of which every fifth has 5", len(whole))
	}
	for i, b := range whole {
		r.From = b.Next
		rest := collect(t, s, resid1, r)
		if !slices.Equal(places(rest), places(whole[i+1:])) {
			t.Errorf("after batch %d another order follows", i)
		}
	}
	b := whole[0]
	z, err := b.At("blocks.0.attn.hook_z")
	if err != nil {
		t.Fatal(err)
	}
	inOrder := all(t, s, "blocks.0.attn.hook_z")
	for i, row := range b.Rows {
		at := row*9 + b.Positions[i]
		if !slices.Equal(z[i*36:(i+1)*36], inOrder.Values[at*36:(at+1)*36]) {
			t.Errorf("another site's values of row %d, position %d are not its own", row, b.Positions[i])
		}
	}
}

// TestReadRows reads what an ordered reading reads, from any row to any other, across shards.
func TestReadRows(t *testing.T) {
	s := harvest(t, tiny(t, golden.PureGo(t)), rowsOf(t, 10, 9), activations.Config{Sites: []string{"resid_post"}, Batch: 2, Shard: 4})
	whole := collect(t, s, "blocks.1.hook_resid_post", activations.Reading{Size: 90})[0]
	width := whole.Site.Width()
	for _, part := range [][2]int{{0, 10}, {3, 9}, {4, 5}, {9, 10}} {
		b, err := s.ReadRows("blocks.1.hook_resid_post", part[0], part[1])
		if err != nil {
			t.Fatal(err)
		}
		from, to := part[0]*9, part[1]*9
		if !slices.Equal(b.Values, whole.Values[from*width:to*width]) || !slices.Equal(b.Tokens, whole.Tokens[from:to]) ||
			!slices.Equal(b.Rows, whole.Rows[from:to]) || !slices.Equal(b.Positions, whole.Positions[from:to]) {
			t.Errorf("rows %v are read otherwise", part)
		}
	}
	for _, part := range [][2]int{{0, 11}, {-1, 2}, {3, 3}, {5, 4}} {
		if _, err := s.ReadRows("blocks.1.hook_resid_post", part[0], part[1]); err == nil {
			t.Errorf("rows %v of 10 are read", part)
		}
	}
}

// TestExcludedTokens reads all activations but those of some tokens, each once, and none of rows'
// first positions if these are left out, too.
func TestExcludedTokens(t *testing.T) {
	rows := rowsOf(t, 10, 9)
	s := harvest(t, tiny(t, golden.PureGo(t)), rows, activations.Config{Sites: []string{"resid_post"}, Batch: 2, Shard: 4})
	first := collect(t, s, resid1, activations.Reading{Size: 90})[0]
	leave := []int{first.Tokens[3], first.Tokens[40]}
	for _, skip := range []bool{false, true} {
		var want []place
		for i, id := range first.Tokens {
			if !slices.Contains(leave, id) && !(skip && first.Positions[i] == 0) {
				want = append(want, place{first.Rows[i], first.Positions[i]})
			}
		}
		got := places(collect(t, s, resid1, activations.Reading{Size: 7, Exclude: leave, SkipFirst: skip}))
		if !slices.Equal(got, want) {
			t.Errorf("in order: %v, want %v", got, want)
		}
		got = places(collect(t, s, resid1, activations.Reading{Size: 7, Exclude: leave, SkipFirst: skip, Shuffle: true, Seed: 3}))
		slices.SortFunc(got, func(a, b place) int { return a.row*9 + a.pos - b.row*9 - b.pos })
		if !slices.Equal(got, want) {
			t.Errorf("shuffled: %v, want %v", got, want)
		}
	}
}
