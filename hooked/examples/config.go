package examples

import (
	"math"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
)

// Config says what [Find] keeps of each feature, and what it reads. One of Top, Bottom and
// Quantiles must be set.
type Config struct {
	Top    int // contexts with the largest peaks
	Bottom int // contexts with the smallest troughs

	Quantiles   int     // groups of sampled contexts, see [Feature.Quantiles]
	PerQuantile int     // contexts in each
	Floor       float32 // contexts whose peak is not above it are left out of the sample
	AllValues   bool    // no floor: every context is in the sample's range
	Seed        uint64  // of the sample

	// Histogram counts at how many positions each feature has which activation, see
	// [Feature.Histogram]. It brings every activation to the host.
	Histogram bool

	// Around is how many positions on either side of a peak an example has; 0 for the whole
	// context.
	Around int
	// Skip is how many positions at the beginning of each context are not looked at for peaks, such
	// as 1 where a BOS token stands there, which activates much without being read.
	Skip int

	Rows  hooked.Range // which of the contexts are read: from From to before To, or the end if To is 0
	Batch int          // contexts that the model runs on together; 0 for about 2048 tokens

	// Edits are options of the runs: Edit, dictionary.Splice. A measure is of what they make of a
	// site, or of a site that they make. They are not saved; parts that are merged must have had
	// the same. A batch is filled up with its last context: an edit must take each text by itself,
	// which a dictionary.BatchTopK does not (dictionary.Dictionary.Inference makes one of it that
	// does).
	Edits []hooked.Option `json:"-"`

	// Progress, if there is one, is called now and then with the number of contexts read.
	Progress func(contexts int) `json:"-"`
}

// progressEvery is the time between two calls of Config.Progress.
const progressEvery = 100 * time.Millisecond

// batchTokens is how many tokens a batch has unless told otherwise.
const batchTokens = 2048

// settled is the configuration for these contexts, with its defaults.
func (c Config) settled(rows corpus.Contexts) (Config, error) {
	n := rows.Length()
	for _, number := range []struct {
		name  string
		value int
	}{{"Top", c.Top}, {"Bottom", c.Bottom}, {"Quantiles", c.Quantiles}, {"PerQuantile", c.PerQuantile}, {"Around", c.Around},
		{"Skip", c.Skip}, {"Batch", c.Batch}, {"Rows.From", c.Rows.From}, {"Rows.To", c.Rows.To}} {
		if number.value < 0 {
			return c, brief.Errorf("Config.%s is %d: want 0 or more", number.name, number.value)
		}
	}
	switch sampled := c.Quantiles > 0; {
	case c.Top == 0 && c.Bottom == 0 && !sampled:
		return c, brief.Errorf("nothing is to be found: set Config.Top, Bottom or Quantiles")
	case sampled != (c.PerQuantile > 0):
		return c, brief.Errorf("Config.Quantiles is %d and PerQuantile %d: one does nothing without the other", c.Quantiles, c.PerQuantile)
	case !sampled && (c.Floor != 0 || c.AllValues || c.Seed != 0):
		return c, brief.Errorf("Config.Floor, AllValues and Seed would do nothing: they are of the sample that Quantiles asks for")
	case c.AllValues && c.Floor != 0:
		return c, brief.Errorf("Config.Floor is %v and AllValues means that there is none", c.Floor)
	case !(c.Floor >= -math.MaxFloat32 && c.Floor <= math.MaxFloat32):
		return c, brief.Errorf("Config.Floor is %v, no number that a peak can be compared with", c.Floor)
	case c.Skip >= n:
		return c, brief.Errorf("Config.Skip is %d, and contexts have %d tokens: nothing would be looked at", c.Skip, n)
	case c.Rows.To != 0 && c.Rows.To <= c.Rows.From:
		return c, brief.Errorf("Config.Rows is from %d to %d: there is none", c.Rows.From, c.Rows.To)
	}
	c = c.withFloor()
	if c.Batch == 0 {
		c.Batch = max(1, batchTokens/n)
	}
	return c, nil
}

// withFloor has the floor that AllValues means.
func (c Config) withFloor() Config {
	if c.AllValues {
		c.Floor = float32(math.Inf(-1))
	}
	return c
}

// kept is what of the configuration decides the result.
func (c Config) kept() Config {
	c.Rows, c.Batch, c.Edits, c.Progress = hooked.Range{}, 0, nil, nil
	return c
}
