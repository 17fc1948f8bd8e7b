package hooked

import (
	"math/bits"
	"slices"
	"strings"

	"gopherlens/hooked/internal/axis"
	"gopherlens/internal/brief"
)

// A StackOption says what a decomposition of the residual stream is to hold: [Layer], [Pos],
// [Prompt], [Neuron], [ProjectOnto], or one of the constants below. One position or prompt drops
// its axis, as an int index does in Python; several keep it.
type StackOption interface{ setStack(*stackRequest) }

// StackFlag is a [StackOption] that is either given or not.
type StackFlag uint

// The flags. Each method of [Cache] says which it takes.
const (
	IncludeMid StackFlag = 1 << iota // the stream between attention and MLP too
	// up to what the layer's MLP reads, not only to what its attention reads
	MLPInput
	// divided by the norm that reads the stream there: see [Cache.ApplyLNToStack]
	ApplyLN
	OnlyAttn         // of the layers, what attention writes
	OnlyMLP          // of the layers, what the MLPs write
	NoEmbeds         // without the embeddings
	IncludeRemainder // with a last entry that makes the sum exact
	WholeMLPs        // MLPs as one entry each, not neuron by neuron
)

var stackFlagNames = []string{"IncludeMid", "MLPInput", "ApplyLN", "OnlyAttn", "OnlyMLP", "NoEmbeds", "IncludeRemainder", "WholeMLPs"}

// String names the flags.
func (f StackFlag) String() string {
	var names []string
	for i, name := range stackFlagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " | ")
}

// Layer means the residual stream before layer l. All layers, which Layer(-1) says too, are meant
// where none is given.
func Layer(l int) StackOption { return layerOption(l) }

// ProjectOnto contracts each entry with a direction [d_model], [batch, d_model] or [batch, pos,
// d_model], in place of returning vectors. The direction meets the weights first, so that entries
// by the ten thousand never exist as vectors.
func ProjectOnto(direction *Tensor) StackOption { return projection{direction} }

type (
	layerOption int
	projection  struct{ direction *Tensor }
)

// stackRequest is what the options say together.
type stackRequest struct {
	layer     int // the entries lie before this layer; the number of layers for all
	flags     StackFlag
	entries   []Entries
	direction *Tensor
	incorrect any // of LogitAttrs
}

func (f StackFlag) setStack(r *stackRequest)   { r.flags |= f }
func (l layerOption) setStack(r *stackRequest) { r.layer = int(l) }
func (p projection) setStack(r *stackRequest)  { r.direction = p.direction }
func (e Entries) setStack(r *stackRequest)     { r.entries = append(r.entries, e) }

func (r *stackRequest) has(f StackFlag) bool { return r.flags&f != 0 }

// stackTakes is what a method understands of the options.
type stackTakes struct {
	flags      StackFlag
	axes       []string // of entries
	projection bool
	incorrect  bool
}

// stackRequest reads the options of a method called name and refuses those that mean nothing to it.
func (c *Cache) stackRequest(name string, takes stackTakes, options []StackOption) (*stackRequest, error) {
	if err := c.check(); err != nil {
		return nil, brief.Errorf("%s: %w", name, err)
	}
	r := &stackRequest{layer: -1}
	for i, o := range options {
		if o == nil {
			return nil, brief.Errorf("%s: option %d is nil", name, i)
		}
		o.setStack(r)
	}
	if unknown := r.flags &^ takes.flags; unknown != 0 {
		return nil, brief.Errorf("%s does not take %s; it takes %s", name, unknown, takes.flags)
	}
	for _, e := range r.entries {
		if !slices.Contains(takes.axes, e.axis) {
			return nil, brief.Errorf("%s does not take %s: only entries of %v", name, e, takes.axes)
		}
		if len(e.spans) == 0 {
			return nil, brief.Errorf("%s: %s picks nothing", name, e)
		}
	}
	if r.direction != nil && !takes.projection {
		return nil, brief.Errorf("%s does not take ProjectOnto", name)
	}
	if r.incorrect != nil && !takes.incorrect {
		return nil, brief.Errorf("%s does not take IncorrectTokens", name)
	}
	if bits.OnesCount(uint(r.flags&(OnlyAttn|OnlyMLP))) == 2 {
		return nil, brief.Errorf("%s: OnlyAttn and OnlyMLP exclude each other", name)
	}
	return r, c.resolveLayer(name, r)
}

func (c *Cache) resolveLayer(name string, r *stackRequest) error {
	n := c.m.cfg.NLayers
	if r.layer < -1 || r.layer > n {
		return brief.Errorf("%s: Layer(%d) of a model with %d layers: want 0 to %d, or -1 for all", name, r.layer, n, n)
	}
	if r.layer == -1 {
		r.layer = n
	}
	if r.layer == n && r.has(MLPInput) {
		return brief.Errorf("%s: MLPInput needs Layer(l) with l below %d: there is no MLP after the last layer", name, n)
	}
	return nil
}

// picked is the tensor at the entries that the request picks: one entry drops its axis. Entries of
// axes that the tensor does not have are left aside.
func (r *stackRequest) picked(t *Tensor) *Tensor {
	for _, e := range r.entries {
		if e.axis == "d_mlp" { // neurons are picked with their weights
			continue
		}
		if at := axis.Find(t.axes, e.axis); at >= 0 {
			t = t.pickEntries(at, e)
		}
	}
	return t
}

// pickEntries keeps the entries of an axis. A single index drops it.
func (t *Tensor) pickEntries(axis int, e Entries) *Tensor {
	indices := e.list(t.Shape()[axis])
	if len(indices) == 1 && !e.ranged {
		return t.pick(axis, indices[0])
	}
	return t.gather(axis, indices)
}

// of are the entries that the request picks of an axis, and whether it picks any.
func (r *stackRequest) of(axis string) (Entries, bool) {
	for _, e := range r.entries {
		if e.axis == axis {
			return e, true
		}
	}
	return Entries{}, false
}
