package activations

import (
	"cmp"
	"slices"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/internal/axis"
	"gopherlens/internal/brief"
)

// A Config says what is harvested, and how.
type Config struct {
	Folder string          // of the store; it is made if it is not there
	Sites  hooked.Selector // which activations; sites of the shape [batch, pos, ...]

	// Tokens is how many tokens are harvested at most, rounded down to whole rows; 0 for all rows.
	// A store may be made longer by harvesting more into it.
	Tokens int

	// DType is the precision of the values on disk: [hooked.F32] unless given, [hooked.BF16] or
	// [hooked.F16]. Statistics are of the values as they are kept.
	DType hooked.DType

	// Batch is how many rows the model computes together, Shard how many are in a file, a multiple
	// of Batch. 0 chooses: some thousand tokens, and some 64 MB.
	Batch, Shard int

	// NoCovariance leaves out the covariance of each site. It is left out of sites with more than
	// [MaxCovariance] values, too: it takes 16 times the square of their number in memory.
	NoCovariance bool

	// On computes the shards, such as a fleet of machines; nil for this process. What comes of it
	// is bit for bit the same where the workers have the same backend and processors.
	On Fleet

	// Progress, if not nil, is called after each batch, one call at a time.
	Progress func(Progress)
}

// MaxCovariance is the largest number of values of a site, for one token, of which a covariance is
// kept.
const MaxCovariance = 4096

// What is chosen where a [Config] leaves it open.
const (
	batchTokens = 1024      // large enough to keep two cores busy, small enough for their caches
	shardBytes  = 64 << 20  // what a killed harvest computes again at most
	batchBytes  = 128 << 20 // of recorded activations: beyond 256 MB a run computes its layers twice
)

// A Site is a place whose activations a store keeps.
type Site struct {
	Name  string   `json:"name"`  // TransformerLens' hook name
	Axes  []string `json:"axes"`  // of one token's activation: ["head", "d_head"]
	Shape []int    `json:"shape"` // their sizes
}

// Width is the number of values of one token.
func (s Site) Width() int {
	n := 1
	for _, size := range s.Shape {
		n *= size
	}
	return n
}

// SitesOf are the sites that a selector means in a model, as a store would keep them; an error for
// sites that are not [batch, pos, ...].
func SitesOf(m *hooked.Model, selector hooked.Selector) (kept []Site, err error) {
	failed := hooked.Try(func() { _, kept, err = sitesOf(m.Config(), selector) })
	return kept, cmp.Or(failed, err)
}

// sitesOf are the sites that a selector means, with their shapes.
func sitesOf(c hooked.Config, selector hooked.Selector) ([]hooked.Site, []Site, error) {
	if selector == nil {
		return nil, nil, brief.Errorf("Config.Sites is empty: say what to keep, such as hooked.ResidPost.At(12)")
	}
	found, err := c.Select(selector)
	if err != nil {
		return nil, nil, brief.Errorf("Config.Sites: %w", err)
	}
	kept := make([]Site, len(found))
	for i, s := range found {
		if kept[i], err = siteOf(c, s); err != nil {
			return nil, nil, err
		}
	}
	return found, kept, nil
}

// siteOf is a site with the shape of one token's activation.
func siteOf(c hooked.Config, s hooked.Site) (Site, error) {
	axes := s.Axes()
	if len(axes) < 3 || axes[0] != "batch" || !axis.IsPosition(axes[1]) || slices.ContainsFunc(axes[2:], axis.IsPosition) {
		return Site{}, brief.Errorf("%s has axes %v: only sites [batch pos ...] have an activation for each token that could be kept", s, axes)
	}
	sizes := map[string]int{"head": c.NHeads, "kv_head": c.NKeyValueHeads, "d_model": c.DModel, "d_head": c.DHead, "d_mlp": c.DMLP, "1": 1,
		"expert": c.NExperts, "slot": c.ExpertsPerToken, "d_expert": c.DExpert}
	out := Site{Name: s.Name(), Axes: axes[2:]}
	for _, name := range out.Axes {
		size, ok := sizes[name]
		if !ok {
			return Site{}, brief.Errorf("%s has an axis %q, whose size is not known beforehand: it cannot be kept", s, name)
		}
		out.Shape = append(out.Shape, size)
	}
	return out, nil
}

// settled is the configuration with its defaults, for rows of so many tokens.
func (c Config) settled(length int, sites []Site) (Config, error) {
	if c.DType == "" {
		c.DType = hooked.F32
	}
	codec, ok := codecs[c.DType]
	if !ok {
		return c, brief.Errorf("Config.DType is %q: want %s, %s or %s", c.DType, hooked.F32, hooked.BF16, hooked.F16)
	}
	width := 0
	for _, s := range sites {
		width += s.Width()
	}
	if c.Batch == 0 {
		c.Batch = max(1, min(batchTokens, batchBytes/(4*width))/length)
	}
	if c.Shard == 0 {
		c.Shard = max(1, shardBytes/(codec.size*width*length*c.Batch)) * c.Batch
	}
	switch {
	case c.Batch < 0:
		return c, brief.Errorf("Config.Batch is %d: want the number of rows of a run", c.Batch)
	case c.Shard < 0 || c.Shard%c.Batch != 0:
		return c, brief.Errorf("Config.Shard is %d rows and Config.Batch %d: want a multiple of it", c.Shard, c.Batch)
	case c.Tokens < 0 || c.Tokens > 0 && c.Tokens < length:
		return c, brief.Errorf("Config.Tokens is %d: want at least one row of %d, or 0 for all", c.Tokens, length)
	}
	return c, nil
}

// check refuses what no harvest can begin with.
func (c Config) check(m *hooked.Model, contexts corpus.Contexts) error {
	switch {
	case m == nil:
		return brief.Errorf("the model is nil: look at the error of the call that should have made it")
	case contexts == nil:
		return brief.Errorf("there are no contexts: give rows of tokens, such as corpus.FromTokens makes")
	case c.Folder == "":
		return brief.Errorf("Config.Folder is empty: name the folder that is to hold the activations")
	case contexts.Length() < 1:
		return brief.Errorf("the contexts have rows of %d tokens", contexts.Length())
	}
	return nil
}
