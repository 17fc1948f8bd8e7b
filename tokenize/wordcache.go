package tokenize

import "sync"

// Words repeat: a cache of their tokens saves most of the merging.
const (
	cacheWords   = 1 << 15 // a few megabytes at most
	cacheLongest = 64      // bytes; longer words hardly ever come again
)

// wordCache remembers what words became. When it is full it starts afresh,
// which costs less than keeping track of what was used last.
type wordCache[T any] struct {
	mu    sync.RWMutex
	words map[string][]T
}

func newWordCache[T any]() *wordCache[T] {
	return &wordCache[T]{words: make(map[string][]T)}
}

func (c *wordCache[T]) get(word string) ([]T, bool) {
	c.mu.RLock()
	found, ok := c.words[word]
	c.mu.RUnlock()
	return found, ok
}

func (c *wordCache[T]) put(word string, value []T) {
	if len(word) > cacheLongest {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.words) >= cacheWords {
		clear(c.words)
	}
	// The key must not keep the whole text alive that it is a part of.
	c.words[string([]byte(word))] = value
}
