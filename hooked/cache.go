package hooked

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gopherlens/hooked/internal/axis"
	"gopherlens/internal/brief"
)

// A Cache holds the activations of one run by site, in the order of the forward pass. They stay on
// the device until they are read. Of a run with more than 256 MB of them it holds the residual
// stream before each layer, and computes the others from it, layer by layer, when they are first
// read.
type Cache struct {
	m         *Model
	tokens    Tokens
	mask      [][]int // which of them are real, if some are pads; else nil
	past      int     // positions before them, in the run's key-value cache
	order     []Site
	mu        sync.Mutex // guards what reading changes: at and later
	at        map[Site]*Tensor
	later     map[Site]computing
	noBatch   bool               // the batch axis was removed
	positions []int              // kept by PosSlice; nil for all
	weights   map[string]*Tensor // gradients with respect to weights, see [GradientsOfWeights]
}

var errNilCache = errors.New("the cache is nil: look at the error of the run that should have made it")

// check reports a nil cache.
func (c *Cache) check() error {
	if c == nil || c.m == nil {
		return errNilCache
	}
	return nil
}

// need is c, which must not be nil.
func (c *Cache) need() *Cache {
	if err := c.check(); err != nil {
		fail("%w", err)
	}
	return c
}

// computing computes an activation that a run has recorded and left for later, and perhaps others
// with it.
type computing func(s Site) (map[Site]*Tensor, error)

func newCache(m *Model, tokens Tokens) *Cache {
	return &Cache{m: m, tokens: tokens, at: make(map[Site]*Tensor), later: make(map[Site]computing)}
}

func (c *Cache) add(s Site, t *Tensor) {
	if c.at[s] == nil {
		c.order = append(c.order, s)
	}
	c.at[s] = t
}

// addLater adds an activation that is computed when it is read.
func (c *Cache) addLater(s Site, compute computing) {
	c.order = append(c.order, s)
	c.later[s] = compute
}

// inOrder puts the activations in the order of these sites.
func (c *Cache) inOrder(sites []Site) {
	c.order = filterSites(sites, func(s Site) bool { return c.at[s] != nil || c.later[s] != nil })
}

// tensor is the activation at a site, computed now if it was left for later; nil if the cache does
// not have it.
func (c *Cache) tensor(s Site) (*Tensor, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	compute := c.later[s]
	if c.at[s] != nil || compute == nil {
		return c.at[s], nil
	}
	found, err := compute(s)
	if err != nil {
		return nil, brief.Errorf("computing %s: %w", s, err)
	}
	for site, t := range found {
		if c.at[site] == nil {
			c.at[site] = t
		}
		delete(c.later, site)
	}
	return c.at[s], nil
}

// Model is the model that the run was of.
func (c *Cache) Model() *Model { return c.need().m }

// Len is the number of activations held.
func (c *Cache) Len() int { return len(c.need().order) }

// Sites are the sites held, in the order of the forward pass.
func (c *Cache) Sites() []Site { return slices.Clone(c.need().order) }

// Names are their names.
func (c *Cache) Names() []string {
	return namesOf(c.need().order)
}

// Get is the activation at a site: Get("resid_post", -1), Get("scale", 0, "ln1"),
// Get("blocks.0.attn.hook_q"), Get(hooked.AttnQ.At(3)). It takes what TransformerLens' cache[...]
// takes, a name (string) or a [Site] and after it a layer (int) and a part (string). It panics if
// the cache does not hold it; [Cache.Lookup] returns an error instead.
func (c *Cache) Get(name any, layerAndPart ...any) *Tensor {
	t, err := c.Lookup(name, layerAndPart...)
	if err != nil {
		fail("%w", err)
	}
	return t
}

// Lookup is [Cache.Get] with an error in place of a panic.
func (c *Cache) Lookup(name any, layerAndPart ...any) (*Tensor, error) {
	s, err := c.site(name, layerAndPart)
	if err != nil {
		return nil, err
	}
	t, err := c.tensor(s)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, brief.Errorf("the cache does not hold %s: the run recorded %d other activations (see Names)", s, c.Len())
	}
	return t, nil
}

func (c *Cache) site(name any, layerAndPart []any) (Site, error) {
	if err := c.check(); err != nil {
		return Site{}, err
	}
	return c.m.cfg.oneSite(name, layerAndPart)
}

// Tokens are the token ids that the run read; nil if it read a residual stream.
func (c *Cache) Tokens() Tokens { return c.need().tokens }

// Mask says which of the run's tokens were real (1) and which were pads (0), [batch][pos]; nil if
// none were.
func (c *Cache) Mask() [][]int { return c.need().mask }

