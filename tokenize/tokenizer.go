package tokenize

import (
	"errors"
	"fmt"
	"math"
)

// A Tokenizer turns text into token ids and back, as the model's own tokenizer
// does. Load, FromGGUF and FromWords make one. It is safe for concurrent use.
type Tokenizer struct {
	vocab      *vocab // the model's
	added      *addedTokens
	normalizer normalizer // nil: none
	splits     []splitter // pre-tokenizers, in order
	scan       scanner    // instead of splits, where one scanner does all their work
	model      model
	template   template // special tokens around a text
	decoder    decoder  // nil: tokens are joined with spaces
	size       int

	special specialTokens
	named   specialTokens // without TransformerLens' defaults
	bosAsID bool          // a BOS goes before the ids, not before the text

	splitSpecial bool // special tokens are not found in text
	cleanUp      bool // decoding drops blanks before punctuation

	chats map[string]string // templates of chats by name
	names map[string]string // bos_token and the like, as templates have them

	from *folder     // what it was read from; nil if that was a GGUF file
	gguf *ggufReader // the same of one
}

var errNoTokenizer = errors.New("tokenize: the tokenizer is nil, or Tokenizer{}: look at the error of the Load or FromGGUF " +
	"that should have made it")

// check reports a tokenizer that nothing has made.
func (t *Tokenizer) check() error {
	if t == nil || t.vocab == nil {
		return errNoTokenizer
	}
	return nil
}

// need is t, which must have been made. Like a method of a nil map it panics, but with what to do.
func (t *Tokenizer) need() *Tokenizer {
	if err := t.check(); err != nil {
		panic(err)
	}
	return t
}

// model turns a word into tokens.
type model interface {
	tokenize(dst []token, word piece) ([]token, error)
}

// Encode returns the ids of text. Special tokens written out in the text, such as
// "<|endoftext|>", become their ids; none are added.
//
// Byte-level tokenizers (GPT-2, Llama 3, Qwen, ...) take any bytes. The others
// need UTF-8: the error names the first byte that is not, and where it is.
func (t *Tokenizer) Encode(text string) ([]int, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	ids := make([]int, 0, len(text)/4+1)
	if t.scan != nil && t.normalizer == nil && (t.added.raw.count == 0 || t.added.normal.count == 0) {
		return t.appendScanned(ids, text)
	}
	tokens, err := t.tokens(text)
	for _, token := range tokens {
		ids = append(ids, token.id)
	}
	return ids, err
}

// appendScanned is the short way for byte-level tokenizers without a normaliser:
// a scanner cuts words off the text, and no places are kept.
func (t *Tokenizer) appendScanned(ids []int, text string) ([]int, error) {
	finder := t.search(t.added.raw)
	if finder.count == 0 {
		finder = t.search(t.added.normal)
	}
	m := t.model.(*bpe) // takeBytes sets scan for no other model
	err := finder.split(piece{text: text}, func(p piece) (err error) {
		for s := p.text; s != ""; {
			n := t.scan(s)
			if ids, err = m.appendIDs(ids, s[:n]); err != nil {
				return err
			}
			s = s[n:]
		}
		return nil
	}, func(id int, _ Span) { ids = append(ids, id) })
	return ids, err
}

func (t *Tokenizer) search(f *tokenFinder) searcher { return searcher{f, t.added, t.splitSpecial} }

// An Encoding is the tokens of a text and where they stand in it.
type Encoding struct {
	IDs []int
	// Spans holds for each token the bytes of the text that it stands for. Tokens
	// of one character (an emoji of two tokens, say) divide its bytes. A token that
	// stands for nothing in the text, such as an added blank, has an empty span.
	Spans []Span
}

// Offsets encodes text as Encode does and says where in it each token stands.
func (t *Tokenizer) Offsets(text string) (Encoding, error) {
	if err := t.check(); err != nil {
		return Encoding{}, err
	}
	tokens, err := t.tokens(text)
	if err != nil {
		return Encoding{}, err
	}
	e := Encoding{IDs: make([]int, len(tokens)), Spans: make([]Span, len(tokens))}
	for i, token := range tokens {
		e.IDs[i], e.Spans[i] = token.id, token.span
	}
	return e, nil
}

// tokens runs the whole pipeline: added tokens, normaliser, added tokens in the
// normalised text, pre-tokenizers, model.
func (t *Tokenizer) tokens(text string) ([]token, error) {
	if !t.bytewise() {
		if at := firstInvalid(text); at >= 0 {
			return nil, invalidUTF8(text[at], at)
		}
	}
	var out []token
	found := func(id int, at Span) { out = append(out, token{id, at}) }
	word := func(p piece) (err error) {
		if err = p.limit.check(); err == nil {
			out, err = t.model.tokenize(out, p)
		}
		return err
	}
	words := chain(t.splits, word)
	err := t.search(t.added.raw).split(wholeText(text), func(p piece) error {
		p, err := t.normalize(p)
		if err != nil {
			return err
		}
		return t.search(t.added.normal).split(p, words, found)
	}, found)
	return out, err
}

