package tokenize_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopherlens/tokenize"
)

// sideCases is testdata/side/cases.json, which make.py there writes: small tokenizers,
// files beside them, and what AutoTokenizer of transformers 5.24 and 4.57 makes of both.
type sideCases struct {
	Texts      []string
	Partial    [][]int
	Tokenizers map[string]map[string]json.RawMessage
	Cases      []sideCase
}

type sideCase struct {
	Name      string
	Tokenizer string
	Changed   map[string]json.RawMessage // in tokenizer.json
	Files     map[string]json.RawMessage
	Want      sideAnswer
	Four      *sideAnswer // of version 4, where it differs
}

// sideAnswer is what a tokenizer makes of the texts. Decoded and Skipped are of Special,
// and then of Partial.
type sideAnswer struct {
	IDs, Special     [][]int
	Decoded, Skipped []string
	Names            [4]*int // bos, eos, pad, unk
	Error            string
}

func (c *sideCase) load(t *testing.T, all *sideCases) (*tokenize.Tokenizer, error) {
	folder := t.TempDir()
	file := maps.Clone(all.Tokenizers[c.Tokenizer])
	maps.Copy(file, c.Changed)
	files := maps.Clone(c.Files)
	text, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	files["tokenizer.json"] = text
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tokenize.Load(folder)
}

func (c *sideCase) answer(t *testing.T, tok *tokenize.Tokenizer, all *sideCases) (a sideAnswer) {
	for _, text := range all.Texts {
		ids, err := tok.Encode(text)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		special, err := tok.EncodeWithSpecial(text)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		a.IDs = append(a.IDs, append([]int{}, ids...))
		a.Special = append(a.Special, append([]int{}, special...))
	}
	for _, ids := range append(append([][]int{}, c.Want.Special...), all.Partial...) {
		decoded, err := tok.Decode(ids)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		skipped, err := tok.DecodeSkipSpecial(ids)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		a.Decoded = append(a.Decoded, decoded)
		a.Skipped = append(a.Skipped, skipped)
	}
	for i, get := range []func() (int, bool){tok.BOS, tok.EOS, tok.Pad, tok.Unk} {
		if id, ok := get(); ok && c.Want.Names[i] != nil {
			a.Names[i] = &id
		}
	}
	return a
}

// refusedSides are the files that are refused, by the case's name, or after a star its end, and
// the field that the refusal names: the versions of transformers differ in them.
var refusedSides = []struct{ tokenizer, end, field string }{
	{"bytes", "prefix space generic", "add_prefix_space"},
	{"bytes", "Qwen2Tokenizer prefix space", "add_prefix_space"},
	{"bytes", "LlamaTokenizerFast prefix space", "add_prefix_space"},
	{"bytes", "RobertaTokenizer prefix space", "add_prefix_space"},
	{"bytes", "BloomTokenizerFast prefix space", "add_prefix_space"},
	{"bytes", "CohereTokenizerFast prefix space", "add_prefix_space"},
	{"bytes", "spaced PreTrainedTokenizerFast False", "add_prefix_space"},
	{"meta", "*Tokenizer no prefix space", "add_prefix_space"},
	{"meta", "*TokenizerFast no prefix space", "add_prefix_space"},
	{"meta", "LlamaTokenizer legacy", "legacy"},
	{"meta", "LlamaTokenizerFast legacy", "legacy"},
	{"llama", "*Tokenizer no prefix space", "add_prefix_space"},
	{"llama", "*TokenizerFast no prefix space", "add_prefix_space"},
	{"wordpiece", "* unk", "unk_token"},
	{"cased", "* unk", "unk_token"},
}

// refusal is the field for which a case is refused, "" for none.
func (c *sideCase) refusal() string {
	for _, r := range refusedSides {
		end, any := strings.CutPrefix(r.end, "*")
		if name := r.tokenizer + ": " + end; c.Name == name || any && c.Tokenizer == r.tokenizer && strings.HasSuffix(c.Name, end) {
			return r.field
		}
	}
	return ""
}

// byFour reports the cases for which version 5 makes the steps of tokenizer.json anew,
// other than the file has them: a Llama that prepends its blank in the normaliser, as
// Llama 2's own file does. The file's count, as in version 4.
func (c *sideCase) byFour() bool {
	return c.Tokenizer == "llama" && strings.Contains(c.Name, "LlamaTokenizer")
}

func TestSideFiles(t *testing.T) {
	t.Parallel()
	all := new(sideCases)
	unmarshal(t, "side", "cases.json", all)
	if len(all.Cases) < 1000 {
		t.Fatalf("%d cases", len(all.Cases))
	}
	refused := 0
	for _, c := range all.Cases {
		tok, err := c.load(t, all)
		if field := c.refusal(); field != "" || err != nil {
			refused++
			if field == "" || err == nil || !strings.Contains(err.Error(), "tokenizer_config.json: "+field+": ") {
				t.Errorf("%s: error %v, want one about %q", c.Name, err, field)
			}
			continue
		}
		c.check(t, tok, all)
	}
	if refused > 30 {
		t.Errorf("%d of %d cases are refused", refused, len(all.Cases))
	}
}

func (c *sideCase) check(t *testing.T, tok *tokenize.Tokenizer, all *sideCases) {
	if c.Want.Error != "" {
		t.Errorf("%s: it loads, and not in transformers: %s", c.Name, c.Want.Error)
		return
	}
	got := c.answer(t, tok, all)
	if c.byFour() {
		if c.Four != nil && c.Four.Error == "" && !reflect.DeepEqual(got.IDs, c.Four.IDs) {
			t.Errorf("%s: ids %v, want %v", c.Name, got.IDs, c.Four.IDs)
		}
		return
	}
	for _, v := range []struct {
		name      string
		got, want any
	}{
		{"ids", got.IDs, c.Want.IDs}, {"ids with special tokens", got.Special, c.Want.Special},
		{"text", got.Decoded, c.Want.Decoded}, {"text without special tokens", got.Skipped, c.Want.Skipped},
		{"BOS, EOS, Pad, Unk", got.Names, c.Want.Names},
	} {
		if !reflect.DeepEqual(v.got, v.want) {
			t.Errorf("%s: %s %v, want %v (of %q)", c.Name, v.name, v.got, v.want, all.Texts)
		}
	}
}

// The same for vocab.json with merges.txt and for tokenizer.model, which formats.py in
// testdata/side has tried.
func TestSideFormats(t *testing.T) {
	t.Parallel()
	var all struct {
		Texts []string
		Cases []struct {
			Fixture string
			Files   map[string]json.RawMessage
			Want    sideAnswer
		}
	}
	unmarshal(t, "side", "formats.json", &all)
	for _, c := range all.Cases {
		folder := unpack(t, c.Fixture, "tokenizer.json", "tokenizer_config.json", "golden.json")
		what := c.Fixture
		for name, data := range c.Files {
			what += fmt.Sprintf(" %s %s", name, data)
			if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tok := load(t, folder)
		for i, text := range all.Texts {
			ids, err := tok.Encode(text)
			special, err2 := tok.EncodeWithSpecial(text)
			if err := errors.Join(err, err2); err != nil || !slices.Equal(ids, c.Want.IDs[i]) || !slices.Equal(special, c.Want.Special[i]) {
				t.Errorf("%s: %q is %v and %v, %v, want %v and %v", what, text, ids, special, err, c.Want.IDs[i], c.Want.Special[i])
			}
		}
	}
}
