package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// configFile is what tokenizer_config.json says beyond tokenizer.json.
// special_tokens_map.json has the first four fields, too.
type configFile struct {
	BOS            tokenName `json:"bos_token"`
	EOS            tokenName `json:"eos_token"`
	Pad            tokenName `json:"pad_token"`
	Unk            tokenName `json:"unk_token"`
	AddBOS         *bool     `json:"add_bos_token"`
	AddEOS         *bool     `json:"add_eos_token"`
	AddPrefixSpace *bool     `json:"add_prefix_space"`
	Class          string    `json:"tokenizer_class"`
	// Added repeats added_tokens of tokenizer.json, by id, and sometimes has more.
	Added map[int]addedToken `json:"added_tokens_decoder"`
}

// tokenName is a token as configuration files write it: "<s>", {"content": "<s>",
// ...} or null.
type tokenName string

// UnmarshalJSON accepts all three forms.
func (n *tokenName) UnmarshalJSON(data []byte) error {
	if data[0] != '{' {
		return json.Unmarshal(data, (*string)(n))
	}
	var long struct {
		Content string `json:"content"`
	}
	err := json.Unmarshal(data, &long)
	*n = tokenName(long.Content)
	return err
}

// readConfig reads the configuration files of a folder; all are optional.
func readConfig(folder string) (*configFile, error) {
	c, older := new(configFile), new(configFile)
	if err := readJSON(filepath.Join(folder, "tokenizer_config.json"), c); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(folder, "special_tokens_map.json"), older); err != nil {
		return nil, err
	}
	pairs := []struct{ into, from *tokenName }{
		{&c.BOS, &older.BOS}, {&c.EOS, &older.EOS}, {&c.Pad, &older.Pad}, {&c.Unk, &older.Unk},
	}
	for _, p := range pairs {
		if *p.into == "" {
			*p.into = *p.from
		}
	}
	return c, nil
}

// readJSON reads a file into a value, which a missing file leaves as it is.
func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// specialTokens are the ids of the tokens with a task, -1 for none.
type specialTokens struct{ bos, eos, pad, unk int }

var noSpecial = specialTokens{-1, -1, -1, -1}

// endOfText is the token that TransformerLens falls back on for a tokenizer that
// names no end of text.
const endOfText = "<|endoftext|>"

// setSpecial looks the special tokens up. As in TransformerLens, padding and
// beginning default to the end of text: GPT-2 has one token for all three.
func (t *Tokenizer) setSpecial(c *configFile) error {
	named := []struct {
		role string
		name tokenName
		id   *int
	}{
		{"bos_token", c.BOS, &t.special.bos}, {"eos_token", c.EOS, &t.special.eos},
		{"pad_token", c.Pad, &t.special.pad}, {"unk_token", c.Unk, &t.special.unk},
	}
	for _, n := range named {
		if n.name == "" {
			continue
		}
		id, ok := t.TokenToID(string(n.name))
		if !ok {
			return fmt.Errorf("%s %q is not in the vocabulary", n.role, n.name)
		}
		*n.id = id
		// A special token is found in text, also where tokenizer.json does not list it.
		if t.added[id] == nil {
			if err := t.addToken(&addedToken{ID: id, Content: string(n.name), Special: true}); err != nil {
				return err
			}
		}
	}
	t.special.fillIn(t)
	return nil
}

func (s *specialTokens) fillIn(t *Tokenizer) {
	if s.eos < 0 {
		if id, ok := t.TokenToID(endOfText); ok {
			s.eos = id
		}
	}
	if s.pad < 0 {
		s.pad = s.eos
	}
	if s.bos < 0 {
		s.bos = s.eos
	}
}

// BOS returns the id of the token that begins a text, and whether there is one.
func (t *Tokenizer) BOS() (int, bool) { return t.special.bos, t.special.bos >= 0 }

// EOS returns the id of the token that ends a text.
func (t *Tokenizer) EOS() (int, bool) { return t.special.eos, t.special.eos >= 0 }

// Pad returns the id of the token that fills up short rows.
func (t *Tokenizer) Pad() (int, bool) { return t.special.pad, t.special.pad >= 0 }

// Unk returns the id of the token for what the vocabulary cannot write.
func (t *Tokenizer) Unk() (int, bool) { return t.special.unk, t.special.unk >= 0 }