// normalize runs the normaliser, if there is one.
func (t *Tokenizer) normalize(p piece) (piece, error) {
	if t.normalizer == nil {
		return p, nil
	}
	p, err := t.normalizer.normalize(p)
	if err == nil {
		err = p.limit.check()
	}
	return p, err
}

// EncodeWithSpecial is Encode with the special tokens that the tokenizer puts
// around a text, such as the <s> of Llama or BERT's [CLS] and [SEP]. It is Hugging
// Face's encode(text, add_special_tokens=True).
func (t *Tokenizer) EncodeWithSpecial(text string) ([]int, error) {
	ids, err := t.Encode(text)
	if err != nil {
		return nil, err
	}
	return t.template.around(ids), nil
}

// Decode returns the text of ids, special tokens included. Bytes that are not
// UTF-8 become U+FFFD, as when a character is cut between two tokens. It is
// Hugging Face's decode(ids): blanks before punctuation go if tokenizer_config.json sets
// clean_up_tokenization_spaces, but not for BPE models.
//
// An id without a token is no text: models have more ids than their tokenizers,
// for padding, and can emit them. A negative id is an error.
func (t *Tokenizer) Decode(ids []int) (string, error) { return t.decode(ids, false) }

// DecodeSkipSpecial is Decode without the special tokens.
func (t *Tokenizer) DecodeSkipSpecial(ids []int) (string, error) { return t.decode(ids, true) }

func (t *Tokenizer) decode(ids []int, skipSpecial bool) (string, error) {
	if err := t.check(); err != nil {
		return "", err
	}
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if text, special, ok := t.added.text(id); ok {
			if !skipSpecial || !special {
				tokens = append(tokens, text)
			}
			continue
		}
		if id < 0 || id > math.MaxInt32 {
			return "", fmt.Errorf("%d is no token id; those go from 0 to %d", id, math.MaxInt32)
		}
		if token, ok := t.vocab.token(id); ok {
			tokens = append(tokens, token)
		}
	}
	text, err := decodeTokens(t.decoder, tokens)
	if t.cleanUp && err == nil {
		text = cleanUpText(text)
	}
	return text, err
}

// DecodeBytes returns the bytes that ids stand for, also where they are not UTF-8.
// Only byte-level tokenizers have such bytes; the others are decoded by Decode.
func (t *Tokenizer) DecodeBytes(ids []int) ([]byte, error) {
	text, err := t.Decode(ids)
	if err != nil || !t.bytewise() {
		return []byte(text), err
	}
	var out []byte
	for _, id := range ids {
		token, _ := t.IDToToken(id)
		out = appendBytes(out, token)
	}
	return out, nil
}

// bytewise reports whether words reach the model as bytes, so that any text can be
// encoded.
func (t *Tokenizer) bytewise() bool {
	b, ok := t.model.(*bpe)
	return ok && b.byteIDs != nil
}

func (t *Tokenizer) unknownID(id int) error {
	return fmt.Errorf("token id %d is not in the vocabulary (0 to %d)", id, t.size-1)
}

// TokenToID returns the id of a token as the vocabulary spells it: GPT-2's " John"
// is "ĠJohn".
func (t *Tokenizer) TokenToID(token string) (int, bool) {
	if id, ok := t.need().added.ids[token]; ok {
		return id, true
	}
	id, ok := t.vocab.ids[token]
	return id, ok
}

// IDToToken returns a token as the vocabulary spells it. StrTokens shows it as text.
func (t *Tokenizer) IDToToken(id int) (string, bool) {
	if a, ok := t.need().added.byID[id]; ok {
		return a.Content, true
	}
	return t.vocab.token(id)
}

// VocabSize returns the highest id plus one: the rows that an embedding needs. A
// model may have more, for padding.
func (t *Tokenizer) VocabSize() int { return t.need().size }

// addTokens adds tokens to the model's.
func (t *Tokenizer) addTokens(tokens []addedToken) error {
	if t.added == nil {
		t.added = newAddedTokens()
	}
	for _, a := range tokens {
		if err := t.added.add(&a, t.vocab); err != nil {
			return err
		}
	}
	t.size = max(len(t.vocab.tokens), t.added.highest+1)
	return t.added.refresh(t.normalize)
}

// invalidUTF8 is the error for a byte that this tokenizer cannot encode.
func invalidUTF8(b byte, at int) error {
	return fmt.Errorf("byte %#02x at offset %d is not valid UTF-8, and this tokenizer takes characters, not bytes", b, at)
}
