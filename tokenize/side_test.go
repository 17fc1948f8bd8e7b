package tokenize_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
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

func TestSideFiles(t *testing.T) {
	all := new(sideCases)
	unmarshal(t, "side", "cases.json", all)
	for _, c := range all.Cases {
		tok, err := c.load(t, all)
		if err != nil {
			t.Errorf("%s: REFUSED %v | %s", c.Name, err, c.Want.Error)
			continue
		}
		got, want := c.answer(t, tok, all), c.Want
		for _, v := range []struct {
			name      string
			got, want any
		}{{"ids", got.IDs, want.IDs}, {"special", got.Special, want.Special}, {"decoded", got.Decoded, want.Decoded}, {"skipped", got.Skipped, want.Skipped}, {"names", got.Names, want.Names}} {
			if !reflect.DeepEqual(v.got, v.want) {
				t.Errorf("%s: %s differ (four %v)", c.Name, v.name, c.Four != nil)
			}
		}
	}
}
