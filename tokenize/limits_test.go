package tokenize_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopherlens/tokenize"
)

// patience is how long any of the inputs here may take. Without bounds they take
// minutes to ages, or more memory than there is.
const patience = 20 * time.Second

// within runs f and fails if it takes too long.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	began := time.Now()
	f()
	if took := time.Since(began); took > patience {
		t.Errorf("%s took %v", what, took)
	}
}

// loadText loads a tokenizer.json.
func loadText(tb testing.TB, file string) (*tokenize.Tokenizer, error) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "tokenizer.json")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		tb.Fatal(err)
	}
	return tokenize.Load(path)
}

// fileWith is a tokenizer.json with a model of two words and other entries.
func fileWith(entries string) string {
	return `{"version": "1.0", ` + entries + `, "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "a": 1, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab": 2}, "unk_token": "<unk>"}}`
}

// sequenceOf is a Sequence of n equal components.
func sequenceOf(members string, n int, one string) string {
	return `{"type": "Sequence", "` + members + `": [` + strings.Repeat(one+",", n-1) + one + `]}`
}

// nested is a Sequence in n others.
func nested(members string, n int, one string) string {
	return strings.Repeat(`{"type": "Sequence", "`+members+`": [`, n) + one + strings.Repeat("]}", n)
}

const slowRegex = `{"Regex": "(a+)+$"}`

// hostileFiles are tokenizers that would run for ever or fill the memory, at load, in
// encoding text, or in decoding the ids 1 and 2.
var hostileFiles = []struct{ name, file, text, want string }{
	{"slow pattern at load", fileWith(`"added_tokens": [{"id": 5, "content": "` + strings.Repeat("a", 40) + `b", "normalized": true}],
		"normalizer": {"type": "Replace", "pattern": ` + slowRegex + `, "content": "b"}`), "",
		`pattern "(a+)+$" takes more than 2s to find one match in a text of 41 bytes`},
	{"slow pattern in a normaliser", fileWith(`"normalizer": {"type": "Replace", "pattern": ` + slowRegex + `, "content": "b"}`),
		strings.Repeat("a", 40) + "b", `pattern "(a+)+$" takes more than 2s`},
	{"slow pattern in a split", fileWith(`"pre_tokenizer": {"type": "Split", "pattern": ` + slowRegex + `, "behavior": "Isolated", "invert": false}`),
		strings.Repeat("a", 40) + "b", `pattern "(a+)+$" takes more than 2s`},
	{"slow pattern in a decoder", fileWith(`"decoder": {"type": "Replace", "pattern": ` + slowRegex + `, "content": "b"}`), "a",
		`pattern "(a+)+$" takes more than 2s`},
	{"long pattern", fileWith(`"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "` + strings.Repeat("(", 1<<15) + `"}, "behavior": "Isolated", "invert": false}`), "",
		"has 32768 bytes; 16384 are allowed"},
	{"growth in normalisers", fileWith(`"normalizer": ` + sequenceOf("normalizers", 40, `{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}`)), "a",
		"write more than 1048608 bytes for a text of 1"},
	{"growth in one normaliser", fileWith(`"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "` + strings.Repeat("b", 4096) + `"}`),
		strings.Repeat("a", 1<<16), "write more than 3145728 bytes for a text of 65536"},
	{"growth at load", fileWith(`"added_tokens": [{"id": 5, "content": "a", "normalized": true}],
		"normalizer": ` + sequenceOf("normalizers", 40, `{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}`)), "",
		`added token "a": the steps before the model`},
	{"growth in pre-tokenizers", fileWith(`"pre_tokenizer": ` + sequenceOf("pretokenizers", 60, `{"type": "ByteLevel", "add_prefix_space": true, "use_regex": false}`)), "aé",
		"write more than 1048672 bytes"},
	{"growth in decoders", fileWith(`"decoder": ` + sequenceOf("decoders", 40, `{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}`)), "a",
		"write more than"},
	{"growth by an empty suffix", fileWith(`"decoder": ` + sequenceOf("decoders", 40, `{"type": "BPEDecoder", "suffix": ""}`)), "a",
		"write more than"},
	{"many components", fileWith(`"normalizer": ` + sequenceOf("normalizers", 5000, `{"type": "NFC"}`)), "",
		"normalizer: 5000 components; 256 are allowed"},
	{"deep nesting", fileWith(`"normalizer": ` + nested("normalizers", 480, `{"type": "NFC"}`)), "",
		"normalizer: sequences are nested more than 16 deep"},
	{"deep nesting of decoders", fileWith(`"decoder": ` + nested("decoders", 480, `{"type": "Fuse"}`)), "",
		"decoder: sequences are nested more than 16 deep"},
	{"long template", fileWith(`"post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}},` +
		strings.Repeat(`{"SpecialToken": {"id": "a", "type_id": 0}},`, 7999) + `{"SpecialToken": {"id": "a", "type_id": 0}}],
		"pair": [], "special_tokens": {"a": {"id": "a", "ids": [1` + strings.Repeat(",1", 9999) + `], "tokens": ["a"]}}}`), "",
		"post_processor: more than 9999 special tokens around a text; 1024 are allowed"},
	{"long replacement", fileWith(`"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "` + strings.Repeat("b", 5000) + `"}`), "",
		"has 5000 bytes; 4096 are allowed"},
	{"long text to prepend", fileWith(`"normalizer": {"type": "Prepend", "prepend": "` + strings.Repeat("b", 5000) + `"}`), "",
		"has 5000 bytes; 4096 are allowed"},
	{"long added token", fileWith(`"added_tokens": [{"id": 5, "content": "` + strings.Repeat("a", 100_000) + `"}]`), "",
		"has 100000 bytes; 4096 are allowed"},
	{"long piece", `{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["` + strings.Repeat("a", 100_000) + `", -1]]}}`, "",
		"has 100000 bytes; 4096 are allowed"},
	{"endless strip", fileWith(`"decoder": {"type": "Strip", "content": "x", "start": 1000000000000000000, "stop": 1000000000000000000}`), "a", ""},
	{"negative strip", fileWith(`"decoder": {"type": "Strip", "content": "x", "start": -1, "stop": 0}`), "a", "cannot unmarshal number -1 into Go struct field strip.start"},
	{"blanks with lstrip", fileWith(`"added_tokens": [{"id": 5, "content": " ", "lstrip": true}]`), strings.Repeat(" ", 300_000), ""},
	{"blanks with rstrip", fileWith(`"added_tokens": [{"id": 5, "content": " ", "rstrip": true}]`), strings.Repeat(" ", 300_000), ""},
	{"blanks with both", fileWith(`"added_tokens": [{"id": 5, "content": " ", "lstrip": true, "rstrip": true}]`), strings.Repeat(" ", 300_000), ""},
	{"the start of a token", fileWith(`"added_tokens": [{"id": 5, "content": "` + strings.Repeat("a", 4095) + `b"}]`), strings.Repeat("a", 20_000), ""},
	{"long word for WordPiece", `{"model": {"type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": "##", "max_input_chars_per_word": 1000000000,
		"vocab": {"<unk>": 0, "a": 1, "##a": 2, "##` + strings.Repeat("a", 3000) + `b": 3}}}`, strings.Repeat("a", 20_000), ""},
	{"long word for Unigram", `{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1], ["` + strings.Repeat("a", 4000) + `", -1]]}}`, strings.Repeat("a", 20_000), ""},
}

