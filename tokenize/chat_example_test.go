package tokenize_test

import (
	"encoding/json"
	"fmt"

	"gopherlens/tokenize"
)

func ExampleTokenizer_Chat() {
	t := loadExample() // its file has no template, as those of base models
	messages := []tokenize.Message{{Role: "user", Content: "hi"}, {Role: "assistant", Content: "hi hi!"}}
	_, err := t.Chat(messages, tokenize.ChatOptions{})
	fmt.Println(err)

	template := `{% for m in messages %}{% if m.role == "user" %}{{ m.content }}{% else %}` +
		`{% generation %} {{ m.content }}{% endgeneration %}{{ eos_token }}{% endif %}{% endfor %}`
	chat, _ := t.Chat(messages, tokenize.ChatOptions{Template: template, Variables: map[string]any{"eos_token": "<|endoftext|>"}})
	fmt.Println(chat.Text)
	fmt.Println(chat.IDs)
	fmt.Println(chat.Assistant)
	// Output:
	// chat: the tokenizer has no chat template, as those of base models: give one as Template, such as that of the model's instruct sister
	// hi hi hi!<|endoftext|>
	// [3 4 4 5 6]
	// [false true true true false]
}

// Messages are read from JSON as they are written: the order of their keys stays.
func ExampleMessage() {
	var messages []tokenize.Message
	err := json.Unmarshal([]byte(`[{"role": "user", "content": "What is 2 + 2?"}, {"role": "assistant",
		"tool_calls": [{"function": {"name": "add", "arguments": {"b": 2, "a": 2}}}]}]`), &messages)
	fmt.Println(messages[1].Role, len(messages[1].Fields), err)

	chat, err := loadExample().Chat(messages, tokenize.ChatOptions{Template: "{{ messages[1].tool_calls[0].function | tojson }}"})
	fmt.Println(chat.Text, err)
	// Output:
	// assistant 1 <nil>
	// {"name": "add", "arguments": {"b": 2, "a": 2}} <nil>
}
