package hooked

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/internal/brief"
)

// What an edit's function may look at besides the activation that it changes.

// Earlier is the activation, after its edits, of another site of the run, which the forward pass
// has come to before the edit that x is computed in: a transcoder that is spliced in at the MLP's
// output reads the MLP's input.
//
//	hooked.Edit(hooked.MLPOut.At(5), func(x *graph.Node, s hooked.Site) *graph.Node {
//		return transcode(hooked.Earlier("blocks.5.ln2.hook_normalized", x))
//	})
//
// Taps are found by their full names, such as "blocks.5.hook_resid_pre.hook_sae_acts_post".
//
// A metric of a run with gradients reaches all sites, with its logits as x ([NewMetric]); in other
// runs those of the last layers alone.
//
// An edit that is [Intervention.Local] reaches sites of its own layer. A site that is built on
// request is there if the run names it. Like other graph functions Earlier panics, and the run
// returns that as its error: outside of an edit, and where the site was not met.
func Earlier(name string, x *Node) *Node {
	b := needEditor(x, "Earlier(%q)", brief.Text(name))
	s, err := b.siteCalled(name)
	if err != nil {
		panic(err)
	}
	met := b.taps[s]
	switch {
	case met == nil && s.Optional() && !b.wants(s):
		exceptions.Panicf("Earlier(%q): the site is built in runs that name it: add hooked.Names, or an edit of it", s.Name())
	case met == nil:
		exceptions.Panicf("Earlier(%q): the forward pass has not come to it, or did so in another layer than that of a Local edit", s.Name())
	}
	return met.node
}

// siteCalled is a site of the model, or a tap that the forward pass has met, by its full name.
func (b *builder) siteCalled(name string) (Site, error) {
	for s := range b.taps {
		if s.Name() == name {
			return s, nil
		}
	}
	return b.cfg.findSite(name)
}

// TokensOf are the token ids, [batch, pos] int32, of the run whose edit x is computed in. A run
// that begins at a residual stream has none, which is an error.
func TokensOf(x *Node) *Node {
	return needEditor(x, "TokensOf").tokens()
}

// needEditor is the builder that has called the edit which x is computed in; call says who asks.
func needEditor(x *Node, call string, args ...any) *builder {
	b := editorOf(x)
	if b == nil {
		exceptions.Panicf(call+": it stands inside an edit's function, or a metric's, on a node that this computes", args...)
	}
	return b
}
