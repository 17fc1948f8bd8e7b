// Package dashboard shows what the features of a dictionary read and write: as a figure of one, and
// as a page of all, which is one file that needs no network.
//
//	found, err := dashboard.WritePage(ctx, "features.html", model, d, contexts, dashboard.Config{})
//	data, err := dashboard.Feature(model, d, found, 123)
//	plots.Feature(data, plots.Axes{Unit: "activation"}).Show()
//
// [Find] looks for the examples on which features are most active in contexts, and [FindStored] in
// activations that were harvested; what they find can be saved and opened ([examples.Found.Save]),
// and joined from several machines ([examples.Merge]). [WriteFound] makes a page of it.
//
// Densities and histograms are of the positions of the contexts that were read.
package dashboard
