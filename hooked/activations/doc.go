// Package activations keeps a model's activations on disk and reads them back: what dictionaries,
// probes and lenses are fitted to.
//
//	store, err := activations.Harvest(ctx, model, contexts, activations.Config{
//		Folder: "resid12",
//		Sites:  hooked.ResidPost.At(12),
//		DType:  hooked.BF16,
//	})
//	defer store.Close()
//	reading := activations.Reading{Size: 4096, Shuffle: true, Seed: 1}
//	for batch, err := range store.Batches(hooked.ResidPost.At(12), reading) {
//		...                                                // batch.Values, [4096, 576]
//	}
//	statistics, err := store.Statistics(hooked.ResidPost.At(12))  // mean, covariance, norms
//
// [Harvest] reads rows of tokens, runs the model up to the last site, and writes shards. Killed or
// interrupted, it goes on where it was when it is called again with the same model, rows and
// settings; what it comes to is bit for bit what an unbroken one comes to. [Open] opens what one
// has written.
//
// # The folder
//
//	index.json                 what was harvested, how, and the shards with their sizes and SHA-256
//	shard-00000.safetensors    tokens [row, pos] and each site [row * pos, ...], the site's own shape
//	statistics.safetensors     sums over all shards, in float64
//
// A shard appears whole or not at all. Each but the last holds as many rows. Names and shapes are
// ordinary: other readers of safetensors read them, too.
//
// # Positions
//
// Only sites of the shape [batch, pos, ...] can be kept, one activation for each token. The first
// position of a row is unlike all others in most models (its norm is a hundred times theirs), so
// readings may leave it out ([Reading.SkipFirst]) and [Statistics] tells both.
package activations