// String lists the activations and their shapes, of those that are there already.
func (c *Cache) String() string {
	if c.check() != nil {
		return "nil cache"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cache of %d activations\n", c.Len())
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.order {
		if t := c.at[s]; t != nil {
			fmt.Fprintf(&b, "  %-36s %s\n", s, t.Describe())
		} else {
			fmt.Fprintf(&b, "  %-36s computed when it is read\n", s)
		}
	}
	return b.String()
}

// RemoveBatchDim is the same cache without its batch axis, which must have one entry.
func (c *Cache) RemoveBatchDim() (*Cache, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.noBatch {
		return c, nil
	}
	return c.mapBatch(true, func(t *Tensor) (*Tensor, error) {
		if n := t.Shape()[0]; n != 1 {
			return nil, brief.Errorf("cannot remove the batch axis: it has %d entries", n)
		}
		return t.At(0), nil
	})
}

// SliceBatch is the same cache for some prompts. It takes an index of [Tensor.At], as Python's
// square brackets do: an int drops the batch axis, [All], a [Range] or a []int keeps it.
func (c *Cache) SliceBatch(index any) (*Cache, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.noBatch {
		return nil, brief.Errorf("this cache has no batch axis to slice")
	}
	if len(c.order) == 0 {
		return nil, brief.Errorf("the cache holds no activations to slice")
	}
	_, drops := index.(int)
	out, err := c.mapBatch(drops, func(t *Tensor) (out *Tensor, err error) {
		err = Try(func() { out = t.At(index) })
		return out, err
	})
	if err == nil {
		out.tokens, out.mask = rowsAt(c.tokens, index), rowsAt(c.mask, index)
	}
	return out, err
}

// rowsAt are the rows that an index of [Tensor.At] picks; none of none.
func rowsAt[R ~[][]int](rows R, index any) R {
	n := len(rows)
	if n == 0 {
		return nil
	}
	switch v := index.(type) {
	case int:
		return R{rows[(v+n)%n]}
	case Range:
		from, to := v.From, v.To
		if from < 0 {
			from += n
		}
		if to <= 0 {
			to += n
		}
		return rows[from:to]
	case []int:
		out := make(R, len(v))
		for i, k := range v {
			out[i] = rows[(k+n)%n]
		}
		return out
	}
	return rows
}

func (c *Cache) mapBatch(drops bool, f func(*Tensor) (*Tensor, error)) (*Cache, error) {
	out := newCache(c.m, c.tokens)
	out.noBatch, out.positions, out.mask, out.past = drops, c.positions, c.mask, c.past
	if err := c.readFirst(); err != nil { // so that what is wrong with f shows now
		return nil, err
	}
	for _, s := range c.order {
		if err := out.addMapped(c, s, f); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// addMapped adds f of what another cache has at a site, now or when it is read.
func (c *Cache) addMapped(from *Cache, s Site, f func(*Tensor) (*Tensor, error)) error {
	compute := func(s Site) (map[Site]*Tensor, error) {
		t, err := from.tensor(s)
		if err != nil {
			return nil, err
		}
		if t, err = f(t); err != nil {
			return nil, brief.Errorf("%s: %w", s, err)
		}
		return map[Site]*Tensor{s: t}, nil
	}
	if from.isLater(s) {
		c.addLater(s, compute)
		return nil
	}
	found, err := compute(s)
	if err == nil {
		c.add(s, found[s])
	}
	return err
}

// readFirst has the first activation computed, if it was left for later.
func (c *Cache) readFirst() error {
	if len(c.order) == 0 {
		return nil
	}
	_, err := c.tensor(c.order[0])
	return err
}

// isLater reports whether the activation at a site has still to be computed.
func (c *Cache) isLater(s Site) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.later[s] != nil
}

// trim keeps in a cache the positions that the run asked for, and of keys in a key-value cache
// those that are filled.
func (r *run) trim(c *Cache) error {
	c.positions = r.req.posSlice
	for s, t := range c.at {
		found, err := r.trimmed(map[Site]*Tensor{s: t})
		if err != nil {
			return err
		}
		c.at[s] = found[s]
	}
	for s, compute := range c.later {
		c.later[s] = func(s Site) (map[Site]*Tensor, error) {
			found, err := compute(s)
			if err != nil {
				return nil, err
			}
			return r.trimmed(found)
		}
	}
	if len(r.req.posSlice) > 0 {
		return c.readFirst()
	}
	return nil
}

// trimmed trims activations.
func (r *run) trimmed(found map[Site]*Tensor) (map[Site]*Tensor, error) {
	for s, t := range found {
		if r.plan.kvRoom > 0 {
			t = t.filled(r.in.length)
		}
		if len(r.req.posSlice) > 0 {
			if err := Try(func() { t = t.atPositions(r.req.posSlice) }); err != nil {
				return nil, brief.Errorf("PosSlice: %w", err)
			}
		}
		found[s] = t
	}
	return found, nil
}

// filled drops the keys that the cache has room for and does not hold yet.
func (t *Tensor) filled(n int) *Tensor {
	axis := slices.Index(t.axes, "key")
	if axis < 0 || t.Shape()[axis] == n {
		return t
	}
	return t.slice(axis, Range{0, n})
}

// atPositions keeps some positions of an activation, on the axis of the query where there are two.
func (t *Tensor) atPositions(positions []int) *Tensor {
	if at := axis.Find(t.axes, "pos"); at >= 0 {
		return t.gather(at, positions)
	}
	return t
}
