package tokenize_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gopherlens/tokenize"
)

// withFiles copies a fixture and writes more files beside it.
func withFiles(tb testing.TB, fixture string, files map[string]string) string {
	tb.Helper()
	folder := unpack(tb, fixture)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return folder
}

// Special tokens are a string, an object or null, in either of two files; those of
// special_tokens_map.json go first (see testdata/side, "map against config").
func TestSpecialTokenFiles(t *testing.T) {
	folder := withFiles(t, "trained/llama2", map[string]string{
		"tokenizer_config.json":   `{"bos_token": {"content": "<s>", "lstrip": false}, "pad_token": null}`,
		"special_tokens_map.json": `{"eos_token": "</s>", "unk_token": {"content": "<unk>"}, "bos_token": "</s>"}`,
	})
	tok := load(t, folder)
	bos, _ := tok.BOS()
	eos, _ := tok.EOS()
	pad, _ := tok.Pad()
	unk, _ := tok.Unk()
	if got, want := [4]int{bos, eos, pad, unk}, [4]int{2, 2, 2, 0}; got != want {
		t.Errorf("BOS, EOS, Pad, Unk = %v, want %v", got, want)
	}
}

// The template of tokenizer.json says whether there is a BOS, as in transformers 5 (in 4
// add_bos_token did, for a Llama). TransformerLens wants one in any case: as an id, so
// that the text after it is as it would be.
func TestAddBOSToken(t *testing.T) {
	for _, test := range []struct {
		config   string
		prepends bool
	}{
		{`{"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>"}`, true},
		{`{"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": false}`, true},
		{`{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "add_bos_token": false}`, true},
	} {
		tok := load(t, withFiles(t, "trained/llama2", map[string]string{"tokenizer_config.json": test.config}))
		if got := tok.PrependsBOS(); got != test.prepends {
			t.Errorf("%s: PrependsBOS() = %v, want %v", test.config, got, test.prepends)
		}
		plain, err := tok.Encode("a word")
		if err != nil {
			t.Fatal(err)
		}
		rows, err := tok.ToTokens([]string{"a word"}, tokenize.Options{})
		if err != nil || !slices.Equal(rows[0], append([]int{1}, plain...)) {
			t.Errorf("%s: ToTokens = %v, %v, want a BOS and %v", test.config, rows, err, plain)
		}
	}
}

// OPT has GPT-2's two files, and a configuration that asks for a BOS.
func TestVocabAddBOS(t *testing.T) {
	folder := unpack(t, "gpt2", "tokenizer.json")
	config := []byte(`{"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>", "add_bos_token": true}`)
	if err := os.WriteFile(filepath.Join(folder, "tokenizer_config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	ids, err := load(t, folder).EncodeWithSpecial("Hello world")
	if want := []int{50256, 15496, 995}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("EncodeWithSpecial = %v, %v, want %v", ids, err, want)
	}
}

// A special token that tokenizer.json does not list among the added tokens is found
// in text all the same: here "!", token 0 of GPT-2.
func TestUnlistedSpecialToken(t *testing.T) {
	tok := load(t, withFiles(t, "gpt2", map[string]string{"tokenizer_config.json": `{"pad_token": "!"}`}))
	ids, err := tok.Encode("Hello!!")
	// "!!" is token 3228 otherwise
	if want := []int{15496, 0, 0}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("Encode = %v, %v, want %v", ids, err, want)
	}
}

