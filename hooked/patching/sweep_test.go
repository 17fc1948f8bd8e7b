package patching_test

import (
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
)

// actPatches are the kinds, by the names of TransformerLens' functions after get_act_patch_.
var actPatches = map[string]patching.Kind{
	"resid_pre":                      patching.ResidPre,
	"resid_mid":                      patching.ResidMid,
	"attn_out":                       patching.AttnOut,
	"mlp_out":                        patching.MLPOut,
	"attn_head_out_by_pos":           patching.HeadOutByPos,
	"attn_head_q_by_pos":             patching.HeadQByPos,
	"attn_head_k_by_pos":             patching.HeadKByPos,
	"attn_head_v_by_pos":             patching.HeadVByPos,
	"attn_head_pattern_by_pos":       patching.HeadPatternByPos,
	"attn_head_pattern_dest_src_pos": patching.HeadPatternDestSrc,
	"attn_head_out_all_pos":          patching.HeadOutAllPos,
	"attn_head_q_all_pos":            patching.HeadQAllPos,
	"attn_head_k_all_pos":            patching.HeadKAllPos,
	"attn_head_v_all_pos":            patching.HeadVAllPos,
	"attn_head_pattern_all_pos":      patching.HeadPatternAllPos,
	"block_every":                    patching.BlockEvery,
	"attn_head_all_pos_every":        patching.HeadAllPosEvery,
	"attn_head_by_pos_every":         patching.HeadByPosEvery,
}

// TestActPatches compares every ready kind with TransformerLens' function.
func TestActPatches(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		source := patching.FromCache(hooked.Must(f.m.Cache(f.clean, hooked.UngroupKV())))
		for name, kind := range actPatches {
			if f.Has("patch/" + name) {
				got, err := patching.Sweep{Kind: kind, Base: f.corrupted, Source: source, Metric: f.metric}.Run(f.m, patching.Ungroup())
				f.check(t, "patch/"+name, got, err, f.tol)
			}
		}
	})
}
