package tokenize_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopherlens/tokenize"
)

// textGolden is the part of golden.json that TransformerLens made.
type textGolden struct {
	ToTokens []struct {
		Input  stringOrList
		BOS    bool   `json:"prepend_bos"`
		Side   string `json:"padding_side"`
		Tokens [][]int
	} `json:"to_tokens"`
	Truncate []struct {
		Input    string
		BOS      bool `json:"prepend_bos"`
		Truncate bool
		Side     string `json:"padding_side"`
		Tokens   [][]int
	} `json:"truncate_n_ctx16"`
	ToStrTokens []struct {
		Input     string
		BOS       bool     `json:"prepend_bos"`
		StrTokens []string `json:"str_tokens"`
	} `json:"to_str_tokens"`
	ToString []struct {
		Tokens [][]int
		String []string
	} `json:"to_string"`
	Position []struct {
		Token    json.RawMessage `json:"single_token"`
		Input    string
		Mode     string
		BOS      bool `json:"prepend_bos"`
		Position *int
		Error    string
	} `json:"get_token_position"`
	Single []struct {
		Text  string
		ID    *int
		Error string
	} `json:"to_single_token"`
	SingleStr []struct {
		ID   int
		Text string
	} `json:"to_single_str_token"`
}

type stringOrList []string

func (l *stringOrList) UnmarshalJSON(data []byte) error {
	if data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(l))
	}
	*l = make([]string, 1)
	return json.Unmarshal(data, &(*l)[0])
}

// options are the options of a golden case. TransformerLens prepends a BOS to a
// text that has one; the goldens contain such texts.
func options(bos bool, side string) tokenize.Options {
	o := tokenize.Options{PrependBOS: tokenize.NoBOS, AllowDoubleBOS: true}
	if bos {
		o.PrependBOS = tokenize.PrependBOS
	}
	if side == "left" {
		o.PaddingSide = tokenize.PadLeft
	}
	return o
}

func TestTextGolden(t *testing.T) {
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			tok := f.load(t)
			want := new(textGolden)
			if err := json.Unmarshal(readFixture(t, f.golden, "golden.json"), want); err != nil {
				t.Fatal(err)
			}
			checkToTokens(t, tok, want)
			checkStrTokens(t, tok, want)
			checkSingle(t, tok, want)
		})
	}
}

func checkToTokens(t *testing.T, tok *tokenize.Tokenizer, want *textGolden) {
	for _, c := range want.ToTokens {
		got, err := tok.ToTokens(c.Input, options(c.BOS, c.Side))
		if err != nil || !reflect.DeepEqual(got, c.Tokens) {
			t.Errorf("ToTokens(%q, %v, %s) = %v, %v, want %v", c.Input, c.BOS, c.Side, got, err, c.Tokens)
		}
		checkMask(t, tok, c.Input, options(c.BOS, c.Side), c.Tokens)
	}
	for _, c := range want.Truncate {
		o := options(c.BOS, c.Side)
		if c.Truncate {
			o.Context, o.Truncate = 16, true
		}
		got, err := tok.ToTokens([]string{c.Input}, o)
		if err != nil || !reflect.DeepEqual(got, c.Tokens) {
			t.Errorf("ToTokens(%q, %v, truncate %v) = %v, %v, want %v", c.Input, c.BOS, c.Truncate, got, err, c.Tokens)
		}
	}
}

// checkMask holds rows that are padded one step after the other against the golden's, of which the
// mask must mark each text's own tokens.
func checkMask(t *testing.T, tok *tokenize.Tokenizer, texts []string, o tokenize.Options, want [][]int) {
	t.Helper()
	side := o.PaddingSide
	o.PaddingSide = tokenize.PadRight
	rows, err := tok.ToRows(texts, o)
	if err != nil {
		t.Fatal(err)
	}
	own := slices.Clone(rows)
	mask, err := tok.PadRows(rows, side)
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("the rows of %q are padded to %v, %v, want %v", texts, rows, err, want)
	}
	for i, row := range mask {
		var marked []int
		for k, one := range row {
			if one == 1 {
				marked = append(marked, want[i][k])
			}
		}
		if len(row) != len(want[i]) || !slices.Equal(marked, own[i]) {
			t.Errorf("the mask %v of %q marks %v, want %v", row, texts[i], marked, own[i])
		}
	}
	if o.PaddingSide = tokenize.PadLeft; side == tokenize.PadLeft {
		if _, err := tok.ToRows(texts, o); err == nil {
			t.Error("ToRows takes a side that it does not pad")
		}
	}
}

