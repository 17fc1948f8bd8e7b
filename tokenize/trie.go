package tokenize

// A trie finds the vocabulary's tokens that a text begins with. Its edges lie in
// one hash table, from (node, byte) to node: compact, and quick to build.
type trie struct {
	edges *pairTable
	ids   []int32 // of the token that ends at a node, -1 for none
}

// newTrie makes a trie of the tokens of v that keep accepts.
func newTrie(v *vocab, keep func(id int) bool) *trie {
	total := 0
	for token := range v.ids {
		total += len(token)
	}
	t := emptyTrie(total)
	for token, id := range v.ids {
		if keep(id) {
			t.add(token, int32(id))
		}
	}
	return t
}

// emptyTrie makes a trie with room for tokens of so many bytes; it grows.
func emptyTrie(bytes int) *trie { return &trie{edges: newPairTable(bytes), ids: []int32{-1}} }

func (t *trie) add(token string, id int32) {
	node := int32(0)
	for i := range len(token) {
		next := t.edges.get(node, int32(token[i]))
		if next == noMerge {
			next = newMerge(0, len(t.ids))
			t.edges.set(node, int32(token[i]), next)
			t.ids = append(t.ids, -1)
		}
		node = next.id()
	}
	t.ids[node] = id
}

// root is the node where every text begins.
const root = int32(0)

// node returns where the text s leads from the root, -1 if no token begins with it.
func (t *trie) node(s string) int32 {
	node := root
	for i := range len(s) {
		next := t.edges.get(node, int32(s[i]))
		if next == noMerge {
			return -1
		}
		node = next.id()
	}
	return node
}

// longest returns the longest token that s, after what leads to a node, begins with;
// -1 if there is none.
func (t *trie) longest(node int32, s string) (id int32, size int) {
	id = -1
	t.each(node, s, func(found int32, n int) { id, size = found, n })
	return id, size
}

// each calls found with every token that s, after what leads to a node, begins with,
// the shortest first.
func (t *trie) each(node int32, s string, found func(id int32, size int)) {
	for i := range len(s) {
		next := t.edges.get(node, int32(s[i]))
		if next == noMerge {
			return
		}
		node = next.id()
		if t.ids[node] >= 0 {
			found(t.ids[node], i+1)
		}
	}
}
