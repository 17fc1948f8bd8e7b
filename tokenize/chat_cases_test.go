package tokenize_test

import (
	"encoding/json"
	"slices"
	"testing"

	"gopherlens/tokenize"
)

// chatAnswer is what transformers makes of a case of testdata/chat/cases.json, which make.py there
// writes.
type chatAnswer struct {
	Text, Error string
	IDs, Mask   []int
}

type madeCase struct {
	Template         string
	Messages         []tokenize.Message
	Tools, Documents []json.RawMessage
	Kwargs           map[string]json.RawMessage
	Mask             bool
	Continue         any  `json:"continue_final_message"`
	Prompt           bool `json:"add_generation_prompt"`
	SmolLM2, GPT2    chatAnswer
}

func (c *madeCase) options() tokenize.ChatOptions {
	o := tokenize.ChatOptions{Template: c.Template, AddGenerationPrompt: c.Prompt, Tools: rawList(c.Tools), Documents: rawList(c.Documents),
		Variables: map[string]any{}}
	for name, v := range c.Kwargs {
		o.Variables[name] = v
	}
	o.ContinueField, o.ContinueFinalMessage = c.Continue.(string)
	if on, ok := c.Continue.(bool); ok {
		o.ContinueFinalMessage = on
	}
	return o
}

func rawList(all []json.RawMessage) []any {
	if all == nil {
		return nil
	}
	out := []any{}
	for _, v := range all {
		out = append(out, v)
	}
	return out
}

func TestChatCases(t *testing.T) {
	var cases []madeCase
	unmarshal(t, "chat", "cases.json", &cases)
	tokenizers := []*tokenize.Tokenizer{fromJSON("smollm2")(t), fromJSON("gpt2")(t)}
	for _, c := range cases {
		for i, want := range []chatAnswer{c.SmolLM2, c.GPT2} {
			got, err := tokenizers[i].Chat(c.Messages, c.options())
			messages, _ := json.Marshal(c.Messages)
			switch {
			case (err == nil) != (want.Error == ""):
				t.Errorf("%s %s %v: got %+v, %v, want %+v", c.Template, messages, c.Continue, got, err, want)
			case err != nil:
			case got.Text != want.Text:
				t.Errorf("%s %s %v: got %q, want %q", c.Template, messages, c.Continue, got.Text, want.Text)
			case !slices.Equal(got.IDs, want.IDs):
				t.Errorf("%s %s %v: got %v, want %v", c.Template, messages, c.Continue, got.IDs, want.IDs)
			case c.Mask && !slices.Equal(ones(got.Assistant), want.Mask):
				t.Errorf("%s %q: got %v, want %v", c.Template, got.Text, ones(got.Assistant), want.Mask)
			}
		}
	}
}

func ones(mask []bool) []int {
	out := make([]int, len(mask))
	for i, is := range mask {
		if is {
			out[i] = 1
		}
	}
	return out
}
