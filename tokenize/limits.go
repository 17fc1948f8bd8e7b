package tokenize

import (
	"fmt"
	"time"
)

// Bounds on what a tokenizer's files may ask for: far above what any known tokenizer
// has, and low enough that no file of a few kilobytes keeps a machine busy.
const (
	maxTokenBytes = 4096    // of a token, a prefix or a replacement; known are some 256
	maxComponents = 256     // normalisers, say, one after the other; known are some 20
	maxNesting    = 16      // sequences inside sequences
	maxTemplate   = 1024    // special tokens around a text
	maxPattern    = 1 << 14 // bytes of a regular expression; known are some 500

	// Normalising and splitting may write this many bytes for each of a text, all
	// steps together, and growthSlack more.
	maxGrowth   = 32
	growthSlack = 1 << 20

	// matchTime bounds the search for one match of a regular expression. All
	// searches in a text take patternTime and patternTimeByte for each byte of it.
	matchTime       = 2 * time.Second
	patternTime     = 5 * time.Second
	patternTimeByte = 20 * time.Microsecond
)

// An allowance is what is left of the bounds for one text. Pieces of the text share it.
type allowance struct {
	size  int       // of the text
	bytes int       // that may still be written
	began time.Time // of the first regular expression
}

func newAllowance(size int) *allowance {
	return &allowance{size: size, bytes: size*maxGrowth + growthSlack}
}

// spend takes n bytes, and reports whether they were left.
func (a *allowance) spend(n int) bool {
	a.bytes -= n
	return a.bytes >= 0
}

// check returns an error once too much was written.
func (a *allowance) check() error {
	if a.bytes >= 0 {
		return nil
	}
	return fmt.Errorf("the steps before the model, or those of the decoder, write more than %d bytes for a text of %d; "+
		"%d for each byte and %d more is allowed", a.size*maxGrowth+growthSlack, a.size, maxGrowth, growthSlack)
}

// startClock begins the time of the regular expressions, unless it runs, and checks it.
func (a *allowance) startClock() error {
	if a.began.IsZero() {
		a.began = time.Now()
	}
	return a.checkTime()
}

// checkTime returns an error once the regular expressions took too long.
func (a *allowance) checkTime() error {
	limit := patternTime + time.Duration(a.size)*patternTimeByte
	if time.Since(a.began) > limit {
		return fmt.Errorf("the regular expressions take more than %v on a text of %d bytes", limit, a.size)
	}
	return nil
}

// checkLength refuses a text of a file that is longer than any token.
func checkLength(what, s string) error {
	if len(s) > maxTokenBytes {
		return fmt.Errorf("%s %q has %d bytes; %d are allowed", what, brief(s), len(s), maxTokenBytes)
	}
	return nil
}
