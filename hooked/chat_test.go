package hooked_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestChat asks the default model by its own template. The tokens are the fixture smollm2_gguf's of
// transformers (internal/jinja/testdata/chat), with the generation prompt, but for the digits.
func TestChat(t *testing.T) {
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m, _ := realModel(t, be)
		var fixture struct {
			Cases []struct {
				Messages string
				Prompt   bool `json:"add_generation_prompt"`
				Kwargs   map[string]any
				Text     *string
				IDs      []int `json:"ids_smollm2"`
			}
		}
		var all struct{ Messages map[string][]hooked.Message }
		golden.JSON(t, "../internal/jinja/testdata/chat/templates/smollm2_gguf.json", &fixture)
		golden.JSON(t, "../internal/jinja/testdata/chat/messages.json", &all)
		compared := 0
		for _, c := range fixture.Cases {
			if c.Text == nil || strings.ContainsAny(*c.Text, "0123456789²") {
				continue // the GGUF file's tokenizer has its digits apart
			}
			got, err := m.ToChatTokens(all.Messages[c.Messages], hooked.ChatOptions{AddGenerationPrompt: c.Prompt})
			if err != nil || len(got) != 1 || !slices.Equal(got[0], c.IDs) {
				t.Errorf("%s: got %v, %v, want %v", c.Messages, got, err, c.IDs)
			}
			compared++
		}
		if compared < 20 {
			t.Errorf("%d chats compared", compared)
		}
		tokens := hooked.Must(m.ToChatTokens([]hooked.Message{{Role: "user", Content: "What is the capital of France?"}},
			hooked.ChatOptions{AddGenerationPrompt: true}))
		after := hooked.Must(m.Generate(tokens, hooked.Generation{MaxNewTokens: 8}))
		if !slices.Equal(after[0][:len(tokens[0])], tokens[0]) {
			t.Errorf("%v does not go on with %v: a BOS came before?", after, tokens)
		}
		if text := hooked.Must(m.ToString(after[0][len(tokens[0]):])); !strings.Contains(text, "Paris") {
			t.Errorf("the answer is %q", text)
		}
	})
}

func TestChatRefuses(t *testing.T) {
	m := hooked.Must(hooked.FromPretrained(exampleModel, hooked.DefaultProcessing))
	messages := []hooked.Message{{Role: "user", Content: "hi"}}
	if _, err := m.ToChatTokens(messages); err == nil {
		t.Error("a model without tokenizer made tokens")
	}
	if _, err := m.ToChatTokens(messages, hooked.ChatOptions{}, hooked.ChatOptions{}); err == nil || !strings.Contains(err.Error(), "2 tokenize.ChatOptions") {
		t.Errorf("two options: %v", err)
	}
}

// The default model is asked by its own template.
func ExampleModel_ToChatTokens() {
	model, err := hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing)
	if err != nil {
		fmt.Println(err)
		return
	}
	question := []hooked.Message{{Role: "user", Content: "What is the capital of France?"}}
	tokens := hooked.Must(model.ToChatTokens(question, hooked.ChatOptions{AddGenerationPrompt: true}))
	answer := hooked.Must(model.Generate(tokens, hooked.Generation{MaxNewTokens: 20}))
	fmt.Println(hooked.Must(model.ToString(answer[0][len(tokens[0]):])))
}
