package tokenize

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// modelFile is the "model" of tokenizer.json: the large tables parsed, the
// settings still as JSON.
type modelFile struct {
	vocab    *vocab
	pieces   []scoredPiece // Unigram's vocabulary, in order of id
	merges   [][2]string
	settings map[string]json.RawMessage
}

func parseModel(s *jsonScanner) (*modelFile, error) {
	f := &modelFile{settings: make(map[string]json.RawMessage)}
	err := s.object(func(key string) (err error) {
		switch key {
		case "vocab":
			err = f.parseVocab(s)
		case "merges":
			err = f.parseMerges(s)
		default:
			f.settings[key], err = s.raw()
		}
		return err
	})
	if err == nil && f.vocab == nil {
		err = errors.New("it has no vocab")
	}
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return f, nil
}

// parseVocab reads {"token": id, ...}, or Unigram's [["token", score], ...].
func (f *modelFile) parseVocab(s *jsonScanner) (err error) {
	if s.peek() != '[' {
		f.vocab, err = parseVocab(s)
		return err
	}
	if f.pieces, err = parsePieces(s); err != nil {
		return err
	}
	f.vocab = newVocab(len(f.pieces))
	f.vocab.size = len(f.pieces)
	for id, p := range f.pieces {
		if err := f.vocab.add(p.text, id); err != nil {
			return err
		}
	}
	return nil
}

// parseMerges reads ["left right", ...] or [["left", "right"], ...].
func (f *modelFile) parseMerges(s *jsonScanner) error {
	if f.vocab != nil {
		f.merges = make([][2]string, 0, len(f.vocab.ids))
	}
	return s.array(func() error {
		pair, err := parseMerge(s)
		f.merges = append(f.merges, pair)
		return err
	})
}

func parseMerge(s *jsonScanner) (pair [2]string, err error) {
	if s.peek() == '"' {
		line, err := s.string()
		if err != nil {
			return pair, err
		}
		return splitMerge(line)
	}
	n := 0
	err = s.array(func() error {
		part, err := s.string()
		if n < 2 {
			pair[n] = part
		}
		n++
		return err
	})
	if err == nil && n != 2 {
		err = s.errorf("a merge of %d tokens; it takes two", n)
	}
	return pair, err
}

// get reads one setting into a value; a missing or null setting leaves it as it is.
func (f *modelFile) get(key string, into any) error {
	raw := f.settings[key]
	if isNull(raw) {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("model: %s: %w", key, briefError(err))
	}
	return nil
}

// models are the kinds of model, by type.
var models = map[string]func(*modelFile) (model, error){
	"BPE":       buildBPE,
	"Unigram":   buildUnigram,
	"WordLevel": buildWordLevel,
	"WordPiece": buildWordPiece,
}

// build makes the model.
func (f *modelFile) build() (model, error) {
	var kind string
	if err := f.get("type", &kind); err != nil {
		return nil, err
	}
	if kind == "" {
		kind = f.guessType()
	}
	return lookUpModel(f, kind)
}

// guessType names the model of a file from before models had types.
func (f *modelFile) guessType() string {
	switch {
	case f.merges != nil:
		return "BPE"
	case f.pieces != nil:
		return "Unigram"
	case f.settings["continuing_subword_prefix"] != nil:
		return "WordPiece"
	}
	return "WordLevel"
}

func lookUpModel(f *modelFile, kind string) (model, error) {
	build, ok := models[kind]
	if !ok {
		return nil, component{kind: "model", name: kind}.unknown(slices.Collect(maps.Keys(models)))
	}
	return build(f)
}

// bpeSettings are the settings of a BPE model.
type bpeSettings struct {
	Unk          *string  `json:"unk_token"`
	Prefix       string   `json:"continuing_subword_prefix"`
	Suffix       string   `json:"end_of_word_suffix"`
	FuseUnk      bool     `json:"fuse_unk"`
	ByteFallback bool     `json:"byte_fallback"`
	IgnoreMerges bool     `json:"ignore_merges"`
	Dropout      *float64 `json:"dropout"`
}

func buildBPE(f *modelFile) (model, error) {
	var s bpeSettings
	settings := map[string]any{
		"unk_token": &s.Unk, "continuing_subword_prefix": &s.Prefix, "end_of_word_suffix": &s.Suffix,
		"fuse_unk": &s.FuseUnk, "byte_fallback": &s.ByteFallback, "ignore_merges": &s.IgnoreMerges,
		"dropout": &s.Dropout,
	}
	for key, into := range settings {
		if err := f.get(key, into); err != nil {
			return nil, err
		}
	}
	if s.Dropout != nil && *s.Dropout > 0 {
		return nil, errors.New("model BPE: dropout makes the tokens random; set it to null")
	}
	return newBPE(f.vocab, f.merges, s)
}

// newBPE makes a model from its vocabulary and its merges, in order of rank.
func newBPE(v *vocab, merges [][2]string, s bpeSettings) (*bpe, error) {
	m := &bpe{
		vocab: v, unk: unkNone, fuseUnk: s.FuseUnk, prefix: s.Prefix, suffix: s.Suffix,
		ignoreMerges: s.IgnoreMerges, cache: newWordCache[symbol](),
		merges: newPairTable(len(merges)),
	}
	if s.Unk != nil {
		// GPT-2's own file names an unknown token "" that does not exist. That only
		// matters if a character is unknown: see bpe.addUnknown.
		m.unkName = *s.Unk
		m.unk = unkMissing
		if id, ok := v.ids[*s.Unk]; ok {
			m.unk = id
		}
	}
	if s.ByteFallback {
		m.fallback = byteTokens(v)
	}
	reader := mergeReader{vocab: v, table: m.merges, prefix: s.Prefix}
	for _, pair := range merges {
		if err := reader.add(pair[0], pair[1]); err != nil {
			return nil, fmt.Errorf("model BPE: %w", err)
		}
	}
	return m, nil
}
