package permute_test

import (
	"testing"

	"gopherlens/internal/permute"
)

// TestMix compares with the first numbers that SplitMix64 gives from 0, as its authors' code
// (splitmix64.c) prints them: its state goes on by the golden ratio.
func TestMix(t *testing.T) {
	state := uint64(0)
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := permute.Mix(state); got != want {
			t.Errorf("number %d is %#x, want %#x", i, got, want)
		}
		state += 0x9e3779b97f4a7c15
	}
}

// TestOrderIsOne checks that every number is met once, for sizes around powers of two.
func TestOrderIsOne(t *testing.T) {
	for n := 1; n < 1200; n += 1 + n/9 {
		p := permute.Order{N: n, Seed: 7}
		seen := make([]bool, n)
		for i := range n {
			at := p.At(i)
			if at < 0 || at >= n || seen[at] {
				t.Fatalf("of %d numbers place %d has %d, outside or met before", n, i, at)
			}
			seen[at] = true
		}
	}
}

// TestOrderIsSpread counts where the numbers of the first tenth go: a tenth of them to each
// tenth. Each count is binomial: 1000 of 10000, and 5 standard deviations are 150.
func TestOrderIsSpread(t *testing.T) {
	const n = 100_000
	for seed := range uint64(5) {
		var counts [10]int
		p := permute.Order{N: n, Seed: seed}
		neighbours := 0
		for i := range n / 10 {
			counts[p.At(i)*10/n]++
			if d := p.At(i+1) - p.At(i); d == 1 || d == -1 {
				neighbours++
			}
		}
		for tenth, c := range counts {
			if c < 850 || c > 1150 {
				t.Errorf("seed %d: %d of the first 10000 numbers go to tenth %d, want about 1000", seed, c, tenth)
			}
		}
		if neighbours > 5 {
			t.Errorf("seed %d: %d neighbours stay neighbours", seed, neighbours)
		}
	}
}
