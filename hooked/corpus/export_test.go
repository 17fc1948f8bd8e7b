package corpus

// ReadFrom is the row at which reading begins, where a row is asked for.
func (c *Tokenized) ReadFrom(row int) int { return c.need().index.before(row).row }

// IndexFile is where the places of rows are kept.
func (c *Tokenized) IndexFile() string { return c.need().index.path }

// IndexEvery is how many rows lie between two whose places are kept.
func (c *Tokenized) IndexEvery() int { return c.need().index.every }

// Mislead adds a place to the index at which the row is another one.
func Mislead(c *Tokenized) {
	m := mark{c.index.every, place{document: 1, begins: true}, 1}
	c.index.known = append(c.index.known[:1], m)
	c.index.write(m)
}
