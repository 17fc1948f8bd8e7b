package hooked_test

import (
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
)

// TestSelectors records what each form of selector means.
func TestSelectors(t *testing.T) {
	m := newTiny(t, tiny, nil) // two layers, heads not grouped
	inBoth := func(name string) []string { return []string{"blocks.0." + name, "blocks.1." + name} }
	for _, c := range []struct {
		selector hooked.Selector
		want     []string
	}{
		{hooked.AttnZ, inBoth("attn.hook_z")},
		{hooked.AttnZ.At(-1), []string{"blocks.1.attn.hook_z"}},
		{hooked.Embed.At(7), []string{"hook_embed"}},
		{"blocks.0.attn.hook_q", []string{"blocks.0.attn.hook_q"}},
		{"resid_post", inBoth("hook_resid_post")},
		{"pattern", inBoth("attn.hook_pattern")},
		{"k1", []string{"blocks.1.attn.hook_k"}},
		{"scale0ln1", []string{"blocks.0.ln1.hook_scale"}},
		{"resid_pre1", []string{"blocks.1.hook_resid_pre"}},
		{"attn_scores0", []string{"blocks.0.attn.hook_attn_scores"}},
		{"query1", []string{"blocks.1.attn.hook_q"}},
		{"mlp_post1", []string{"blocks.1.mlp.hook_post"}},
		{"attn1", []string{"blocks.1.attn.hook_pattern"}},
		{"z1a", []string{"blocks.1.attn.hook_z"}},
		{"post0m", []string{"blocks.0.mlp.hook_post"}},
		{"normalized", []string{"ln_final.hook_normalized"}},
		{"blocks.*.hook_resid_*", []string{"blocks.0.hook_resid_pre", "blocks.0.hook_resid_mid", "blocks.0.hook_resid_post",
			"blocks.1.hook_resid_pre", "blocks.1.hook_resid_mid", "blocks.1.hook_resid_post"}},
		{"*.hook_result", inBoth("attn.hook_result")}, // optional, so only when written out
		{func(name string) bool { return strings.HasSuffix(name, "hook_v") }, inBoth("attn.hook_v")},
		// in the order of the forward pass, each once
		{[]string{"v1", "v0", "v1"}, inBoth("attn.hook_v")},
		{[]hooked.Site{hooked.AttnQ.At(1), hooked.Embed}, []string{"hook_embed", "blocks.1.attn.hook_q"}},
		{[]hooked.Selector{"q0", hooked.AttnK.At(0)}, []string{"blocks.0.attn.hook_q", "blocks.0.attn.hook_k"}},
	} {
		_, cache, err := m.RunWithCache(hooked.Tokens{{1, 2}}, hooked.Names(c.selector))
		if err != nil {
			t.Errorf("%v: %v", c.selector, err)
			continue
		}
		if got := cache.Names(); !slices.Equal(got, c.want) {
			t.Errorf("%v: recorded %v, want %v", c.selector, got, c.want)
		}
	}
}

// TestBadSelectors names the selector, and the nearest hook where there is one.
func TestBadSelectors(t *testing.T) {
	m := newTiny(t, tiny, nil)
	for want, selector := range map[string]hooked.Selector{
		`unknown hook "blocks.0.attn.hook_patern"; nearest: "blocks.0.attn.hook_pattern"`: "blocks.0.attn.hook_patern",
		`glob "*.hook_nothing" matches no hook`:                                           "*.hook_nothing",
		`glob "blocks.["`:                                                                 "blocks.[",
		"the function matches no hook":                                                    func(string) bool { return false },
		"a selector of type int":                                                          7,
		"site blocks.9.attn.hook_z: layer 9 does not exist":                               hooked.AttnZ.At(9),
		"site blocks.*.attn.hook_rot_q does not exist":                                    hooked.AttnRotQ,
		"the zero Site is no place":                                                       hooked.Site{},
		`hook "k5": layer 5 does not exist`:                                               "k5",
		`hook "resid_pre5": layer 5 does not exist`:                                       "resid_pre5",
		`unknown hook "resid_prre1"; nearest: "resid_pre1"`:                               "resid_prre1",
		`unknown hook "scale1ln4"; nearest: "scale1ln1", "scale1ln2"`:                     "scale1ln4",
		`unknown hook "a1"; nearest: "`:                                                   "a1",
		"a selector is a slice of none":                                                   []hooked.Site{},
		"slice of none: it would select nothing":                                          []hooked.Selector{"k0", []string{}},
	} {
		for what, option := range map[string]hooked.Option{
			"Names":     hooked.Names(selector),
			"Edit":      hooked.Edit(selector, hooked.Zero()),
			"Observe":   hooked.Observe(selector, func(*hooked.Tensor, hooked.Site) {}),
			"Gradients": hooked.Gradients(selector),
		} {
			if _, _, _, err := m.LossWithGradients(hooked.Tokens{{1, 2}}, option); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one with %q", what, err, want)
			}
		}
	}
}

// TestEditOutsideTheRun refuses an edit of a layer that the run does not compute: it would silently
// do nothing.
func TestEditOutsideTheRun(t *testing.T) {
	m := newTiny(t, tiny, nil)
	_, err := m.Run(hooked.Tokens{{1, 2}}, hooked.StopAtLayer(1), hooked.Edit(hooked.AttnZ.At(1), hooked.Zero()))
	if err == nil || !strings.Contains(err.Error(), "none of its sites lies in the layers that this run computes") {
		t.Errorf("error %v", err)
	}
}
