// Package corpus reads text and gives it as rows of tokens, all of one length: what trainings,
// activation stores and finders of examples go through.
//
//	texts, err := corpus.Package(ctx, "brown")                   // or Files, JSONLines, FromSeq, ...
//	shuffled, err := corpus.Shuffled(texts, 1)
//	rows, err := corpus.ForModel(shuffled, model, corpus.Options{Length: 128})
//	for row, err := range rows.From(0) {                         // or where it was interrupted
//		...
//	}
//
// # Texts
//
// [Texts] are documents in a fixed order: [Files], [JSONLines] (also packed), [FromStrings],
// [FromSeq], the corpora that packages ship ([Package]), and Parquet files and data sets of the hub
// (package hooked/corpus/parquet, which is large and so apart). [Shuffled], [ShuffledWithin] and
// [Split] make texts of texts.
//
// # Rows
//
// [Tokenize] and [ForModel] lay documents out as SAELens does, to the letter. Unless [Options] say
// otherwise a row begins with a BOS, and a BOS stands between two documents that share a row, but
// never two BOS one after the other. What fills no row at the end is left out; [Tokenized.Count]
// says how much that is. tokenize.Tokenizer.TokenizeAndConcatenate is TransformerLens' way.
//
// [Contexts] is that sequence of rows, for whoever reads it. It has a fixed order, can be read
// again from any row, and has a key that says which rows they are, so that work on them can go on
// where it was interrupted. Documents and rows pass through: memory does not grow with the text,
// but for 8 bytes a line of JSON lines. [Batches] are rows as the data of a training.
//
// # What is refused
//
// Text that is not UTF-8, a record without the field, a file that has changed since it was first
// read: the error names the file, and the line. A document without tokens is passed over and
// counted; documents that make no row at all are an error.
package corpus