func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for _, test := range hostileFiles {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			within(t, test.name, func() {
				tok, err := loadText(t, test.file)
				if err == nil {
					_, err = tok.Encode(test.text)
				}
				if err == nil {
					_, err = tok.Decode([]int{1, 2})
				}
				if message := fmt.Sprint(err); (err != nil) != (test.want != "") || !strings.Contains(message, test.want) || len(message) > 600 {
					t.Errorf("error %.600s, want %q", message, test.want)
				}
			})
		})
	}
}

// Side files of forty thousand tokens, names or special tokens load in time.
func TestLargeSideFiles(t *testing.T) {
	t.Parallel()
	many := func(entry string) string {
		entries := make([]string, 40_000)
		for i := range entries {
			entries[i] = fmt.Sprintf(entry, i)
		}
		return strings.Join(entries, ",")
	}
	for name, text := range map[string]string{
		"added_tokens.json":       "{" + many(`"<tok%[1]d>": %[1]d`) + "}",
		"special_tokens_map.json": "{" + many(`"t%[1]d_token": "<tok%[1]d>"`) + "}",
		"tokenizer_config.json":   `{"additional_special_tokens": [` + many(`"<tok%d>"`) + "]}",
	} {
		within(t, name, func() {
			tok := load(t, withFiles(t, "trained/words", map[string]string{name: text}))
			ids, err := tok.Encode("<tok39999><tok20000>")
			if err != nil || len(ids) != 2 || ids[0]-ids[1] != 19_999 {
				t.Errorf("%s: Encode = %v, %v", name, ids, err)
			}
		})
	}
}

// The bounds let through what is long and ordinary: a megabyte of text, one word of
// 100,000 characters, as many blanks, marks or unknown characters. o200k's pattern is
// for regexp2, t5 and bert-uncased rewrite most of the text several times.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"ordinary": strings.Repeat("The quick brown fox, aged 1234, doesn't jump over lazy dogs.\n", 1<<20/61),
		"word":     strings.Repeat("a", 100_000),
		"blanks":   strings.Repeat(" ", 100_000) + "x",
		"lines":    strings.Repeat("\n ", 50_000),
		"marks":    "e" + strings.Repeat("\u0301", 50_000),
		"unknown":  strings.Repeat("\U0001F9FF", 25_000),
		"grown":    strings.Repeat("\uFDFA", 10_000),
	}
	for _, folder := range []string{"o200k", "t5", "bert-uncased", "llama2"} {
		tok := load(t, unpack(t, filepath.Join("trained", folder)))
		for name, text := range texts {
			within(t, folder+" "+name, func() {
				ids, err := tok.Encode(text)
				if err == nil {
					_, err = tok.Decode(ids)
				}
				if err != nil {
					t.Errorf("%s, %s: %v", folder, name, err)
				}
			})
		}
	}
}
