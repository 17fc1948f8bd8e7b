package tokenize

import "math/bits"

// A merge is what byte-pair encoding makes of two neighbouring tokens: its rank
// (the order in which training found it; lower goes first) in the upper half, the
// id of the token they become in the lower, so that comparing merges compares ranks.
type merge uint64

const noMerge = ^merge(0)

func newMerge(rank, id int) merge { return merge(rank)<<32 | merge(id) }

func (m merge) rank() uint32 { return uint32(m >> 32) }
func (m merge) id() int32    { return int32(uint32(m)) }

// pairTable maps a pair of ids to its merge: a hash table with open addressing,
// because looking pairs up is what encoding an unseen word consists of.
type pairTable struct {
	slots []pairSlot // a power of two
	shift int
	count int
}

type pairSlot struct {
	pair  uint64 // left<<32 | right
	merge merge  // noMerge in an empty slot
}

// newPairTable makes room for n pairs, at most half full so that chains are short.
func newPairTable(n int) *pairTable {
	log := bits.Len(uint(2*n + 1))
	t := &pairTable{slots: make([]pairSlot, 1<<log), shift: 64 - log}
	for i := range t.slots {
		t.slots[i].merge = noMerge
	}
	return t
}

func pairOf(left, right int32) uint64 { return uint64(uint32(left))<<32 | uint64(uint32(right)) }

// slot returns where pair is or should be (Fibonacci hashing, linear probing).
func (t *pairTable) slot(pair uint64) *pairSlot {
	at := (pair * 0x9E3779B97F4A7C15) >> t.shift
	for {
		s := &t.slots[at]
		if s.pair == pair || s.merge == noMerge {
			return s
		}
		at = (at + 1) & uint64(len(t.slots)-1)
	}
}

// set enters a merge; another of the same pair makes way.
func (t *pairTable) set(left, right int32, m merge) {
	pair := pairOf(left, right)
	s := t.slot(pair)
	if s.merge == noMerge {
		if 2*t.count >= len(t.slots) {
			t.grow()
			s = t.slot(pair)
		}
		t.count++
	}
	*s = pairSlot{pair, m}
}

// grow makes room for twice as many.
func (t *pairTable) grow() {
	old := t.slots
	*t = *newPairTable(len(old))
	for _, s := range old {
		if s.merge != noMerge {
			*t.slot(s.pair) = s
			t.count++
		}
	}
}

// get returns the merge of two neighbours, noMerge if they do not combine.
func (t *pairTable) get(left, right int32) merge {
	return t.slot(pairOf(left, right)).merge
}
