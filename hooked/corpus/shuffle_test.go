package corpus_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked/corpus"
)

// numbered are texts "0", "1", ...; where indexed is not set they come from an iterator.
func numbered(t testing.TB, n int, indexed bool) corpus.Texts {
	t.Helper()
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprint(i)
	}
	var all corpus.Texts
	var err error
	if indexed {
		all, err = corpus.FromStrings(texts...)
	} else {
		all, err = corpus.FromSeq(slices.Values(texts), "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// read gives the texts from a document on.
func read(t testing.TB, texts corpus.Texts, from int) []string {
	t.Helper()
	var all []string
	for d, err := range texts.From(from) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d.Text)
	}
	return all
}

// checkFromAnywhere holds that texts can be read from any document on.
func checkFromAnywhere(t *testing.T, texts corpus.Texts) []string {
	t.Helper()
	all := read(t, texts, 0)
	for from := range len(all) + 1 {
		if got := read(t, texts, from); !slices.Equal(got, all[from:]) {
			t.Errorf("%s: from %d: got %v, want %v", texts.Key(), from, got, all[from:])
		}
	}
	for _, from := range []int{-1, len(all) + 1, len(all) + 100} {
		failed := false
		for _, err := range texts.From(from) {
			failed = err != nil
		}
		if !failed && from < 0 {
			t.Errorf("%s: from %d: no error", texts.Key(), from)
		}
	}
	if indexed, ok := texts.(corpus.Indexed); ok {
		for i := range indexed.Len() {
			if d, err := indexed.At(i); err != nil || d.Text != all[i] {
				t.Errorf("%s: At(%d) is %q, %v, want %q", texts.Key(), i, d.Text, err, all[i])
			}
		}
	}
	return all
}

func sorted(all []string) []string {
	out := slices.Clone(all)
	slices.SortFunc(out, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	return out
}

// TestShuffledIsAPermutation holds that shuffling loses nothing, for numbers around powers of two.
func TestShuffledIsAPermutation(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 100} {
		texts := numbered(t, n, true)
		orders := map[string]bool{}
		for seed := range uint64(3) {
			shuffled, err := corpus.Shuffled(texts, seed)
			if err != nil {
				t.Fatal(err)
			}
			all := checkFromAnywhere(t, shuffled)
			if !slices.Equal(sorted(all), read(t, texts, 0)) {
				t.Errorf("%d texts, seed %d: %v", n, seed, all)
			}
			orders[strings.Join(all, " ")] = true
		}
		if n > 8 && len(orders) != 3 {
			t.Errorf("%d texts: three seeds make %d orders", n, len(orders))
		}
	}
}

// TestShuffledIsUniform holds that each text comes to each place as often as chance has it: over
// 7200 seeds the chi-squared statistic of the 120 orders of 5 texts is that of 119 degrees of
// freedom, whose mean is 119 and whose standard deviation is sqrt(238) = 15.4.
func TestShuffledIsUniform(t *testing.T) {
	texts := numbered(t, 5, true)
	const seeds = 7200
	counts := map[string]int{}
	for seed := range uint64(seeds) {
		shuffled, err := corpus.Shuffled(texts, seed)
		if err != nil {
			t.Fatal(err)
		}
		counts[strings.Join(read(t, shuffled, 0), "")]++
	}
	want, chi := float64(seeds)/120, 0.0
	for _, n := range counts {
		chi += (float64(n) - want) * (float64(n) - want) / want
	}
	chi += float64(120-len(counts)) * want
	if z := (chi - 119) / math.Sqrt(238); math.Abs(z) > 4 {
		t.Errorf("chi-squared %.1f is %.1f standard deviations from 119", chi, z)
	}
}

// TestShuffledWithin holds that windows are shuffled, each for itself, and nothing is lost.
func TestShuffledWithin(t *testing.T) {
	for _, n := range []int{1, 7, 8, 9, 30, 32} {
		for _, indexed := range []bool{false, true} {
			texts := numbered(t, n, indexed)
			shuffled, err := corpus.ShuffledWithin(texts, 8, 1)
			if err != nil {
				t.Fatal(err)
			}
			all, plain := checkFromAnywhere(t, shuffled), read(t, texts, 0)
			for at := 0; at < n; at += 8 {
				end := min(at+8, n)
				if !slices.Equal(sorted(all[at:end]), plain[at:end]) {
					t.Errorf("%d texts: the window at %d is %v", n, at, all[at:end])
				}
			}
			if n == 32 && (slices.Equal(all, plain) || slices.Equal(sorted(all[:8]), all[:8])) {
				t.Errorf("not shuffled: %v", all)
			}
			if n == 32 {
				at := func(i int) int { return slices.Index(plain, all[i]) }
				alike := 0
				for i := range 8 {
					if at(i) == at(i+8)-8 {
						alike++
					}
				}
				if alike == 8 {
					t.Errorf("all windows have one order: %v", all)
				}
			}
		}
	}
}

// TestSplit holds that the sides of a split are all documents, each on one side.
func TestSplit(t *testing.T) {
	for _, indexed := range []bool{false, true} {
		texts := numbered(t, 200, indexed)
		first, rest, err := corpus.Split(texts, 0.9, 3)
		if err != nil {
			t.Fatal(err)
		}
		a, b := checkFromAnywhere(t, first), checkFromAnywhere(t, rest)
		if both := sorted(slices.Concat(a, b)); !slices.Equal(both, read(t, texts, 0)) {
			t.Errorf("indexed %v: %d and %d documents: %v", indexed, len(a), len(b), both)
		}
		// 200 draws with 0.9 have a standard deviation of 4.2
		if indexed && len(a) != 180 || math.Abs(float64(len(a)-180)) > 17 {
			t.Errorf("indexed %v: %d of 200 documents, want 180", indexed, len(a))
		}
		if first.Key() == rest.Key() || first.Key() == texts.Key() {
			t.Error("the sides have no keys of their own")
		}
		again, _, err := corpus.Split(texts, 0.9, 4)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Equal(read(t, again, 0), a) {
			t.Error("another seed makes the same split")
		}
	}
}

func TestShufflesRefuse(t *testing.T) {
	one, seq := numbered(t, 1, true), numbered(t, 5, false)
	for name, f := range map[string]func() error{
		"use ShuffledWithin":  func() error { _, err := corpus.Shuffled(seq, 1); return err },
		"shuffles nothing":    func() error { _, err := corpus.ShuffledWithin(seq, 1, 1); return err },
		"texts are nil":       func() error { _, err := corpus.ShuffledWithin(nil, 2, 1); return err },
		"share of NaN":        func() error { _, _, err := corpus.Split(seq, math.NaN(), 1); return err },
		"share of 1 leaves":   func() error { _, _, err := corpus.Split(seq, 1, 1); return err },
		"share of 0.4 of 1 d": func() error { _, _, err := corpus.Split(one, 0.4, 1); return err },
	} {
		if err := f(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}
