// Package dictionary loads, uses and measures sparse dictionaries of a model's activations: sparse
// autoencoders and transcoders.
//
//	d, err := dictionary.Load("google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71")
//	acts, err := d.Features(model, "The Eiffel Tower is in")  // sparse, at all positions
//	logits, cache, err := model.RunWithCache(text, dictionary.Splice(d))
//
// [Load] reads what SAELens 3 to 6, Gemma Scope 1 and 2 and sparsify write; [Dictionary.Save]
// writes what SAELens 6 reads. The kinds are those of SAELens ([Kind]). BatchTopK and Matryoshka
// dictionaries that were saved for use are JumpReLU; as their training class saves them they choose
// among all positions of a run together, and [Dictionary.Inference] makes the former of the latter.
// Which it is, in which layout it was read and which defaults were taken the description says.
//
// # In a run
//
// [Splice] is an edit. What it computes has sites of its own with SAELens' names, so that features
// are read, ablated, steered and differentiated like any activation:
//
//	hooked.Edit(d.Acts(), hooked.Zero(hooked.Along("feature", 123)))           // ablate feature 123
//	hooked.Edit(d.Acts(), hooked.Replace(8.0, hooked.Along("feature", 123)))   // clamp it
//	exact := dictionary.SpliceOptions{ErrorTerm: true}
//	value, cache, grads, err := model.RunWithGradients(text, metric, dictionary.Splice(d, exact))
//
// The gradient at [Dictionary.Acts] times the activation is the feature's attribution. Dictionaries
// at several sites are spliced in together. One that was made for a model without processing must
// be used with one: folding a norm's weights changes mlp.hook_in, and centring the residual stream.
//
// # How good it is
//
// [Dictionary.Measure] runs a model over contexts of package corpus: L0, explained variance, loss
// recovered against zero and mean ablation, how often each feature fires. [Dictionary.Cosines] and
// [Dictionary.LogitAttribution] look at the directions themselves. Package dashboard shows what
// features read and write.
//
// # In graphs
//
// A [Pass] builds a dictionary into any graph with any nodes for its weights, such as variables
// that are trained: package fit trains dictionaries. What sets the kinds apart is a table of graph
// functions in kinds.go.
//
// Sources: SAELens 6.54 for names, layouts and semantics (Bloom et al.); Bricken et al. 2023 and
// Cunningham et al. 2023 for sparse autoencoders; Rajamanoharan et al. 2024 (gated, JumpReLU); Gao
// et al. 2024 (TopK); Bussmann et al. 2024 and 2025 (BatchTopK, Matryoshka); Dunefsky et al. 2024
// (transcoders); Paulo et al. 2025 (skip transcoders); Lieberum et al. 2024 (Gemma Scope); Marks et
// al. 2024 for the error term. A splice differs from SAELens' in one thing: the skip of a skip
// transcoder is part of it.
package dictionary