func TestConfigErrors(t *testing.T) {
	tests := []struct{ fixture, file, text, want string }{
		{"gpt2", "tokenizer_config.json", `{"bos_token": 5}`, "tokenizer_config.json: bos_token: json: cannot unmarshal number"},
		{"gpt2", "tokenizer_config.json", `{"bos_token": ""}`, "tokenizer_config.json: bos_token: an empty token"},
		{"gpt2", "tokenizer_config.json", `{"add_bos_token": "yes"}`, "tokenizer_config.json: add_bos_token: json: cannot unmarshal string"},
		{"gpt2", "tokenizer_config.json", `{"split_special_tokens": "yes"}`, "tokenizer_config.json: split_special_tokens: json"},
		{"gpt2", "tokenizer_config.json", `{"clean_up_tokenization_spaces": 1}`, "tokenizer_config.json: clean_up_tokenization_spaces: json"},
		{"gpt2", "tokenizer_config.json", `{"do_lower_case": "false"}`, "tokenizer_config.json: do_lower_case: json"},
		{"gpt2", "tokenizer_config.json", `{"added_tokens_decoder": {"one": {"content": "x"}}}`, `added_tokens_decoder: the entry "one"`},
		{"gpt2", "tokenizer_config.json", `{"added_tokens_decoder": {"1": {"content": "x", "lstrip": "yes"}}}`, "added_tokens_decoder: json: cannot unmarshal string into Go struct field .lstrip"},
		{"gpt2", "tokenizer_config.json", `{"added_tokens_decoder": {"1": {"content": "x", "turbo": true}}}`, `added_tokens_decoder: json: unknown field "turbo"`},
		{"gpt2", "tokenizer_config.json", `{"additional_special_tokens": [7]}`, "tokenizer_config.json: additional_special_tokens: json"},
		{"gpt2", "tokenizer_config.json", `{"auto_map": {"AutoTokenizer": ["a.B", null]}}`, "auto_map: the tokenizer is code of its repository"},
		{"gpt2", "tokenizer_config.json", `{"tokenizer_class": "AlbertTokenizer", "keep_accents": true}`, "keep_accents: what a AlbertTokenizer makes of it is not known"},
		{"gpt2", "special_tokens_map.json", `{"eos_token": true}`, "special_tokens_map.json: eos_token: json: cannot unmarshal bool"},
		{"gpt2", "special_tokens_map.json", `[]`, "special_tokens_map.json: offset 0"},
		{"gpt2", "added_tokens.json", `{"<tok>": "50257"}`, "added_tokens.json: <tok>: json: cannot unmarshal string"},
		{"gpt2", "added_tokens.json", `{"<tok>": null}`, "added_tokens.json: <tok>: null is no token id"},
		{"trained/llama2", "config.json", `{"model_type": 3}`, "config.json: model_type: json"},
		{"trained/llama2", "tokenizer_config.json", `{"tokenizer_class": "GemmaTokenizer"}`, "tokenizer_class: the normalizer of a GemmaTokenizer is a Replace"},
		{"trained/sp-bpe", "tokenizer_config.json", `{"split_special_tokens": true}`, "split_special_tokens: it is not supported for a sentencepiece model"},
		{"trained/sp-unigram", "tokenizer_config.json", `{"tokenizer_class": "LlamaTokenizer"}`, "tokenizer_class: a LlamaTokenizer leaves out the normaliser of this sentencepiece model"},
		{"trained/sp-unigram", "tokenizer_config.json", `{"legacy": false}`, "legacy: it is not supported for a sentencepiece model that removes blanks"},
		{"trained/sp-bpe", "tokenizer_config.json", `{"sp_model_kwargs": {"enable_sampling": true}}`, "sp_model_kwargs: settings of the sentencepiece library"},
		{"gpt2", "tokenizer_config.json", `{"bos_token"`, "tokenizer_config.json"},
		{"trained/sp-bpe", "tokenizer_config.json", `{"tokenizer_class": "XLMRobertaTokenizer"}`, "what a XLMRobertaTokenizer makes of sentencepiece's ids is not known"},
	}
	for _, test := range tests {
		_, err := tokenize.Load(withFiles(t, test.fixture, map[string]string{test.file: test.text}))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s with %s: error %v, want %q", test.fixture, test.text, err, test.want)
		}
		checkKind(t, err, tokenize.ErrUnsupportedFile)
	}
}

// checkKind tells a file that is not there from one that is refused.
func checkKind(t *testing.T, err, want error) {
	t.Helper()
	for _, kind := range []error{fs.ErrNotExist, tokenize.ErrUnsupportedFile} {
		if got := errors.Is(err, kind); got != (kind == want) {
			t.Errorf("it is %t that this is %q: %v", got, kind, err)
		}
	}
}

