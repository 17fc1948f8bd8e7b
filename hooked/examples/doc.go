// Package examples finds the pieces of a corpus on which something in a model is most active: a
// neuron, a head, a direction, a feature of a dictionary, or any function of an activation.
//
//	config := examples.Config{Top: 20, Quantiles: 10, PerQuantile: 3}
//	found, err := examples.Find(ctx, model, contexts, config,
//		examples.Neurons(5), examples.Neurons(12, 7, 300))
//	neuron, err := found.Feature("L5N12")
//	neuron.Top[0].Tokens, neuron.Top[0].Activations // what was read, the neuron at each token
//
// # What is measured
//
// A [Measure] is a site and a function of its activation that gives numbers [batch, pos] or [batch,
// pos, feature]. [Neurons], [Entries], [HeadNorms], [HeadProjections] and [Directions] are ready,
// [Of] takes a graph function of the reader's with tensors of its own, such as an encoder's
// weights. Several measures of many features each are read off one pass over the contexts.
//
// The features of a dictionary are entries of the site that it makes when it is spliced in:
//
//	features := examples.Entries(d.Acts(), 123, 4567)
//	config := examples.Config{Top: 20, Edits: []hooked.Option{dictionary.Splice(d)}}
//	found, err := examples.Find(ctx, model, contexts, config, features)
//
// [FindStored] reads activations that were harvested in the place of a model, of sites that the
// store holds.
//
// # What is kept
//
// Of each feature, examples of contexts: a context counts once, at its peak, the position where the
// feature is largest, the first of equal ones. [Config.Top] are the contexts with the largest
// peaks, of equal ones the earlier rows; [Config.Bottom] those with the smallest troughs. An
// example has the tokens, the feature's activation at each of them, the row and the position.
//
// With [Config.Histogram] it is counted how often a feature is how active, in half octaves.
//
// Quantiles are those of a sample drawn evenly from the contexts in which the feature's peak is
// above [Config.Floor]: the Quantiles*PerQuantile rows with the smallest hash of seed and row
// number. Sorted by their peaks they are cut into as many groups. It takes one pass, and the sample
// is the same in whatever order and on however many machines the rows were read. A border between
// groups lies at its quantile q up to a standard deviation of sqrt(q(1-q)/n) for n sampled rows.
//
// # One pass, flat memory, many machines
//
// On the device a batch becomes peaks [batch, feature]; only of the contexts that enter a list the
// activations are brought to the host. Memory depends on the number of features and examples, not
// on the corpus. [Config.Rows] is the part of the contexts that a machine reads, [Merge] joins what
// several have found, in any order, to what one would have found, and [Found.Save] and [Open] carry
// it from one to another.
package examples
