package hooked_test

import (
	"testing"

	"gopherlens/hooked"
)

// TestApplyLNAddsUp checks the notebook's identity: the final residual stream, divided by the
// norm's scale, times the unembedding is the logits (up to b_U), at one position and at all.
func TestApplyLNAddsUp(t *testing.T) {
	forEachCache(t, func(t *testing.T, f *cacheFixture) {
		logits := hooked.Must(f.m.Run(f.tokens))
		wU, bU := hooked.Must(f.m.WU()), hooked.Must(f.m.BU())
		final := f.cache.Get("resid_post", -1)
		all := hooked.Must(f.cache.ApplyLNToStack(final))
		got := all.Einsum("batch pos d, d vocab -> batch pos vocab", wU).Add(bU.Named("vocab"))
		closeTensors(t, "all positions", got, logits, f.tol)

		last := final.At(hooked.All, -1)
		scaled := hooked.Must(f.cache.ApplyLNToStack(last, hooked.Layer(-1), hooked.Pos(-1)))
		got = scaled.Einsum("batch d, d vocab -> batch vocab", wU).Add(bU.Named("vocab"))
		closeTensors(t, "last position", got, logits.At(hooked.All, -1), f.tol)
	})
}

// TestPartialCache checks that a run that records one activation in the middle gives what a whole
// run gives there.
func TestPartialCache(t *testing.T) {
	forEachCache(t, func(t *testing.T, f *cacheFixture) {
		part := hooked.Must(f.m.Cache(f.tokens, hooked.Names(hooked.AttnZ.At(1))))
		closeTensors(t, "hook_z", part.Get("z", 1), f.cache.Get("z", 1), f.tol)
	})
}