func TestLoadErrors(t *testing.T) {
	empty := t.TempDir()
	vocabOnly := unpack(t, "gpt2", "tokenizer.json", "merges.txt")
	unknownClass := unpack(t, "gpt2", "tokenizer.json")
	config := []byte(`{"tokenizer_class": "WhisperTokenizer"}`)
	if err := os.WriteFile(filepath.Join(unknownClass, "tokenizer_config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path, want string
		kind       error
	}{
		{empty, "has none of tokenizer.json, vocab.json, tokenizer.model", fs.ErrNotExist},
		{filepath.Join(empty, "absent"), "no such file", fs.ErrNotExist},
		{vocabOnly, "merges.txt beside it, which does not exist", fs.ErrNotExist},
		{unknownClass, "how a WhisperTokenizer splits text is not known without its tokenizer.json", tokenize.ErrUnsupportedFile},
	} {
		_, err := tokenize.Load(c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Load(%s): error %v, want %q", c.path, err, c.want)
		}
		checkKind(t, err, c.kind)
	}
}

// add_prefix_space of tokenizer_config.json wins: with it, " John" and "John" are
// both token 1757.
func TestAddPrefixSpace(t *testing.T) {
	tok := load(t, withFiles(t, "gpt2", map[string]string{"tokenizer_config.json": `{"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": true}`}))
	for _, text := range []string{"John", " John"} {
		if id, err := tok.ToSingleToken(text); err != nil || id != 1757 {
			t.Errorf("ToSingleToken(%q) = %d, %v, want 1757", text, id, err)
		}
	}
}

// A padded vocabulary: ids that the tokenizer does not have are no text, as in Hugging
// Face's decode ("%&" is its decode([4, 60000, 5])).
func TestDecodeUnknownID(t *testing.T) {
	tok := load(t, unpack(t, "gpt2"))
	if text, err := tok.Decode([]int{4, 60000, 5, 50257}); err != nil || text != "%&" {
		t.Errorf("Decode = %q, %v, want %q", text, err, "%&")
	}
	if text, err := tok.DecodeSkipSpecial([]int{50256, 4, 60000}); err != nil || text != "%" {
		t.Errorf("DecodeSkipSpecial = %q, %v, want %q", text, err, "%")
	}
	if bytes, err := tok.DecodeBytes([]int{4, 60000, 5}); err != nil || string(bytes) != "%&" {
		t.Errorf("DecodeBytes = %q, %v, want %q", bytes, err, "%&")
	}
	if texts, err := tok.StrTokens([]int{4, 60000}); err != nil || !slices.Equal(texts, []string{"%", ""}) {
		t.Errorf("StrTokens = %q, %v", texts, err)
	}
	for _, id := range []int{-1, 1 << 40} {
		_, err := tok.Decode([]int{4, id})
		if err == nil || !strings.Contains(err.Error(), "is no token id; those go from 0 to 2147483647") {
			t.Errorf("Decode(%d): error %v", id, err)
		}
	}
}

// Characters that are not UTF-8 are refused where tokens are made of characters.
func TestInvalidUTF8(t *testing.T) {
	_, err := load(t, unpack(t, "trained/llama2")).Encode("good\xffbad")
	if want := "byte 0xff at offset 4 is not valid UTF-8"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Encode: error %v, want %q", err, want)
	}
	if _, err := load(t, unpack(t, "gpt2")).Encode("good\xffbad"); err != nil {
		t.Errorf("byte-level Encode: %v", err)
	}
}

// One tokenizer serves several goroutines (the race detector watches in CI).
func TestConcurrent(t *testing.T) {
	tok := load(t, unpack(t, "gpt2"))
	cases := readGolden(t, "gpt2").Strings
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for _, c := range cases {
				if ids, err := tok.Encode(c.Text); err != nil || !slices.Equal(ids, c.IDs) {
					t.Errorf("Encode(%q) = %v, %v, want %v", c.Text, ids, err, c.IDs)
				}
			}
		})
	}
	wait.Wait()
}
