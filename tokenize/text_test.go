package tokenize_test

import (
	"encoding/json"
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
