// Package permute puts numbers into an order that follows from a seed and takes no memory. Its
// functions are its own, so that a seed means the same order in every version of Go.
package permute

import "math/bits"

// An Order is an order of the numbers below N: any of all, as far as 64 bits tell. Where any
// reading begins, it begins at once.
type Order struct {
	N    int
	Seed uint64
}

// rounds is more than the four that make a random permutation of random functions.
const rounds = 8

// At is the number at place i, which is below N. The order is a Feistel network over as many bits
// as N needs; what it sends beyond N is sent on (Black and Rogaway 2002, "Ciphers with arbitrary
// finite domains").
func (o Order) At(i int) int {
	half := (bits.Len(uint(o.N-1)) + 1) / 2
	mask := uint64(1)<<half - 1
	for x := uint64(i); ; {
		left, right := x>>half, x&mask
		for round := range uint64(rounds) {
			left, right = right, left^(Mix(o.Seed^Mix(right<<8|round))&mask)
		}
		if x = left<<half | right; x < uint64(o.N) {
			return int(x)
		}
	}
}

// Mix is a step of SplitMix64 (Steele, Lea and Flood 2014), a good hash of 64 bits.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