func checkStrTokens(t *testing.T, tok *tokenize.Tokenizer, want *textGolden) {
	for _, c := range want.ToStrTokens {
		got, err := tok.ToStrTokens(c.Input, options(c.BOS, ""))
		if err != nil || !slices.Equal(got, c.StrTokens) {
			t.Errorf("ToStrTokens(%q, %v) = %q, %v, want %q", c.Input, c.BOS, got, err, c.StrTokens)
		}
	}
	for _, c := range want.ToString {
		for i, ids := range c.Tokens {
			if got, err := tok.ToString(ids); err != nil || got != c.String[i] {
				t.Errorf("ToString(%v) = %q, %v, want %q", ids, got, err, c.String[i])
			}
		}
	}
	for _, c := range want.SingleStr {
		if got, err := tok.ToSingleStrToken(c.ID); err != nil || got != c.Text {
			t.Errorf("ToSingleStrToken(%d) = %q, %v, want %q", c.ID, got, err, c.Text)
		}
	}
}

func checkSingle(t *testing.T, tok *tokenize.Tokenizer, want *textGolden) {
	for _, c := range want.Single {
		got, err := tok.ToSingleToken(c.Text)
		if (err != nil) != (c.Error != "") || c.ID != nil && got != *c.ID {
			t.Errorf("ToSingleToken(%q) = %v, %v, want %v, %v", c.Text, got, err, c.ID, c.Error)
		}
	}
}

// The seed notebook's answers with GPT-2's files: [answer, other] per prompt.
func TestSeedAnswers(t *testing.T) {
	tok := load(t, unpack(t, "gpt2"))
	want := map[string]int{
		" Mary": 5335, " John": 1757, " Tom": 4186, " James": 3700,
		" Dan": 6035, " Sid": 15686, " Martin": 5780, " Amy": 14235,
	}
	for text, id := range want {
		if got, err := tok.ToSingleToken(text); err != nil || got != id {
			t.Errorf("ToSingleToken(%q) = %d, %v, want %d", text, got, err, id)
		}
	}
}

func TestNotASingleToken(t *testing.T) {
	_, err := load(t, unpack(t, "gpt2")).ToSingleToken(" Martín")
	want := `" Martín" is 2 tokens: [" Mart" "ín"]`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("ToSingleToken: %v, want %s", err, want)
	}
}

// The seed notebook's prompts on the real SmolLM2: its tokens as TransformerLens
// 2.16.1 saw them, BOS first. Two spaces stand before the second name.
func TestNotebookTokens(t *testing.T) {
	prompts := []string{
		"When John and Mary went to the shops,  John gave the bag to",
		"After Martin and Amy went to the park,  Martin gave a drink to",
	}
	want := [][]int{
		{1, 2427, 2322, 284, 5099, 3514, 288, 260, 14402, 28, 216, 2322, 4502, 260, 8727, 288},
		{1, 4582, 8478, 284, 24706, 3514, 288, 260, 5949, 28, 216, 8478, 4502, 253, 5968, 288},
	}
	got, err := fromGGUF(t).ToTokens(prompts, tokenize.Options{})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("ToTokens = %v, %v, want %v", got, err, want)
	}
}

func TestGetTokenPosition(t *testing.T) {
	for _, f := range fixtures {
		tok := f.load(t)
		want := new(textGolden)
		unmarshal(t, f.golden, "golden.json", want)
		for _, c := range want.Position {
			got, err := position(tok, c.Token, c.Input, c.Mode, options(c.BOS, ""))
			if (err != nil) != (c.Error != "") || c.Position != nil && got != *c.Position {
				t.Errorf("%s: position of %s in %q (%s, BOS %v) = %d, %v, want %v", f.name, c.Token, c.Input,
					c.Mode, c.BOS, got, err, c.Position)
			}
		}
	}
}

