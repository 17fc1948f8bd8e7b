package patching_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/patching"
	"gopherlens/internal/golden"
)

// with is a sweep in which something is changed.
func with(s patching.Sweep, change func(*patching.Sweep)) patching.Sweep {
	change(&s)
	return s
}

// TestErrors checks that sweeps that make no sense are refused and told why.
func TestErrors(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	resid, heads := f.sweep(patching.ResidPre), f.sweep(patching.HeadOutAllPos)
	kind := func(site hooked.Site, over string) patching.Sweep {
		return f.sweep(patching.Kind{Site: site, Over: over})
	}
	from := func(source patching.Source) patching.Sweep {
		return with(resid, func(s *patching.Sweep) { s.Source = source })
	}
	mean := func(m patching.Mean) patching.Sweep { return from(m) }
	measuring := func(metric hooked.Metric) patching.Sweep {
		return with(resid, func(s *patching.Sweep) { s.Metric = metric })
	}
	several := patching.BlockEvery
	several.Over = "layer"
	for want, sweep := range map[string]patching.Sweep{
		"the Sweep has no Kind: give a ready":    kind(hooked.Site{}, ""),
		"the Sweep has no Kind.Site: give":       kind(hooked.Site{}, "layer"),
		"the Sweep has no Kind.Over: give":       kind(hooked.ResidPre, " "),
		"the Sweep has no Base: give the tokens": with(resid, func(s *patching.Sweep) { s.Base = nil }),
		"the Sweep has no Source: give":          from(nil),
		"the Sweep has no Metric: give":          measuring(hooked.Metric{}),
		"leave its Site and Over alone":          f.sweep(several),
		`cannot run over "layer head"`:           kind(hooked.ResidPre, "layer head"),
		`cannot run over "layer pos pos"`:        kind(hooked.ResidPre, "layer pos pos"),
		`cannot run over "layer head kv_head"`:   kind(hooked.AttnK, "layer head kv_head"),
		`must run over "layer" too`:              kind(hooked.ResidPre, "pos"),
		"the model's layers have no such site":   kind(hooked.Embed, "pos"),
		"patching blocks.9.hook_resid_pre":       kind(hooked.ResidPre.At(9), "pos"),
		"the base run: there are no tokens":      with(resid, func(s *patching.Sweep) { s.Base = hooked.Tokens{{}} }),
		"the source: there are no tokens":        from(patching.FromTokens(nil)),
		"as many and as long":                    from(patching.FromTokens(f.clean[:2])),
		"FromCache was given nil":                from(patching.FromCache(nil)),
		"the cache does not hold":                from(patching.FromCache(hooked.Must(f.m.Cache(f.clean, hooked.Names("z"))))),
		"Mean has no Of":                         mean(patching.Mean{Over: "batch"}),
		"Mean has no Over":                       mean(patching.Mean{Of: f.clean}),
		`there is no axis "head"`:                mean(patching.Mean{Of: f.clean, Over: "head"}),
		"axis pos has 3 entries in the referenc": mean(patching.Mean{Of: hooked.Tokens{{1, 2, 3}}, Over: "batch"}),
		"axis batch has 1 entries in the refere": mean(patching.Mean{Of: f.clean[:1], Over: "pos"}),
		"BaseGroups and no Groups":               mean(patching.Mean{Of: f.clean, Over: "batch", BaseGroups: []int{1}}),
		"Mean.Groups has 1 entries for":          mean(patching.Mean{Of: f.clean, Over: "batch", Groups: []int{1}}),
		`without "batch"`:                        mean(patching.Mean{Of: f.clean[:1], Over: "pos", Groups: []int{1}}),
		"groups of 1 prompts and the base has":   mean(patching.Mean{Of: f.clean[:1], Over: "batch", Groups: []int{1}}),
		"of group 7, of which there is no":       mean(patching.Mean{Of: f.clean[:1], Over: "batch", Groups: []int{1}, BaseGroups: groupsOf(f.corrupted, 7)}),
		"the metric looks at position 99, t":     measuring(hooked.NewMetric([]int{99}, nil)),
		"the metric has no function":             measuring(hooked.NewMetric([]int{-1}, nil)),
	} {
		_, err := sweep.Run(f.m)
		refused(t, err, want)
	}
	var none context.Context
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for want, options := range map[string][]patching.Option{
		"does not take OnProgress":           {patching.OnProgress(func(patching.Progress) {})},
		"does not take BatchTokens":          {patching.BatchTokens(7)},
		"BatchTokens(0): want at least 1":    {patching.BatchTokens(0)},
		"OnProgress needs a function":        {patching.OnProgress(nil)},
		"WithContext needs a context":        {patching.WithContext(none)},
		"an option is nil":                   {nil},
		"Ungroup was given twice":            {patching.Ungroup(), patching.Ungroup()},
		"context canceled":                   {patching.WithContext(cancelled)},
		"PaddingSide takes hooked.Left":      {patching.PaddingSide(hooked.Right)},
		"PaddingSide and AttentionMask both": {patching.PaddingSide(hooked.Left), patching.AttentionMask(ones(f.corrupted))},
	} {
		_, err := heads.Attribution(f.m, options...)
		refused(t, err, want)
	}
	_, err := resid.Run(nil)
	refused(t, err, "the model is nil")
	_, err = kind(hooked.AttnScores, "layer head").Attribution(f.m)
	refused(t, err, "the effect is no number")
}

