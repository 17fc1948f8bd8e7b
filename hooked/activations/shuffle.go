package activations

import "math/bits"

// A permutation of the numbers below n that needs no memory: a Feistel network over the next even
// power of two, walked until it leads below n (Black and Rogaway, "Ciphers with arbitrary finite
// domains", 2002). Where any reading begins, it begins at once.
type permutation struct {
	n    uint64
	half uint   // bits of each half
	key  uint64 // of the seed and the epoch
}

// rounds is more than the four that make a random permutation of random functions.
const rounds = 6

func newPermutation(n int, seed, epoch uint64) permutation {
	width := max(2, uint(bits.Len64(uint64(n-1))))
	return permutation{uint64(n), (width + 1) / 2, mix(mix(seed) + epoch)}
}

// at is the number in place i.
func (p permutation) at(i int) int {
	x := p.once(uint64(i))
	for x >= p.n {
		x = p.once(x)
	}
	return int(x)
}

func (p permutation) once(x uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	left, right := x>>p.half, x&mask
	for r := range uint64(rounds) {
		left, right = right, left^mix(p.key+r<<56^right)&mask
	}
	return left<<p.half | right
}

// mix is the finaliser of splitmix64 (Steele, Lea and Flood 2014), a good hash of 64 bits.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
