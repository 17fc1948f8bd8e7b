package corpus

// ReadFrom is the row at which reading begins, where a row is asked for.
func (c *Tokenized) ReadFrom(row int) int { return c.need().index.before(row).row }

// IndexFile is where the places of rows are kept.
func (c *Tokenized) IndexFile() string { return c.need().index.path }

// IndexEvery is how many rows lie between two whose places are kept.
func (c *Tokenized) IndexEvery() int { return c.need().index.every }
