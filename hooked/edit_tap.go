package hooked

import (
	"slices"
	"strings"
	"sync"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/internal/brief"
)

// Tap gives a value inside an edit a name, and makes it a site: it is recorded, observed,
// differentiated and edited like the model's own. Go on with what Tap returns, which is x after the
// edits of that site. axes names the axes of x, separated by blanks, outermost first; axes called
// as the model's are ("batch", "pos", "head") are found by [Pos], [Head] and [PosSlice].
//
//	splice := func(x *graph.Node, s hooked.Site) *graph.Node {
//		acts := hooked.Tap("hook_sae_acts_post", encode(x), "batch pos feature")
//		return decode(acts)
//	}
//	_, cache, err := model.RunWithCache(text, hooked.Edit(hooked.ResidPre.At(5), splice))
//	acts := cache.Get("blocks.5.hook_resid_pre.hook_sae_acts_post")
//
// Sweeps of package patching patch it, too (Edits there). The site's full name is that of the site
// which is edited, a dot, and name, as SAELens has it; [Site.Tap] is the same as a value. A run
// without [Names] records all taps. A selector that no tap answers to is an error that lists those
// that the edits made.
//
// Like other graph functions Tap panics, and the run returns that as its error: outside of an edit,
// in an edit of a gradient, for a name that is empty, has dots or is taken at this site, and for
// axes that do not fit x.
func Tap(name string, x *Node, axes string) *Node {
	return needEditor(x, "Tap(%q)", brief.Text(name)).tapInside(name, x, strings.Fields(axes))
}

// An editing is an edit of a site under way.
type editing struct {
	edit     *edit
	site     Site
	axes     []string
	made     map[Site]bool // the taps that the site's edits have made in this pass
	backward bool          // it is of the gradient
}

// editors are the builders that are calling an edit's function or a metric's, by their graphs: so
// far the only way from a node to what it is part of.
var editors sync.Map // *Graph to *builder

// editorOf is the builder that has called the edit which x is computed in; nil if there is none.
func editorOf(x *Node) *builder {
	if x == nil {
		return nil
	}
	b, _ := editors.Load(x.Graph())
	editor, _ := b.(*builder)
	return editor
}

// during calls f, which calls the function of an edit, or of a metric, which makes no taps.
func (b *builder) during(e editing, f func()) {
	if b.editing = append(b.editing, e); len(b.editing) == 1 {
		editors.Store(b.g, b)
	}
	defer func() {
		if b.editing = b.editing[:len(b.editing)-1]; len(b.editing) == 0 {
			editors.Delete(b.g)
		}
	}()
	f()
}

// busy reports whether an edit is under way: its own taps are not edited by it.
func (b *builder) busy(e *edit) bool {
	return slices.ContainsFunc(b.editing, func(other editing) bool { return other.edit == e })
}

// tapInside makes x a site of the edit that is under way.
func (b *builder) tapInside(name string, x *Node, axes []string) *Node {
	now := b.editing[len(b.editing)-1]
	s := now.site.Tap(name)
	checkTap(name, x, axes)
	switch {
	case now.backward:
		exceptions.Panicf("Tap(%q): an edit of a gradient makes no taps", name)
	case now.made == nil:
		exceptions.Panicf("Tap(%q): a metric makes no taps: it stands inside an edit's function", name)
	case now.made[s]:
		exceptions.Panicf("Tap(%q): %s has a tap of this name already: give the two other names", name, now.site)
	}
	now.made[s] = true
	x = b.throughEdits(s, x, axes)
	b.taps[s] = &tapped{node: x, axes: axes}
	if book := b.plan.taps; book != nil {
		book.note(s)
		if !slices.Contains(b.made, s) {
			b.made = append(b.made, s)
		}
	}
	return x
}

// checkTap panics if a tap cannot have this name or these axes.
func checkTap(name string, x *Node, axes []string) {
	if name == "" || strings.ContainsAny(name, ".*?[]% \t\n/") {
		exceptions.Panicf("Tap(%q): a name is one word without dots, slashes, stars and the like", brief.Text(name))
	}
	if len(axes) != x.Rank() {
		exceptions.Panicf("Tap(%q): %d names of axes (%s) for a value of shape %v: want one for each axis", name, len(axes),
			brief.Names(axes), x.Shape().Dimensions)
	}
	for i, axis := range axes {
		if slices.Contains(axes[:i], axis) {
			exceptions.Panicf("Tap(%q): two axes are called %q", name, brief.Text(axis))
		}
	}
}

// recordedTaps are those of this graph that are results.
func (b *builder) recordedTaps() []Site {
	return filterSites(b.made, func(s Site) bool { return b.plan.taps.records(s) })
}

// differentiatedTaps are those of this graph whose gradients are results.
func (b *builder) differentiatedTaps() []Site {
	return filterSites(b.made, func(s Site) bool {
		return b.plan.taps.differentiates(s) && b.differentiable(s)
	})
}

// differentiable reports whether a tap has a gradient; one of whole numbers that was asked for by
// name is refused.
func (b *builder) differentiable(s Site) bool {
	dtype := b.taps[s].node.DType()
	if !dtype.IsFloat() && b.plan.taps.wants(gradTap, s) {
		exceptions.Panicf("Gradients: the tap %s holds values of type %s, which have no gradient", s, dtype)
	}
	return dtype.IsFloat()
}
