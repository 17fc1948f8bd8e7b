package patching

import (
	"gopherlens/hooked"
)

// The functions of this file are TransformerLens' get_act_patch functions, of the same names but
// for the prefix. Each is a [Sweep]: base holds the corrupted tokens, source the clean run, unless
// one wants the opposite direction.

// ResidPre patches the residual stream before each layer: [layer, pos].
func ResidPre(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.ResidPre, "layer pos", base, source, metric, options...)
}

// ResidMid patches the residual stream between attention and MLP: [layer, pos].
func ResidMid(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.ResidMid, "layer pos", base, source, metric, options...)
}

// AttnOut patches what attention writes: [layer, pos].
func AttnOut(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnOut, "layer pos", base, source, metric, options...)
}

// MLPOut patches what the MLPs write: [layer, pos].
func MLPOut(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.MLPOut, "layer pos", base, source, metric, options...)
}

// HeadOutByPos patches single heads' z at single positions: [layer, pos, head].
func HeadOutByPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnZ, "layer pos head", base, source, metric, options...)
}

// HeadQByPos patches single heads' queries at single positions: [layer, pos, head].
func HeadQByPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnQ, "layer pos head", base, source, metric, options...)
}

// HeadKByPos patches single heads' keys at single positions: [layer, pos, head].
func HeadKByPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnK, "layer pos head", base, source, metric, options...)
}

// HeadVByPos patches single heads' values at single positions: [layer, pos, head].
func HeadVByPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnV, "layer pos head", base, source, metric, options...)
}

// HeadPatternByPos patches single heads' patterns at single destinations: [layer, head, dest].
func HeadPatternByPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnPattern, "layer head dest", base, source, metric, options...)
}

// HeadPatternDestSrc patches single entries of single heads' patterns: [layer, head, dest, src].
func HeadPatternDestSrc(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnPattern, "layer head dest src", base, source, metric, options...)
}

// HeadOutAllPos patches single heads' z at all positions: [layer, head].
func HeadOutAllPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnZ, "layer head", base, source, metric, options...)
}

// HeadQAllPos patches single heads' queries at all positions: [layer, head].
func HeadQAllPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnQ, "layer head", base, source, metric, options...)
}

// HeadKAllPos patches single heads' keys at all positions: [layer, head].
func HeadKAllPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnK, "layer head", base, source, metric, options...)
}

// HeadVAllPos patches single heads' values at all positions: [layer, head].
func HeadVAllPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnV, "layer head", base, source, metric, options...)
}

// HeadPatternAllPos patches single heads' patterns: [layer, head].
func HeadPatternAllPos(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return Sweep(m, hooked.AttnPattern, "layer head", base, source, metric, options...)
}

// sweepFunc is any of the functions above.
type sweepFunc func(*hooked.Model, hooked.Tokens, any, hooked.Metric, ...Option) (*Grid, error)

// BlockEvery is [ResidPre], [AttnOut] and [MLPOut] in one grid: [site, layer, pos].
func BlockEvery(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	return each([]string{"resid_pre", "attn_out", "mlp_out"}, []sweepFunc{ResidPre, AttnOut, MLPOut}, m, base, source, metric, options)
}

// headSites label the grids of all of a head's activations, in TransformerLens' order.
var headSites = []string{"z", "q", "k", "v", "pattern"}

// HeadAllPosEvery is all of a head's activations in one grid: [site, layer, head], the sites being
// z, q, k, v and pattern. In a model with grouped queries the rows of k and v end in zeros, unless
// [Ungroup] is given.
func HeadAllPosEvery(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	sweeps := []sweepFunc{HeadOutAllPos, HeadQAllPos, HeadKAllPos, HeadVAllPos, HeadPatternAllPos}
	return each(headSites, sweeps, m, base, source, metric, options)
}

// HeadByPosEvery is [HeadAllPosEvery] for single positions: [site, layer, pos, head].
func HeadByPosEvery(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
	pattern := func(m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options ...Option) (*Grid, error) {
		return Sweep(m, hooked.AttnPattern, "layer dest head", base, source, metric, options...)
	}
	sweeps := []sweepFunc{HeadOutByPos, HeadQByPos, HeadKByPos, HeadVByPos, pattern}
	return each(headSites, sweeps, m, base, source, metric, options)
}

// each stacks the grids of several sweeps, the narrower ones filled up with zeros.
func each(labels []string, sweeps []sweepFunc, m *hooked.Model, base hooked.Tokens, source any, metric hooked.Metric, options []Option) (*Grid, error) {
	grids := make([]*Grid, len(sweeps))
	for i, sweep := range sweeps {
		var err error
		if grids[i], err = sweep(m, base, source, metric, options...); err != nil {
			return nil, err
		}
		last := len(grids[i].axes) - 1
		grids[i] = grids[i].widened(grids[0].labels[last])
		grids[i].axes = grids[0].axes
	}
	return stack("site", labels, grids), nil
}