// position calls the method that fits the kind of token, a string or an id.
func position(tok *tokenize.Tokenizer, token json.RawMessage, text, mode string, o tokenize.Options) (int, error) {
	which := tokenize.First
	if mode == "last" {
		which = tokenize.Last
	}
	var s string
	if json.Unmarshal(token, &s) == nil {
		return tok.GetTokenPosition(s, text, which, o)
	}
	var id int
	if err := json.Unmarshal(token, &id); err != nil {
		return 0, err
	}
	rows, err := tok.ToTokens([]string{text}, o)
	if err != nil {
		return 0, err
	}
	return tok.GetIDPosition(id, rows[0], which)
}

func TestNoDoubleBOS(t *testing.T) {
	tok := load(t, unpack(t, "gpt2"))
	_, err := tok.ToTokens([]string{"fine", "<|endoftext|>Hello"}, tokenize.Options{})
	if err == nil || !strings.Contains(err.Error(), `text 1: the text begins with "<|endoftext|>"`) {
		t.Errorf("ToTokens with a BOS of its own: error %v", err)
	}
	rows, err := tok.ToTokens([]string{"<|endoftext|>Hello"}, tokenize.Options{PrependBOS: tokenize.NoBOS})
	if want := [][]int{{50256, 15496}}; err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("ToTokens(NoBOS) = %v, %v, want %v", rows, err, want)
	}
}

func TestContextOverflow(t *testing.T) {
	tok := load(t, unpack(t, "gpt2"))
	_, err := tok.ToTokens([]string{strings.Repeat(" word", 10)}, tokenize.Options{Context: 8})
	if want := "the text has 11 tokens, and the model has 8 positions"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	if !errors.Is(err, tokenize.ErrOutOfContext) {
		t.Errorf("%v is not tokenize.ErrOutOfContext", err)
	}
}

// A tokenizer that adds its own BOS: llama2's template does, and so the text gets
// no second one, and NoBOS takes it away.
func TestTemplateBOS(t *testing.T) {
	tok := load(t, unpack(t, "trained/llama2"))
	if !tok.PrependsBOS() {
		t.Fatal("PrependsBOS() = false")
	}
	plain, err := tok.Encode("a word")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		bos  tokenize.Prepend
		want []int
	}{
		{tokenize.PrependDefault, slices.Concat([]int{1}, plain)},
		{tokenize.PrependBOS, slices.Concat([]int{1}, plain)},
		{tokenize.NoBOS, plain},
	} {
		o := tokenize.Options{PrependBOS: test.bos}
		rows, err := tok.ToTokens([]string{"a word"}, o)
		if err != nil || !slices.Equal(rows[0], test.want) {
			t.Errorf("ToTokens(%v) = %v, %v, want %v", test.bos, rows, err, test.want)
		}
	}
}

func TestTokenizeAndConcatenate(t *testing.T) {
	tok := load(t, unpack(t, "gpt2"))
	// "one two three four" is 4 tokens, "five six" 2: with the EOS between, 7.
	documents := []string{"one two three four", "five six"}
	one := []int{505, 734, 1115, 1440}
	five := []int{13261, 2237}
	all := slices.Concat(one, []int{50256}, five)
	tests := []struct {
		options tokenize.ConcatenateOptions
		want    [][]int
	}{
		{tokenize.ConcatenateOptions{Length: 4}, [][]int{
			{50256, all[0], all[1], all[2]}, {50256, all[3], all[4], all[5]},
		}},
		{tokenize.ConcatenateOptions{Length: 7, NoBOS: true}, [][]int{all}},
		{tokenize.ConcatenateOptions{Length: 10}, [][]int{slices.Concat([]int{50256}, all, []int{50256, 50256})}},
	}
	for _, test := range tests {
		got, err := tok.TokenizeAndConcatenate(documents, test.options)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("TokenizeAndConcatenate(%+v) = %v, %v, want %v", test.options, got, err, test.want)
		}
	}
	if _, err := tok.TokenizeAndConcatenate(documents, tokenize.ConcatenateOptions{Length: 1}); err == nil {
		t.Error("rows without room for text: no error")
	}
}
