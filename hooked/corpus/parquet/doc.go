// Package parquet reads texts from Parquet files: [Files] those on disk, [Dataset] those of a data
// set on the Hugging Face hub, which go-huggingface's package datasets finds and downloads.
//
//	part := parquet.Selection{Split: "train"}
//	texts, err := parquet.Dataset(ctx, "owner/name", part, corpus.Fields{})
//	mixed, err := corpus.ShuffledWithin(texts, 10_000, 1)
//
// Columns are read a page at a time, and only those that are asked for. Reading can begin at any
// row at once, but single rows cannot be had cheaply, so the texts are no corpus.Indexed: shuffle
// them within a window.
//
// It is a package of its own, since the decoders that it links take some megabytes.
package parquet
