package patching_test

import (
	"slices"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// attributions are the fixture's grids: a site and the axes that are told apart.
var attributions = map[string]struct {
	site hooked.Site
	over string
}{
	"attn_out":        {hooked.AttnOut, "layer pos"},
	"mlp_out":         {hooked.MLPOut, "layer pos"},
	"head_out":        {hooked.AttnZ, "layer head"},
	"head_out_by_pos": {hooked.AttnZ, "layer pos head"},
	"head_q":          {hooked.AttnQ, "layer head"},
	"head_k":          {hooked.AttnK, "layer head"},
	"head_v":          {hooked.AttnV, "layer head"},
	"head_pattern":    {hooked.AttnPattern, "layer head"},
}

func TestAttribution(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		for name, a := range attributions {
			if f.Has("attribution/" + name) {
				got, err := patching.Attribution(f.m, a.site, a.over, f.corrupted, f.clean, f.metric)
				f.check(t, "attribution/"+name, got, err, f.gradTol)
			}
		}
		// the fixture's residual stream: before each layer, and after the last
		before := hooked.Must(patching.Attribution(f.m, hooked.ResidPre, "layer pos", f.corrupted, f.clean, f.metric))
		after := hooked.Must(patching.Attribution(f.m, hooked.ResidPost.At(-1), "pos", f.corrupted, f.clean, f.metric))
		want, _ := f.Floats("attribution/resid")
		golden.Close(t, "attribution/resid", slices.Concat(before.Float32s(), after.Float32s()), want, f.gradTol)
	})
}
