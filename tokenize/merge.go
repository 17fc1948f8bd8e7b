package tokenize

// longWord is where looking through all pairs for the best becomes slower than
// keeping them in a heap. Words of a split text rarely reach it; tokenizers that
// do not split (Llama 2) treat whole paragraphs as one word.
const longWord = 48

// mergeAll joins neighbours, lowest rank first and leftmost of equals, until
// none can be joined. It overwrites word.
func mergeAll(merges *pairTable, word []symbol) []symbol {
	if len(word) < 2 {
		return word
	}
	if len(word) > longWord {
		return mergeLong(merges, word)
	}
	return mergeShort(merges, word)
}

// mergeShort keeps the merge of each pair in an array and takes the smallest.
func mergeShort(merges *pairTable, word []symbol) []symbol {
	var buffer [longWord]merge
	pairs := buffer[:len(word)-1]
	for i := range pairs {
		pairs[i] = merges.get(word[i].id, word[i+1].id)
	}
	for {
		best := smallest(pairs)
		if best < 0 {
			return word
		}
		word[best] = symbol{pairs[best].id(), word[best].size + word[best+1].size}
		word = append(word[:best+1], word[best+2:]...)
		pairs = append(pairs[:best], pairs[best+1:]...)
		if best > 0 {
			pairs[best-1] = merges.get(word[best-1].id, word[best].id)
		}
		if best < len(pairs) {
			pairs[best] = merges.get(word[best].id, word[best+1].id)
		}
	}
}

// smallest returns the index of the first of the lowest rank, -1 if no pair merges.
func smallest(pairs []merge) int {
	best, least := -1, noMerge
	for i, m := range pairs {
		if m.rank() < least.rank() {
			best, least = i, m
		}
	}
	return best
}

// mergeLong does the same with a heap and a linked list, in n log n steps.
func mergeLong(merges *pairTable, word []symbol) []symbol {
	l := newMergeList(merges, word)
	for len(l.queue) > 0 {
		l.join(l.queue.pop())
	}
	out := word[:0]
	for at := int32(0); at >= 0; at = l.next[at] {
		out = append(out, l.word[at])
	}
	return out
}

// mergeList is a word as a doubly linked list of symbols.
type mergeList struct {
	merges     *pairTable
	word       []symbol // size -1: joined to the one before
	prev, next []int32  // -1 at the ends
	queue      mergeHeap
}

func newMergeList(merges *pairTable, word []symbol) *mergeList {
	n := len(word)
	l := &mergeList{merges: merges, word: word, prev: make([]int32, n), next: make([]int32, n)}
	for i := range word {
		l.prev[i], l.next[i] = int32(i-1), int32(i+1)
	}
	l.next[n-1] = -1
	for i := range word[:n-1] {
		l.propose(int32(i))
	}
	return l
}

// propose queues the pair that begins at the symbol at, if it merges.
func (l *mergeList) propose(at int32) {
	if m := l.pair(at); m != noMerge {
		l.queue.push(uint64(m.rank())<<32 | uint64(at))
	}
}

// pair looks up the merge of the symbol at and the one after it.
func (l *mergeList) pair(at int32) merge {
	if at < 0 || l.word[at].size < 0 || l.next[at] < 0 {
		return noMerge
	}
	return l.merges.get(l.word[at].id, l.word[l.next[at]].id)
}

// join carries out a queued merge, unless what it was queued for has changed.
func (l *mergeList) join(entry uint64) {
	at := int32(uint32(entry))
	m := l.pair(at)
	if m == noMerge || m.rank() != uint32(entry>>32) {
		return
	}
	right := l.next[at]
	l.word[at] = symbol{m.id(), l.word[at].size + l.word[right].size}
	l.word[right].size = -1
	l.next[at] = l.next[right]
	if after := l.next[at]; after >= 0 {
		l.prev[after] = at
	}
	l.propose(l.prev[at])
	l.propose(at)
}

// mergeHeap is a binary heap of rank<<32 | position. (container/heap would
// allocate for every element.)
type mergeHeap []uint64

func (h *mergeHeap) push(entry uint64) {
	*h = append(*h, entry)
	s := *h
	for at := len(s) - 1; at > 0; {
		parent := (at - 1) / 2
		if s[parent] <= s[at] {
			return
		}
		s[parent], s[at] = s[at], s[parent]
		at = parent
	}
}

func (h *mergeHeap) pop() uint64 {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	s = s[:last]
	*h = s
	for at := 0; ; {
		child := 2*at + 1
		if child >= last {
			return top
		}
		if child+1 < last && s[child+1] < s[child] {
			child++
		}
		if s[at] <= s[child] {
			return top
		}
		s[at], s[child] = s[child], s[at]
		at = child
	}
}
