package tokenize_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/tokenize"
)

// The fixtures in testdata/{gpt2,smollm2,smollm2_digits} are what Hugging Face's
// tokenizers and TransformerLens 2.16.1 give; ids must be equal, without exception.
// The big files are compressed; unpack writes them where Load reads them.

// unpack copies the folder testdata/name, decompressed, without the files in
// leaveOut, and returns the copy's path.
func unpack(tb testing.TB, name string, leaveOut ...string) string {
	tb.Helper()
	out := tb.TempDir()
	files, err := os.ReadDir(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	for _, file := range files {
		to := strings.TrimSuffix(file.Name(), ".gz")
		if slices.Contains(leaveOut, to) {
			continue
		}
		data := readFixture(tb, name, to)
		if err := os.WriteFile(filepath.Join(out, to), data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

// readFixture reads testdata/folder/name, from name.gz if that is there.
func readFixture(tb testing.TB, folder, name string) []byte {
	tb.Helper()
	path := filepath.Join("testdata", folder, name)
	file, err := os.Open(path + ".gz")
	if os.IsNotExist(err) {
		data, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		return data
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	unzip, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(unzip)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func load(tb testing.TB, path string) *tokenize.Tokenizer {
	tb.Helper()
	t, err := tokenize.Load(path)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// golden is a golden.json.
type golden struct {
	Tokenizer struct {
		BOS   int `json:"bos_id"`
		EOS   int `json:"eos_id"`
		Pad   int `json:"pad_id"`
		Vocab int `json:"n_vocab"`
	}
	Strings []struct {
		Text      string
		IDs       []int
		StrTokens []string `json:"str_tokens"`
		Decoded   string
	}
	DecodeCases []struct {
		IDs         []int
		Decoded     string
		SkipSpecial string   `json:"decoded_skip_special"`
		StrTokens   []string `json:"str_tokens"`
	} `json:"decode_cases"`
}

func readGolden(tb testing.TB, name string) *golden {
	tb.Helper()
	g := new(golden)
	if err := json.Unmarshal(readFixture(tb, name, "golden.json"), g); err != nil {
		tb.Fatal(err)
	}
	return g
}

// fixtures are the tokenizers with a golden.json, each way in which they can be
// loaded.
var fixtures = []struct {
	name, golden string
	load         func(testing.TB) *tokenize.Tokenizer
}{
	{"gpt2", "gpt2", fromJSON("gpt2")},
	{"gpt2 vocab and merges", "gpt2", fromVocab},
	{"smollm2", "smollm2", fromJSON("smollm2")},
	{"smollm2_digits", "smollm2_digits", fromJSON("smollm2_digits")},
	{"smollm2 GGUF", "smollm2_digits", fromGGUF},
}

func fromJSON(name string) func(testing.TB) *tokenize.Tokenizer {
	return func(tb testing.TB) *tokenize.Tokenizer { return load(tb, unpack(tb, name)) }
}

// fromVocab loads GPT-2 from OpenAI's two files alone.
func fromVocab(tb testing.TB) *tokenize.Tokenizer {
	return load(tb, unpack(tb, "gpt2", "tokenizer.json", "tokenizer_config.json"))
}

func TestGolden(t *testing.T) {
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			tok, want := f.load(t), readGolden(t, f.golden)
			checkStrings(t, tok, want)
			checkDecode(t, tok, want)
			checkSpecial(t, tok, want)
		})
	}
}

func checkStrings(t *testing.T, tok *tokenize.Tokenizer, want *golden) {
	for _, c := range want.Strings {
		ids, err := tok.Encode(c.Text)
		if err != nil || !slices.Equal(ids, c.IDs) {
			t.Errorf("Encode(%q) = %v, %v, want %v", c.Text, ids, err, c.IDs)
		}
		decoded, err := tok.Decode(c.IDs)
		if err != nil || decoded != c.Decoded {
			t.Errorf("Decode(%v) = %q, %v, want %q", c.IDs, decoded, err, c.Decoded)
		}
		e, err := tok.Offsets(c.Text)
		if err != nil || !slices.Equal(e.IDs, c.IDs) {
			t.Errorf("Offsets(%q).IDs = %v, %v, want %v", c.Text, e.IDs, err, c.IDs)
		}
	}
}

func checkDecode(t *testing.T, tok *tokenize.Tokenizer, want *golden) {
	for _, c := range want.DecodeCases {
		if decoded, err := tok.Decode(c.IDs); err != nil || decoded != c.Decoded {
			t.Errorf("Decode(%v) = %q, %v, want %q", c.IDs, decoded, err, c.Decoded)
		}
		if decoded, err := tok.DecodeSkipSpecial(c.IDs); err != nil || decoded != c.SkipSpecial {
			t.Errorf("DecodeSkipSpecial(%v) = %q, %v, want %q", c.IDs, decoded, err, c.SkipSpecial)
		}
	}
}

func checkSpecial(t *testing.T, tok *tokenize.Tokenizer, want *golden) {
	bos, _ := tok.BOS()
	eos, _ := tok.EOS()
	pad, _ := tok.Pad()
	got := [4]int{bos, eos, pad, tok.VocabSize()}
	w := want.Tokenizer
	if expected := [4]int{w.BOS, w.EOS, w.Pad, w.Vocab}; got != expected {
		t.Errorf("BOS, EOS, Pad, VocabSize = %v, want %v", got, expected)
	}
}
