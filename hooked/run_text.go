package hooked

import (
	"slices"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/tokenize"
)

// tokensOf takes an input in any of the forms that [Model.Run] documents.
func (m *Model) tokensOf(input any, r request) (Tokens, error) {
	switch v := input.(type) {
	case Tokens:
		return v, nil
	case [][]int:
		return v, nil
	case []int:
		return Tokens{v}, nil
	case string:
		return m.toTokens([]string{v}, r)
	case []string:
		return m.toTokens(v, r)
	}
	return nil, brief.Errorf("input of type %s: want a string, []string, hooked.Tokens, [][]int, []int, or with StartAtLayer a *hooked.Tensor", typeOf(input))
}

func (m *Model) toTokens(texts []string, r request) (Tokens, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	o := tokenize.Options{PrependBOS: tokenize.NoBOS, PaddingSide: r.padding}
	if m.wantsBOS(r) {
		o.PrependBOS = tokenize.PrependBOS
	}
	return askTokenizer(m, question("tokens", texts, o), func(tok *tokenize.Tokenizer) (Tokens, error) { return tok.ToTokens(texts, o) })
}

// ToTokens turns texts into token ids [batch][pos], with a BOS first unless [PrependBOS] or the
// model's default says otherwise. Shorter texts are padded, on the right unless [PaddingSide] says
// otherwise.
func (m *Model) ToTokens(texts []string, options ...Option) (Tokens, error) {
	var r request
	if err := verbToTokens.begin(&r, options); err != nil {
		return nil, err
	}
	return m.toTokens(texts, r)
}

// ToChatTokens turns a conversation into tokens [1][pos] by the model's own chat template:
//
//	hi := []hooked.Message{{Role: "user", Content: "Hi"}}
//	tokens, err := model.ToChatTokens(hi, hooked.ChatOptions{AddGenerationPrompt: true})
//
// They are ready for [Model.Run] and [Model.Generate]: the template has written what special tokens
// there are to be, and no BOS comes before tokens. At most one set of options; without, the text
// ends after the last message. Base models have no template: the error says what to give.
// [tokenize.Tokenizer.Chat] gives the text, too, and which tokens are the assistant's.
func (m *Model) ToChatTokens(messages []Message, options ...ChatOptions) (Tokens, error) {
	o, err := oneOption(options)
	if err != nil {
		return nil, err
	}
	tok, err := m.Tokenizer()
	if err != nil {
		return nil, err
	}
	chat, err := tok.Chat(messages, o)
	if err != nil {
		return nil, err
	}
	return Tokens{chat.IDs}, nil
}

// A Message is one turn of a chat, and ChatOptions say how it becomes text.
type (
	Message     = tokenize.Message
	ChatOptions = tokenize.ChatOptions
)

// ToStrTokens splits a text into its tokens as strings.
func (m *Model) ToStrTokens(text string, options ...Option) ([]string, error) {
	var r request
	if err := verbToStrTokens.begin(&r, options); err != nil {
		return nil, err
	}
	tokens, err := m.toTokens([]string{text}, r)
	if err != nil {
		return nil, err
	}
	return m.StrTokens(tokens[0])
}

// StrTokens are token ids as strings, each decoded on its own; "" for an id that the tokenizer does
// not have, as models with a padded vocabulary emit.
func (m *Model) StrTokens(ids []int) ([]string, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return askTokenizer(m, question("strings", ids), func(tok *tokenize.Tokenizer) ([]string, error) { return tok.StrTokens(ids) })
}

// ToString decodes token ids; one that the tokenizer does not have is no text.
func (m *Model) ToString(ids []int) (string, error) {
	tok, err := m.Tokenizer()
	if err != nil {
		return "", err
	}
	return tok.ToString(ids)
}

// ToSingleToken is the id of a text that is exactly one token; an error that shows the tokens if it
// is not.
func (m *Model) ToSingleToken(text string) (int, error) {
	if err := m.check(); err != nil {
		return 0, err
	}
	return askTokenizer(m, question("single", text), func(tok *tokenize.Tokenizer) (int, error) { return tok.ToSingleToken(text) })
}

// ToSingleTokens is [Model.ToSingleToken] for a table of texts, such as the right and the wrong
// answer of each prompt: [][]string{{" Mary", " John"}, ...} to Tokens of the same shape.
func (m *Model) ToSingleTokens(texts [][]string) (Tokens, error) {
	out := make(Tokens, len(texts))
	for i, row := range texts {
		for _, text := range row {
			id, err := m.ToSingleToken(text)
			if err != nil {
				return nil, err
			}
			out[i] = append(out[i], id)
		}
	}
	return out, nil
}