func groupsOf(tokens hooked.Tokens, group int) []int {
	groups := make([]int, len(tokens))
	for i := range groups {
		groups[i] = group
	}
	return groups
}

// TestPathErrors checks the same of paths.
func TestPathErrors(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	good := patching.Path{To: patching.FinalResid(), Base: f.clean, Source: patching.FromTokens(f.corrupted), Metric: f.metric}
	for want, change := range map[string]func(p *patching.Path){
		"path patching: the Path has no To": func(p *patching.Path) { p.To = patching.Receivers{} },
		"the Path has no Base":              func(p *patching.Path) { p.Base = nil },
		"the Path has no Source":            func(p *patching.Path) { p.Source = nil },
		"the Path has no Metric":            func(p *patching.Path) { p.Metric = hooked.Metric{} },
		"heads receive at hook_q":           func(p *patching.Path) { p.To = patching.Heads(hooked.AttnZ, patching.HeadAt{Layer: 1}) },
		"there are no receiving heads":      func(p *patching.Path) { p.To = patching.Heads(hooked.AttnQ) },
		"heads [0] of layer 0 cannot":       func(p *patching.Path) { p.To = patching.Heads(hooked.AttnQ, patching.HeadAt{}) },
		"heads [99] of layer 1 cannot":      func(p *patching.Path) { p.To = patching.Heads(hooked.AttnQ, patching.HeadAt{Layer: 1, Head: 99}) },
	} {
		path := good
		change(&path)
		_, err := path.Run(f.m)
		refused(t, err, want)
	}
	_, err := good.Run(nil)
	refused(t, err, "the model is nil")
}

// TestGridPanics checks that what a grid panics with is an error that hooked.Try returns.
func TestGridPanics(t *testing.T) {
	f := openFixture(t, "gpt2", golden.PureGo(t))
	grid := hooked.Must(f.sweep(patching.HeadOutAllPos).Run(f.m))
	nan := float32(math.NaN())
	var missing *patching.Grid
	for want, f := range map[string]func(){
		"1 indices for a grid of [layer head]":  func() { grid.At(1) },
		`index 9 out of range: axis "head" has`: func() { grid.At(0, 9) },
		"index -1 out of range":                 func() { grid.At(-1, 0) },
		"there is no axis 2":                    func() { grid.AxisLabels(2) },
		"there is no axis -1":                   func() { grid.AxisLabels(-1) },
		"Normalized(1, 1): want":                func() { grid.Normalized(1, 1) },
		"Normalized(0, NaN): want":              func() { grid.Normalized(0, nan) },
		"Normalized(0, +Inf): want":             func() { grid.Normalized(0, float32(math.Inf(1))) },
		"the grid is nil or empty":              func() { missing.At(0) },
	} {
		refused(t, hooked.Try(f), want)
	}
	for name, f := range map[string]func(){
		"shape": func() { missing.Shape() }, "numbers": func() { new(patching.Grid).Float32s() }, "names": func() { missing.AxisNames() },
		"labels": func() { missing.AxisLabels(0) }, "normalized": func() { missing.Normalized(0, 1) },
	} {
		if hooked.Try(f) == nil {
			t.Errorf("%s of a grid that is not there: no error", name)
		}
	}
	if got := missing.String(); got != "nil grid" {
		t.Errorf("a nil grid prints %q", got)
	}
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
}
