// Package patching finds out which activations matter: it replaces one after the other in a run by
// that of another run, and measures what this does to the output.
//
// A [Sweep] has a kind, which is a site and the axes to run over; a base run in which things are
// replaced; a source of the replacements; and a metric. Every get_act_patch function of
// TransformerLens is a kind: [ResidPre], [HeadOutAllPos] and so on. With the corrupted prompts as
// base and the clean ones as source a sweep is denoising, which is TransformerLens' direction: what
// restores the answer? The other way round it is noising: what breaks it?
//
// [Edits] are in every run of a sweep, and their taps ([hooked.Tap]) are sites to patch: the
// latents of a dictionary that is spliced into the model, for one.
//
// [Sweep.Attribution] approximates a sweep by gradients in two runs. A [Path] replaces what one
// head tells another and nothing else.
//
// # Why sweeps are fast
//
// A patch of layer l at position p changes nothing in the layers below l nor at the positions
// before p: these are taken from the base run. Where source and base agree, as they do before the
// first token in which the prompts differ, there is nothing to compute at all. What is left of all
// patches is computed together in large batches, layer by layer, with one compiled block whose
// weights are inputs; and logits are computed only at the positions where the metric looks.
package patching
