package tokenize

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// tokenizerFile is tokenizer.json: the model parsed, the rest still as JSON.
type tokenizerFile struct {
	Version       json.RawMessage
	Truncation    json.RawMessage // not used: the caller says what is too long
	Padding       json.RawMessage // its token; ToTokens pads
	AddedTokens   json.RawMessage
	Normalizer    json.RawMessage
	PreTokenizer  json.RawMessage
	PostProcessor json.RawMessage
	Decoder       json.RawMessage
	model         *modelFile
	tokens        []sideToken // of AddedTokens
}

func (f *tokenizerFile) fields() map[string]*json.RawMessage {
	return map[string]*json.RawMessage{
		"version":        &f.Version,
		"truncation":     &f.Truncation,
		"padding":        &f.Padding,
		"added_tokens":   &f.AddedTokens,
		"normalizer":     &f.Normalizer,
		"pre_tokenizer":  &f.PreTokenizer,
		"post_processor": &f.PostProcessor,
		"decoder":        &f.Decoder,
	}
}

// parseTokenizer makes a tokenizer of the bytes of a tokenizer.json.
func parseTokenizer(data []byte, s *settings) (*Tokenizer, error) {
	f, err := readTokenizer(data)
	if s.class == "LlamaTokenizer" && bytes.Contains(data, []byte(`"ByteLevel"`)) {
		s.class = "" // a Llama 3, as transformers 5 finds out
	}
	if err == nil {
		err = errors.Join(f.readAdded(s), f.applyClass(s))
	}
	if err != nil {
		return nil, err
	}
	t, err := f.build()
	if err != nil {
		return nil, err
	}
	s.addClassNames()
	return t, errors.Join(s.applyPrefixSpace(t), s.checkLegacy(t), s.checkUnknown(t.model))
}

func readTokenizer(data []byte) (*tokenizerFile, error) {
	s, err := newJSONScanner(data)
	if err != nil {
		return nil, err
	}
	f := new(tokenizerFile)
	fields := f.fields()
	err = s.object(func(key string) error {
		if key == "model" {
			f.model, err = parseModel(s)
			return err
		}
		into := fields[key]
		if into == nil {
			return s.errorf("%q is no field of tokenizer.json", brief(key))
		}
		*into, err = s.raw()
		return err
	})
	return f, errors.Join(err, s.endAfter(err))
}

// endAfter is end, unless an error has already stopped the scanner.
func (s *jsonScanner) endAfter(err error) error {
	if err != nil {
		return nil
	}
	return s.end()
}

// build puts the components together.
func (f *tokenizerFile) build() (*Tokenizer, error) {
	if v := string(f.Version); v != "" && v != `"1.0"` {
		return nil, fmt.Errorf("version %s of tokenizer.json is not known; 1.0 is", brief(v))
	}
	if f.model == nil {
		return nil, errors.New(`there is no "model" in this file`)
	}
	t := &Tokenizer{vocab: f.model.vocab, special: noSpecial}
	steps := []func(*Tokenizer) error{
		f.addNormalizer, f.addSplits, f.addModel, f.addDecoder, f.addTemplate, f.addTokens,
	}
	for _, step := range steps {
		if err := step(t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (f *tokenizerFile) addNormalizer(t *Tokenizer) error {
	list, err := makeAll("normalizer", "normalizers", f.Normalizer, normalizers)
	if err != nil || len(list) == 0 {
		return err
	}
	t.normalizer = normalizerSequence(list)
	return nil
}

func (f *tokenizerFile) addSplits(t *Tokenizer) (err error) {
	t.splits, err = makeAll("pre_tokenizer", "pretokenizers", f.PreTokenizer, splitters)
	return err
}

func (f *tokenizerFile) addDecoder(t *Tokenizer) error {
	list, err := makeAll("decoder", "decoders", f.Decoder, decoders)
	if err != nil || len(list) == 0 {
		return err
	}
	t.decoder = decoderSequence(list)
	return nil
}

// addModel makes the model and fits it to the last pre-tokenizer.
func (f *tokenizerFile) addModel(t *Tokenizer) error {
	m, err := f.model.build()
	if err != nil {
		return err
	}
	t.model = m
	if b, ok := m.(*bpe); ok {
		t.takeBytes(b)
	}
	return nil
}

// takeBytes lets a byte-level model have words as raw bytes, which saves spelling
// them as characters, and finds a single scanner for all the splitting.
func (t *Tokenizer) takeBytes(m *bpe) {
	if len(t.splits) == 0 || m.prefix != "" || m.suffix != "" || m.fallback != nil {
		return
	}
	last, ok := t.splits[len(t.splits)-1].(*byteLevel)
	if !ok || !m.setByteLevel() {
		return
	}
	last.keepBytes = true
	if !last.AddPrefixSpace {
		t.scan = oneScanner(t.splits[:len(t.splits)-1], last.UseRegex)
	}
}

// oneScanner returns the scanner that does what the splitters before ByteLevel
// and then, with regex, ByteLevel itself do; nil if there is none.
func oneScanner(before []splitter, regex bool) scanner {
	switch {
	case len(before) == 0 && regex:
		return scanGPT2
	case len(before) != 1:
		return nil
	}
	switch s := before[0].(type) {
	case scanSplit:
		if !regex {
			return scanner(s)
		}
	case digitsApart:
		if regex {
			return scanDigitsGPT2
		}
	}
	return nil
}

// readAdded reads the added tokens, and the padding token.
func (f *tokenizerFile) readAdded(s *settings) error {
	if !isNull(f.AddedTokens) {
		if err := json.Unmarshal(f.AddedTokens, &s.fileAdded); err != nil {
			return fmt.Errorf("added_tokens: %w", briefError(err))
		}
	}
	f.tokens = s.fileAdded
	var padding struct {
		Token string `json:"pad_token"`
	}
	if !isNull(f.Padding) {
		if err := json.Unmarshal(f.Padding, &padding); err != nil {
			return fmt.Errorf("padding: %w", briefError(err))
		}
	}
	s.filePad = padding.Token
	return nil
}

// addTokens adds the tokens in the order of the file: that, and not the ids that it
// has, gives them their ids.
func (f *tokenizerFile) addTokens(t *Tokenizer) error {
	list := make([]addedToken, len(f.tokens))
	for i, token := range f.tokens {
		list[i] = token.addedToken
	}
	return t.addTokens(list)
}

// makeAll makes the components of one entry of tokenizer.json.
func makeAll[T any](kind, member string, raw json.RawMessage, table map[string]func(component) (T, error)) ([]T, error) {
	list, err := components(kind, member, raw)
	if err != nil {
		return nil, err
	}
	out := make([]T, len(list))
	for i, c := range list {
		if out[i], err = lookUp(c, table); err != nil {
			return nil, err
		}
	}
	return out, nil
}