func (m *Model) padToken() (int, bool) { return m.specialToken("pad", (*tokenize.Tokenizer).Pad) }

func (m *Model) bosToken() (int, bool) { return m.specialToken("bos", (*tokenize.Tokenizer).BOS) }

// specialToken asks for a token that a tokenizer may not have; nor may the model have a tokenizer.
func (m *Model) specialToken(name string, of func(*tokenize.Tokenizer) (int, bool)) (int, bool) {
	ids, err := askTokenizer(m, question(name), func(tok *tokenize.Tokenizer) ([]int, error) {
		if id, ok := of(tok); ok {
			return []int{id}, nil
		}
		return nil, nil
	})
	if err != nil || len(ids) == 0 {
		return 0, false
	}
	return ids[0], true
}

// wantsBOS reports whether a run's texts get a BOS.
func (m *Model) wantsBOS(r request) bool {
	if r.prependBOS != nil {
		return *r.prependBOS
	}
	return m.cfg.DefaultPrependBOS
}

// TokensToResidualDirections are the directions in the residual stream that raise the logits of
// tokens: columns of W_U as rows, before a final soft cap (Gemma 2). For tokens [batch][n] the
// result is [batch, n, d_model].
func (m *Model) TokensToResidualDirections(tokens Tokens) (*Tensor, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if len(tokens) == 0 || len(tokens[0]) == 0 {
		return nil, brief.Errorf("TokensToResidualDirections: there are no tokens")
	}
	for i, row := range tokens {
		if len(row) != len(tokens[0]) {
			return nil, brief.Errorf("TokensToResidualDirections: row %d has %d tokens, row 0 has %d", i, len(row), len(tokens[0]))
		}
	}
	flat := slices.Concat(tokens...)
	for _, id := range flat {
		if id < 0 || id >= m.cfg.DVocabOut {
			return nil, brief.Errorf("token %d is outside the vocabulary of %d", id, m.cfg.DVocabOut)
		}
	}
	wU, err := m.WU()
	if err != nil {
		return nil, err
	}
	var out *Tensor
	err = Try(func() {
		rows := wU.gather(1, flat).transpose()
		out = rows.reshape([]string{"batch", "token", "d_model"}, len(tokens), len(tokens[0]), m.cfg.DModel)
	})
	return out, err
}

// Tokens are token ids, [batch][pos]; all rows are equally long.
type Tokens [][]int

// A Side is where shorter texts are filled up.
type Side = tokenize.Side

// The sides.
const (
	Right = tokenize.PadRight
	Left  = tokenize.PadLeft
)

// Shape is [batch, pos].
func (t Tokens) Shape() []int {
	if len(t) == 0 {
		return []int{0, 0}
	}
	return []int{len(t), len(t[0])}
}

// check reports rows of unequal length, tokens outside the vocabulary, and inputs longer than the
// context.
func (t Tokens) check(c Config) error {
	if len(t) == 0 || len(t[0]) == 0 {
		return brief.Errorf("the input has no tokens")
	}
	for i, row := range t {
		if len(row) != len(t[0]) {
			return brief.Errorf("prompt %d has %d tokens, prompt 0 has %d: pad them to one length (ToTokens does)", i, len(row), len(t[0]))
		}
		for j, id := range row {
			if id < 0 || id >= c.DVocab {
				return brief.Errorf("prompt %d, position %d: token %d is outside the vocabulary of %d", i, j, id, c.DVocab)
			}
		}
	}
	return c.checkLength(len(t[0]), "tokens")
}

// checkLength refuses an input of n tokens or positions that does not fit into the context.
func (c Config) checkLength(n int, of string) error {
	if n <= c.longest() {
		return nil
	}
	return fault.Mark(brief.Errorf("the input has %d %s, the model's context %d", n, of, c.NCtx), ErrOutOfContext)
}

// followedBy joins the tokens of each prompt with those that follow them. It changes neither.
func (t Tokens) followedBy(more Tokens) Tokens {
	if len(t) == 0 {
		return more
	}
	out := make(Tokens, len(t))
	for i := range out {
		out[i] = slices.Concat(t[i], more[i])
	}
	return out
}

func flatten32(rows [][]int) []int32 {
	var out []int32
	for _, row := range rows {
		for _, v := range row {
			out = append(out, int32(v))
		}
	}
	return out
}
