package patching_test

import (
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
)

type sweepFunc = func(*hooked.Model, hooked.Tokens, any, hooked.Metric, ...patching.Option) (*patching.Grid, error)

// actPatches are the functions named after TransformerLens' get_act_patch_...
var actPatches = map[string]sweepFunc{
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

// TestActPatches compares every get_act_patch function with TransformerLens.
func TestActPatches(t *testing.T) {
	forEachFixture(t, func(t *testing.T, f *fixture) {
		source := hooked.Must(f.m.Cache(f.clean, hooked.UngroupKV()))
		for name, sweep := range actPatches {
			if f.Has("patch/" + name) {
				got, err := sweep(f.m, f.corrupted, source, f.metric, patching.Ungroup())
				f.check(t, "patch/"+name, got, err, f.tol)
			}
		}
	})
}
