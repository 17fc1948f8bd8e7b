package patching_test

import (
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
)

func TestPathPatch(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		var heads []patching.HeadAt
		for _, r := range f.receivers {
			heads = append(heads, patching.HeadAt{Layer: r[0], Head: r[1]})
		}
		for name, to := range map[string]patching.Receivers{
			"to_final_resid_post": patching.FinalResid(),
			"to_heads_q":          patching.Heads(hooked.AttnQ, heads...),
			"to_heads_k":          patching.Heads(hooked.AttnK, heads...),
			"to_heads_v":          patching.Heads(hooked.AttnV, heads...),
		} {
			if f.Has("path_patch/" + name) {
				got, err := patching.Path{To: to, Base: f.clean, Source: patching.FromTokens(f.corrupted), Metric: f.metric}.Run(f.m)
				f.check(t, "path_patch/"+name, got, err, f.tol)
			}
		}
	})
}
