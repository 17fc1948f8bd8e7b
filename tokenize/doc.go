// Package tokenize turns text into the tokens of a language model and back.
//
// Text to tokens is where a silent error does most harm: every later number is
// then about another text. So this package gives the same ids as the model's own
// tokenizer in Hugging Face's tokenizers library, always, or it refuses the file
// and names the component that it does not know.
//
// [Load] reads tokenizer.json, GPT-2's vocab.json with merges.txt, or
// sentencepiece's tokenizer.model, with the files beside them that add or name tokens;
// [FromGGUF] takes the metadata of a GGUF file, [FromWords] the words of a toy model.
// [Tokenizer.Save] writes a tokenizer's files.
//
// A text goes through these steps, each an entry of tokenizer.json:
//
//	added tokens    "<|endoftext|>" and the like are cut out of the text
//	normalizer      rewrites it (Unicode form, lower case, spaces to "▁")
//	pre_tokenizer   cuts it into words
//	model           cuts words into tokens: BPE, Unigram, WordPiece
//	post_processor  puts special tokens around it, on demand
//	decoder         is the way back
//
// [Tokenizer.Encode], [Tokenizer.Decode] and [Tokenizer.Offsets] are that pipeline.
// [Tokenizer.ToTokens], [Tokenizer.ToStrTokens], [Tokenizer.ToSingleToken] and their
// relatives are TransformerLens' text methods, with its rules for the BOS token and
// for padding. [Tokenizer.Chat] makes text and tokens of a conversation by the model's own chat
// template.
//
// Token ids are ints; positions in a text are byte offsets.
package tokenize
