// Package circuits makes attribution graphs: which features of transcoders, and through which
// others, a model's prediction comes of.
//
//	t, err := circuits.Load("transcoders/smollm2")   // or circuits.PerLayer(dictionaries...)
//	r, err := circuits.Replace(model, t)
//	g, err := r.Attribute("The capital of Texas is", circuits.Options{MaxFeatures: 2000})
//	replacement, completeness, err := g.Scores()
//	pruned, err := g.Prune(circuits.NodeThreshold, circuits.EdgeThreshold)
//	doc, err := pruned.Document("texas")             // doc.Save: JSON that Neuronpedia reads
//
// # Transcoders
//
// [Transcoders] stand for a model's MLPs: per-layer ones, of which [Load] reads circuit-tracer's
// files and [PerLayer] takes what package dictionary loads and trains, or cross-layer ones.
// [Neurons] makes some of the neurons of a model with ReLU MLPs. [Transcoders.Save] writes what
// circuit-tracer reads. They are used with the model that they were made for, unprocessed as a
// rule: [Graph.Unexplained] shows what they leave to the errors.
//
// # The graph
//
// In the local replacement model of a prompt the features and what they lack, the errors, write in
// the place of the MLPs, and attention patterns and the denominators of norms are what they are in
// this prompt. All of it is linear between one layer of features and the next: an edge is a product
// of what its source writes with the gradient of what its target reads. The gradients of many
// targets are one program without a forward pass, whose values, the frozen ones and the targets'
// directions, are all run-time inputs: one program serves all batches, and all prompts of the same
// length.
//
// Nodes are the active features, an error for each layer and position, the tokens and the logits,
// see [Graph]; [Graph.Influence] follows all paths, [Graph.Prune] leaves what matters.
//
// # What it claims
//
// [Replacement.Intervene] sets features to other values, in the replacement model, where a graph is
// exact, and in the model itself, where it may be wrong: there patterns, norms and MLPs answer.
//
// Sources: circuit-tracer 0.5.0 (Hanna et al. 2025) for names, formats and semantics; Ameisen et
// al. 2025, "Circuit Tracing: Revealing Computational Graphs in Language Models", for the method;
// Dunefsky et al. 2024 (arXiv:2406.11944) for attribution through transcoders.
package circuits
