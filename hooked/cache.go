package hooked

import (
	"fmt"
	"slices"
	"strings"
)

// A Cache holds the activations of one run by site, in the order of the forward pass. They stay on the device until they
// are read.
type Cache struct {
	m         *Model
	tokens    Tokens
	order     []Site
	at        map[Site]*Tensor
	noBatch   bool               // the batch axis was removed
	positions []int              // kept by PosSlice; nil for all
	weights   map[string]*Tensor // gradients with respect to weights, see [GradientsOfWeights]
}

func newCache(m *Model, tokens Tokens) *Cache {
	return &Cache{m: m, tokens: tokens, at: make(map[Site]*Tensor)}
}

func (c *Cache) add(s Site, t *Tensor) {
	if c.at[s] == nil {
		c.order = append(c.order, s)
	}
	c.at[s] = t
}

// holds reports whether t is one of the activations.
func (c *Cache) holds(t *Tensor) bool {
	for _, held := range c.at {
		if held.value == t.value {
			return true
		}
	}
	return false
}

// Len is the number of activations held.
func (c *Cache) Len() int { return len(c.order) }

// Sites are the sites held, in the order of the forward pass.
func (c *Cache) Sites() []Site { return slices.Clone(c.order) }

// Names are their names.
func (c *Cache) Names() []string {
	names := make([]string, len(c.order))
	for i, s := range c.order {
		names[i] = s.Name()
	}
	return names
}

// Get is the activation at a site: Get("resid_post", -1), Get("scale", 0, "ln1"), Get("blocks.0.attn.hook_q"),
// Get(hooked.AttnQ.At(3)). It panics if the cache does not hold it; [Cache.Lookup] returns an error instead.
func (c *Cache) Get(name any, layerAndPart ...any) *Tensor {
	t, err := c.Lookup(name, layerAndPart...)
	if err != nil {
		panic(tensorError{"hooked: " + err.Error()})
	}
	return t
}

// Lookup is [Cache.Get] with an error in place of a panic.
func (c *Cache) Lookup(name any, layerAndPart ...any) (*Tensor, error) {
	s, err := c.site(name, layerAndPart)
	if err != nil {
		return nil, err
	}
	t := c.at[s]
	if t == nil {
		return nil, fmt.Errorf("the cache does not hold %s: the run recorded %d other activations (see Names)", s, c.Len())
	}
	return t, nil
}

func (c *Cache) site(name any, layerAndPart []any) (Site, error) {
	switch v := name.(type) {
	case string:
		return c.m.cfg.findSite(v, layerAndPart...)
	case Site:
		return c.siteOf(v, layerAndPart)
	}
	return Site{}, fmt.Errorf("a cache is indexed by a hook name or a Site, not by %T", name)
}

func (c *Cache) siteOf(s Site, layer []any) (Site, error) {
	if len(layer) == 1 {
		if l, ok := layer[0].(int); ok {
			s = s.At(l)
		}
	}
	found, err := c.m.cfg.resolveSite(s, c.m.cfg.Sites())
	if err != nil {
		return s, err
	}
	if len(found) != 1 {
		return s, fmt.Errorf("%s stands for %d layers: say which, Get(site.At(l))", s, len(found))
	}
	return found[0], nil
}

// Tokens are the token ids that the run read; nil if it read a residual stream.
func (c *Cache) Tokens() Tokens { return c.tokens }

// String lists the activations and their shapes.
func (c *Cache) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "cache of %d activations\n", c.Len())
	for _, s := range c.order {
		fmt.Fprintf(&b, "  %-36s %v\n", s, c.at[s])
	}
	return b.String()
}

// RemoveBatchDim is the same cache without its batch axis, which must have one entry.
func (c *Cache) RemoveBatchDim() (*Cache, error) {
	if c.noBatch {
		return c, nil
	}
	return c.mapBatch(true, func(t *Tensor) (*Tensor, error) {
		if n := t.Shape()[0]; n != 1 {
			return nil, fmt.Errorf("cannot remove the batch axis: it has %d entries", n)
		}
		return t.At(0), nil
	})
}

// SliceBatch is the same cache for some prompts: an int drops the batch axis, a [Range] or a []int keeps it.
func (c *Cache) SliceBatch(index any) (*Cache, error) {
	if c.noBatch {
		return nil, fmt.Errorf("this cache has no batch axis to slice")
	}
	_, drops := index.(int)
	return c.mapBatch(drops, func(t *Tensor) (out *Tensor, err error) {
		err = Try(func() { out = t.At(index) })
		return out, err
	})
}

func (c *Cache) mapBatch(drops bool, f func(*Tensor) (*Tensor, error)) (*Cache, error) {
	out := newCache(c.m, c.tokens)
	out.noBatch, out.positions = drops, c.positions
	for _, s := range c.order {
		t, err := f(c.at[s])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		out.add(s, t)
	}
	return out, nil
}

// trim keeps in a cache the positions that the run asked for, and of keys in a key-value cache those that are filled.
func (j *job) trim(c *Cache) error {
	for _, s := range c.order {
		t := c.at[s]
		if j.plan.kvRoom > 0 {
			t = t.filled(j.kvLength())
		}
		if len(j.req.posSlice) > 0 {
			if err := Try(func() { t = t.atPositions(j.req.posSlice) }); err != nil {
				return fmt.Errorf("PosSlice: %w", err)
			}
		}
		c.at[s] = t
	}
	c.positions = j.req.posSlice
	return nil
}

// kvLength is the number of positions that the run's queries could see.
func (j *job) kvLength() int {
	if kv := j.req.kv; !kv.frozen {
		return kv.length
	}
	return j.req.kv.length + j.pos
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
	for _, name := range []string{"pos", "query", "key"} {
		if axis := slices.Index(t.axes, name); axis >= 0 {
			return t.gather(axis, positions)
		}
	}
	return t
}
