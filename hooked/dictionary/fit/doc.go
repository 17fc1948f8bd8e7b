// Package fit trains sparse dictionaries of a model's activations: what package dictionary then
// uses, measures and saves.
//
//	at := hooked.ResidPost.At(12)
//	where := activations.Config{Folder: "resid12", Sites: at}
//	store, err := activations.Harvest(ctx, model, rows, where)
//	out, err := fit.Run(ctx, fit.FromStore(store, at), fit.Config{
//		Dictionary: dictionary.Config{Kind: dictionary.TopK, Features: 4608, K: 32, RescaleByNorm: true,
//			SubtractBias: true, Normalization: dictionary.AverageOnlyIn},
//		Steps: 1000, Batch: 1024, LearningRate: 1e-3, Clip: 1,
//	})
//	measures, err := out.Dictionary.Measure(ctx, model, heldOut)
//
// It is a package of its own, since package train starts processes and keeps checkpoints, which
// nobody needs who only loads a dictionary.
//
// # What is read
//
// A [Source] gives activations in random order: of a store on disk ([FromStore]), of a buffer that
// is filled by running a model over rows of a corpus ([FromModel]), or of memory ([FromArrays]).
// The activations of the BOS, which lie far from all others, are left out unless asked for.
//
// # What is trained
//
// Standard, gated, JumpReLU, TopK, BatchTopK and Matryoshka dictionaries, and transcoders without a
// skip, with the losses of SAELens 6.54, whose names the terms have ([Point.Terms]). A transcoder's
// source has two sites. [Objective] says how sparse it is to be; what a kind would not read is
// refused. [LargestOfBatch] makes JumpReLU kinds as sparse as is wanted without a search for a
// coefficient.
//
// b_dec begins as the geometric median of the first activations, the encoder as the decoder's
// transpose. With [dictionary.AverageOnlyIn] activations are scaled to a mean norm of sqrt(d_in),
// and the result is for activations as they are. Features that have not been active for
// [Config.DeadAfter] steps are dead: the TopK kinds' auxiliary loss (Gao et al. 2024) and the
// JumpReLU kinds' pre-activation loss (Conerly et al. 2025) bring them back, and a standard
// dictionary's are resampled ([Config.Resample], Bricken et al. 2023). Of the result's decoder the
// directions have norm one, wherever that changes nothing.
//
// # How
//
// A training is one instance of [train.Instances]: its loss is a graph of a [dictionary.Pass] whose
// weights are variables. Folder, Resume, progress and the optimizer are package train's. How long
// each feature has been silent, how often it was active and a BatchTopK's threshold (float64) are
// state of the training, and in its checkpoints.
//
// Sources: SAELens 6.54.12, with which the tests compare loss terms, gradients and five steps of
// its trainer for each kind; Gao et al. 2024 (arXiv:2406.04093), Rajamanoharan et al. 2024
// (arXiv:2404.16014, arXiv:2407.14435), Bussmann et al. 2024 and 2025 (arXiv:2412.06410,
// arXiv:2503.17547), Bricken et al. 2023.
package fit
