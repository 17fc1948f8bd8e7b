package tokenize

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A decoder turns the spellings of tokens step by step into text.
type decoder interface {
	decode(tokens []string, limit *allowance) ([]string, error)
}

// decodeTokens returns the text of tokens. Without a decoder, Hugging Face's
// library joins them with spaces.
func decodeTokens(d decoder, tokens []string) (string, error) {
	if d == nil {
		return strings.Join(tokens, " "), nil
	}
	if len(tokens) == 0 {
		return "", nil
	}
	tokens, err := d.decode(tokens, newAllowance(total(tokens)))
	return strings.Join(tokens, ""), err
}

// total returns the length of all texts together.
func total(texts []string) int {
	n := 0
	for _, s := range texts {
		n += len(s)
	}
	return n
}

// decoders are the decoders of tokenizer.json, by type.
var decoders = map[string]func(component) (decoder, error){
	"BPEDecoder":   newSuffixDecoder,
	"ByteFallback": func(component) (decoder, error) { return fallbackDecoder{}, nil },
	"ByteLevel":    func(component) (decoder, error) { return byteDecoder{}, nil },
	"Fuse":         func(component) (decoder, error) { return fuse{}, nil },
	"Metaspace":    newMetaspaceDecoder,
	"Replace":      newReplaceDecoder,
	"Strip":        newStrip,
	"WordPiece":    newWordPieceDecoder,
}

// decoderSequence runs one decoder after the other.
type decoderSequence []decoder

func (s decoderSequence) decode(tokens []string, limit *allowance) ([]string, error) {
	var err error
	for _, d := range s {
		if tokens, err = d.decode(tokens, limit); err != nil {
			return nil, err
		}
		limit.spend(total(tokens))
		if err := limit.check(); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// byteDecoder turns the characters of byte-level tokens back into bytes.
type byteDecoder struct{}

func (byteDecoder) decode(tokens []string, _ *allowance) ([]string, error) {
	var out []byte
	for _, token := range tokens {
		out = appendBytes(out, token)
	}
	return []string{lossyUTF8(out)}, nil
}

// lossyUTF8 replaces what is not UTF-8 with U+FFFD, one for each maximal part of
// a character, as the Unicode standard recommends (section 3.9) and as Rust and
// Python do. Go's own strings.ToValidUTF8 writes one for a whole run.
func lossyUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size <= 1 {
			size = partLength(b)
		}
		out.WriteRune(r)
		b = b[size:]
	}
	return out.String()
}

// partLength returns how many bytes at the start of b could have begun a
// character: 1, 2 or 3.
func partLength(b []byte) int {
	n := 1
	for n < len(b) && n < 4 && !utf8.FullRune(b[:n]) {
		if r, size := utf8.DecodeRune(b[:n+1]); r == utf8.RuneError && size <= 1 && utf8.FullRune(b[:n+1]) {
			break // the next byte does not carry the character on
		}
		n++
	}
	return n
}

// fallbackDecoder turns runs of <0xNN> tokens into characters.
type fallbackDecoder struct{}

func (fallbackDecoder) decode(tokens []string, _ *allowance) ([]string, error) {
	var out []string
	var bytes []byte
	flush := func() {
		if utf8.Valid(bytes) {
			if len(bytes) > 0 {
				out = append(out, string(bytes))
			}
		} else {
			// All of the run is given up, one mark for each byte.
			for range bytes {
				out = append(out, "\uFFFD")
			}
		}
		bytes = bytes[:0]
	}
	for _, token := range tokens {
		if b, ok := parseByteToken(token); ok {
			bytes = append(bytes, b)
			continue
		}
		flush()
		out = append(out, token)
	}
	flush()
	return out, nil
}

// parseByteToken reads <0xNN>.
func parseByteToken(token string) (byte, bool) {
	if len(token) != 6 || !strings.HasPrefix(token, "<0x") || token[5] != '>' {
		return 0, false
	}
	b, err := strconv.ParseUint(token[3:5], 16, 8)
	return byte(b), err == nil
}

// fuse joins all tokens into one.
type fuse struct{}

func (fuse) decode(tokens []string, _ *allowance) ([]string, error) {
	return []string{strings.Join(tokens, "")}, nil
}

// strip removes up to start and stop copies of a character from each token's ends.
type strip struct {
	Content string `json:"content"`
	Start   uint   `json:"start"`
	Stop    uint   `json:"stop"`
}

func newStrip(c component) (decoder, error) {
	s := new(strip)
	if err := c.read(s); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(s.Content) != 1 {
		return nil, c.wrap(fmt.Errorf("content %q is not one character", brief(s.Content)))
	}
	return s, nil
}

func (s *strip) decode(tokens []string, _ *allowance) ([]string, error) {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		for n := s.Start; n > 0 && strings.HasPrefix(token, s.Content); n-- {
			token = token[len(s.Content):]
		}
		for n := s.Stop; n > 0 && strings.HasSuffix(token, s.Content); n-- {
			token = token[:len(token)-len(s.Content)]
		}
		out[i] = token
	}
	return out, nil
}

// suffixDecoder ends words where tokens have an end-of-word suffix.
type suffixDecoder struct {
	Suffix string `json:"suffix"`
}

func newSuffixDecoder(c component) (decoder, error) {
	d := &suffixDecoder{"</w>"}
	return d, c.read(d)
}

func (d *suffixDecoder) decode(tokens []string, _ *allowance) ([]string, error) {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		with := " "
		if i == len(tokens)-1 {
			with = ""
		}
		out[i] = strings.ReplaceAll(token, d.Suffix, with)
	}
	return out, nil
}

// wordPieceDecoder joins the parts of words and sets spaces between words.
type wordPieceDecoder struct {
	Prefix  string `json:"prefix"`
	Cleanup bool   `json:"cleanup"`
}

func newWordPieceDecoder(c component) (decoder, error) {
	d := &wordPieceDecoder{"##", true}
	return d, c.read(d)
}

// cleanUp closes up punctuation and English contractions, one rule after the
// other: an earlier one makes way for a later.
var cleanUp = []*strings.Replacer{
	strings.NewReplacer(" .", "."), strings.NewReplacer(" ?", "?"),
	strings.NewReplacer(" !", "!"), strings.NewReplacer(" ,", ","),
	strings.NewReplacer(" ' ", "'"), strings.NewReplacer(" n't", "n't"),
	strings.NewReplacer(" 'm", "'m"), strings.NewReplacer(" do not", " don't"),
	strings.NewReplacer(" 's", "'s"), strings.NewReplacer(" 've", "'ve"),
	strings.NewReplacer(" 're", "'re"),
}

// cleanUpText is clean_up_tokenization of Hugging Face's transformers, which knows all of
// these but "do not".
func cleanUpText(text string) string {
	for i, rule := range cleanUp {
		if i != cleanUpDoNot {
			text = rule.Replace(text)
		}
	}
	return text
}

// cleanUpDoNot is the index of "do not" in cleanUp.
const cleanUpDoNot = 7

func (d *wordPieceDecoder) decode(tokens []string, _ *allowance) ([]string, error) {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		if i > 0 {
			rest, inside := strings.CutPrefix(token, d.Prefix)
			if inside {
				token = rest
			} else {
				token = " " + token
			}
		}
		if d.Cleanup {
			for _, rule := range cleanUp {
				token = rule.Replace(token)
			}
		}
		out[i] = token
	}
	return out, nil
}
