// Package lens reads what a model computes: the logit lens and tuned lenses, direct logit
// attribution, the OV and QK circuits of heads, head detectors, singular vectors in the vocabulary.
// Everything is built on the exported interface of package hooked, most of it in a few lines, to be
// read and varied.
//
// A [TunedLens] is fitted to a model and used like the logit lens:
//
//	streams := lens.StreamsOf(ctx, model, contexts, lens.StreamConfig{Size: 512, Batch: 16, Skip: 1})
//	tuned, err := lens.FitTunedLens(ctx, model, streams, lens.TunedConfig{Steps: 250})
//	table, err := tuned.Table(cache, 5)                    // as lens.LogitLensTable(cache, 5)
//	plots.LogitLensTable(table, plots.Axes{}).Show()
package lens
