package patching_test

import (
	"slices"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// attributions are the fixture's grids: a site and the axes that are told apart.
var attributions = map[string]patching.Kind{
	"attn_out":        {Site: hooked.AttnOut, Over: "layer pos"},
	"mlp_out":         {Site: hooked.MLPOut, Over: "layer pos"},
	"head_out":        {Site: hooked.AttnZ, Over: "layer head"},
	"head_out_by_pos": {Site: hooked.AttnZ, Over: "layer pos head"},
	"head_q":          {Site: hooked.AttnQ, Over: "layer head"},
	"head_k":          {Site: hooked.AttnK, Over: "layer head"},
	"head_v":          {Site: hooked.AttnV, Over: "layer head"},
	"head_pattern":    {Site: hooked.AttnPattern, Over: "layer head"},
}

func TestAttribution(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		for name, kind := range attributions {
			if f.Has("attribution/" + name) {
				got, err := f.sweep(kind).Attribution(f.m)
				f.check(t, "attribution/"+name, got, err, f.gradTol)
			}
		}
		// the fixture's residual stream: before each layer, and after the last
		before := hooked.Must(f.sweep(patching.ResidPre).Attribution(f.m))
		after := hooked.Must(f.sweep(patching.Kind{Site: hooked.ResidPost.At(-1), Over: "pos"}).Attribution(f.m))
		want, _ := f.Floats("attribution/resid")
		golden.Close(t, "attribution/resid", slices.Concat(before.Float32s(), after.Float32s()), want, f.gradTol)
	})
}
