package tokenize_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gopherlens/tokenize"
)

// chatFixtures are what transformers 5.23's apply_chat_template gives: its README.md.
const chatFixtures = "../internal/jinja/testdata/chat"

func readChat(tb testing.TB, name string, into any) {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(chatFixtures, name))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// chatMessages are the conversations of the fixtures.
func chatMessages(tb testing.TB) map[string][]tokenize.Message {
	tb.Helper()
	var all struct{ Messages map[string][]tokenize.Message }
	readChat(tb, "messages.json", &all)
	return all.Messages
}

type chatCase struct {
	Messages  string
	Prompt    bool `json:"add_generation_prompt"`
	Kwargs    map[string]json.RawMessage
	Text      *string
	TextGPT2  *string `json:"text_gpt2"`
	SmolLM2   []int   `json:"ids_smollm2"`
	GPT2      []int   `json:"ids_gpt2"`
	Masks     []int   `json:"assistant_masks"`
	IDs       []int
	Template  string
	continued bool
}

func (c *chatCase) options(tb testing.TB, template string) tokenize.ChatOptions {
	tb.Helper()
	o := tokenize.ChatOptions{AddGenerationPrompt: c.Prompt, ContinueFinalMessage: c.continued, Template: template, Variables: map[string]any{}}
	for name, value := range c.Kwargs {
		if name != "tools" {
			o.Variables[name] = value
			continue
		}
		var tools []json.RawMessage
		if err := json.Unmarshal(value, &tools); err != nil {
			tb.Fatal(err)
		}
		for _, tool := range tools {
			o.Tools = append(o.Tools, tool)
		}
	}
	return o
}

func TestChat(t *testing.T) {
	messages := chatMessages(t)
	smollm2, gpt2 := fromJSON("smollm2")(t), fromJSON("gpt2")(t)
	files, _ := filepath.Glob(chatFixtures + "/templates/*.json")
	if len(files) == 0 {
		t.Fatal("no templates")
	}
	for _, file := range files {
		var all struct {
			Name, Template string
			Cases          []chatCase
			Continue       []chatCase `json:"continue_final_message"`
		}
		readChat(t, "templates/"+filepath.Base(file), &all)
		for i := range all.Continue {
			all.Continue[i].continued = true
		}
		for _, c := range append(all.Cases, all.Continue...) {
			o := c.options(t, all.Template)
			checkChat(t, all.Name+" "+c.Messages, smollm2, messages[c.Messages], o, c.Text, c.SmolLM2)
			text := c.Text
			if c.TextGPT2 != nil {
				text = c.TextGPT2
			}
			if c.GPT2 != nil || c.Text == nil {
				checkChat(t, all.Name+" gpt2 "+c.Messages, gpt2, messages[c.Messages], o, text, c.GPT2)
			}
		}
	}
}

func checkChat(t *testing.T, name string, tok *tokenize.Tokenizer, messages []tokenize.Message, o tokenize.ChatOptions, text *string, ids []int) {
	t.Helper()
	got, err := tok.Chat(messages, o)
	switch {
	case (err == nil) != (text != nil):
		t.Errorf("%s: got %+v, %v", name, got, err)
	case err != nil:
	case got.Text != *text:
		t.Errorf("%s: got %q, want %q", name, got.Text, *text)
	case ids != nil && !slices.Equal(got.IDs, ids):
		t.Errorf("%s: got %v, want %v", name, got.IDs, ids)
	case ids == nil && !o.ContinueFinalMessage:
		t.Errorf("%s: the fixture has no ids", name)
	}
}

func TestChatAssistant(t *testing.T) {
	messages := chatMessages(t)
	tok := fromJSON("smollm2")(t)
	var all struct{ Cases []chatCase }
	readChat(t, "generation_tags.json", &all)
	if len(all.Cases) == 0 {
		t.Fatal("no cases")
	}
	for _, c := range all.Cases {
		checkChat(t, c.Messages, tok, messages[c.Messages], c.options(t, c.Template), c.Text, c.IDs)
		got, err := tok.Chat(messages[c.Messages], c.options(t, c.Template))
		if err != nil {
			continue
		}
		mask := ones(got.Assistant)
		if !slices.Equal(mask, c.Masks) {
			t.Errorf("%s %s: got %v, want %v", c.Template, c.Messages, mask, c.Masks)
		}
	}
}

// TestChatBad passes the templates that a model had better not have: each ends soon.
func TestChatBad(t *testing.T) {
	var all struct {
		Cases []struct {
			Name, Template, Expect string
			Messages               []tokenize.Message
			Python                 struct{ Text string }
		}
	}
	readChat(t, "bad.json", &all)
	tok := loadExample()
	for _, c := range all.Cases {
		begun := time.Now()
		got, err := tok.Chat(c.Messages, tokenize.ChatOptions{Template: c.Template})
		if (err == nil) != (c.Expect == "text") || err == nil && got.Text != c.Python.Text {
			t.Errorf("%s: got %+v, %v, want %s %q", c.Name, got, err, c.Expect, c.Python.Text)
		}
		if took := time.Since(begun); took > 5*time.Second { // a second where nothing else runs
			t.Errorf("%s took %v", c.Name, took)
		}
	}
}

func TestChatRefuses(t *testing.T) {
	tok := loadExample()
	user := []tokenize.Message{{Role: "user", Content: "hi"}}
	const plain = "{% for m in messages %}{{ m.content }}{% endfor %}"
	tests := []struct {
		messages []tokenize.Message
		o        tokenize.ChatOptions
		want     string
	}{
		{user, tokenize.ChatOptions{}, "has no chat template, as those of base models: give one as Template"},
		{user, tokenize.ChatOptions{Template: "tool_use"}, `Template "tool_use" is no template`},
		{nil, tokenize.ChatOptions{Template: plain}, "there are no messages"},
		{user, tokenize.ChatOptions{Template: plain, AddGenerationPrompt: true, ContinueFinalMessage: true}, "ask for one of them"},
		{user, tokenize.ChatOptions{Template: plain, ContinueField: "content"}, "without ContinueFinalMessage"},
		{user, tokenize.ChatOptions{Template: plain, ContinueFinalMessage: true, ContinueField: "thinking"}, `has no "thinking"`},
		{user, tokenize.ChatOptions{Template: "{{ messages[0].role }}", ContinueFinalMessage: true}, `does not read "content"`},
		{user, tokenize.ChatOptions{Template: "{{ messages[0].content[:1] }}", ContinueFinalMessage: true}, "changes the last message"},
		{[]tokenize.Message{{Content: "hi"}}, tokenize.ChatOptions{Template: plain}, "message 0: it has no Role"},
		{[]tokenize.Message{{Role: "user", Fields: map[string]any{"content": 1}}}, tokenize.ChatOptions{Template: plain}, "a field of its own"},
		{[]tokenize.Message{{Role: "user", Content: func() {}}}, tokenize.ChatOptions{Template: plain}, "message 0: content"},
		{[]tokenize.Message{{Role: "user", Content: json.RawMessage("[1")}}, tokenize.ChatOptions{Template: plain}, "JSON"},
		{user, tokenize.ChatOptions{Template: plain, Tools: []any{"f"}}, "Tools: entry 0 is a string"},
		{user, tokenize.ChatOptions{Template: plain, Documents: []any{1}}, "Documents: entry 0 is a int"},
		{user, tokenize.ChatOptions{Template: plain, Variables: map[string]any{"tools": 1}}, "give it as Tools"},
		{user, tokenize.ChatOptions{Template: "{% if %}"}, "line 1"},
		{user, tokenize.ChatOptions{Template: "{{ raise_exception('no') }}"}, "the template refuses: no"},
	}
	for _, test := range tests {
		got, err := tok.Chat(test.messages, test.o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %+v, %v, want %q", test.o, got, err, test.want)
		}
	}
}

// A message keeps what its JSON says, in its order, and what is set later counts.
func TestMessageJSON(t *testing.T) {
	const text = `{"content":[{"text":"a","b":1}],"tool_calls":[{"z":1,"a":{"y":2,"b":3}}],"role":"user","none":null}`
	var m tokenize.Message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	if back, err := json.Marshal(m); err != nil || string(back) != text {
		t.Errorf("got %s, %v, want %s", back, err, text)
	}
	m.Role, m.Content, m.Fields["more"] = "tool", "new", 1
	delete(m.Fields, "tool_calls")
	tok := loadExample()
	got, err := tok.Chat([]tokenize.Message{m}, tokenize.ChatOptions{Template: "{{ messages[0] | tojson }}"})
	if want := `{"content": "new", "role": "tool", "more": 1}`; err != nil || got.Text != want {
		t.Errorf("got %v, %v, want %s", got, err, want)
	}
	if err := json.Unmarshal([]byte(`{"role": 1}`), &m); err == nil {
		t.Error("a role of 1 was taken")
	}
}

// Where a tokenizer's templates are found, in the order of transformers 5.23, and that they are
// kept.
func TestChatTemplates(t *testing.T) {
	const one, list = `{"chat_template": "{{ 1 }}"}`, `{"chat_template": [{"name": "default", "template": "{{ 2 }}"}, {"name": "rag", "template": "{{ 3 }}"}]}`
	tests := []struct {
		files map[string]string
		want  map[string]string
	}{
		{nil, nil},
		{map[string]string{"tokenizer_config.json": `{"chat_template": null}`}, nil},
		{map[string]string{"tokenizer_config.json": one}, map[string]string{"default": "{{ 1 }}"}},
		{map[string]string{"tokenizer_config.json": list}, map[string]string{"default": "{{ 2 }}", "rag": "{{ 3 }}"}},
		{map[string]string{"tokenizer_config.json": list, "chat_template.jinja": "{{ 4 }}"}, map[string]string{"default": "{{ 4 }}"}},
		{map[string]string{"tokenizer_config.json": one, "additional_chat_templates/tool_use.jinja": "{{ 5 }}"}, map[string]string{"tool_use": "{{ 5 }}"}},
		{map[string]string{"chat_template.jinja": "{{ 4 }}", "additional_chat_templates/rag.jinja": "{{ 5 }}"},
			map[string]string{"default": "{{ 4 }}", "rag": "{{ 5 }}"}},
		{map[string]string{"tokenizer_config.json": `{"chat_template": {"default": "{{ 6 }}"}}`}, map[string]string{"default": "{{ 6 }}"}},
	}
	for _, test := range tests {
		dir := t.TempDir()
		test.files = withFile(test.files, "tokenizer.json", wordsFile)
		for name, data := range test.files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tok := load(t, dir)
		checkTemplates(t, tok, test.want)
		files, err := tok.Files()
		if err != nil {
			t.Fatal(err)
		}
		again, err := tokenize.FromFiles(files)
		if err != nil {
			t.Fatal(err)
		}
		checkTemplates(t, again, test.want)
		saved := t.TempDir()
		if err := again.Save(saved); err != nil {
			t.Fatal(err)
		}
		checkTemplates(t, load(t, saved), test.want)
	}
}

func withFile(files map[string]string, name, data string) map[string]string {
	out := map[string]string{name: data}
	for name, data := range files {
		out[name] = data
	}
	return out
}

func checkTemplates(t *testing.T, tok *tokenize.Tokenizer, want map[string]string) {
	t.Helper()
	if got := tok.ChatTemplates(); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChatTemplatesRefused(t *testing.T) {
	for _, config := range []string{`{"chat_template": 1}`, `{"chat_template": [{"name": "default"}]}`, `{"chat_template": ["a"]}`, `{"chat_template": {"a": 1}}`} {
		dir := t.TempDir()
		for name, data := range map[string]string{"tokenizer.json": wordsFile, "tokenizer_config.json": config} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := tokenize.Load(dir)
		if err == nil || !strings.Contains(err.Error(), "chat_template") {
			t.Errorf("%s: %v", config, err)
		}
		checkKind(t, err, tokenize.ErrUnsupportedFile)
	}
}

// Which template is taken: transformers' get_chat_template.
func TestChatChooses(t *testing.T) {
	metadata := smollmGGUF(t)
	metadata["tokenizer.chat_template"] = "default {{ bos_token }}{{ eos_token }}{{ pad_token }}{{ unk_token }}{{ sep_token }}"
	metadata["tokenizer.chat_template.tool_use"] = "tools"
	metadata["tokenizer.chat_template.rag"] = "rag {{ bos_token }}"
	tok, err := tokenize.FromGGUF(metadata)
	if err != nil {
		t.Fatal(err)
	}
	files, err := tok.Files()
	if err != nil {
		t.Fatal(err)
	}
	if tok, err = tokenize.FromFiles(files); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		o    tokenize.ChatOptions
		want string
	}{
		{tokenize.ChatOptions{}, "default <|im_start|><|im_end|><|im_end|><|endoftext|>"},
		{tokenize.ChatOptions{Tools: []any{}}, "tools"},
		{tokenize.ChatOptions{Template: "rag"}, "rag <|im_start|>"},
		{tokenize.ChatOptions{Template: "rag", Variables: map[string]any{"bos_token": "<s>"}}, "rag <s>"},
		{tokenize.ChatOptions{Template: "{{ 1 }}"}, "1"},
		{tokenize.ChatOptions{Template: "{{ strftime_now('%d %b %Y') }}", Now: time.Date(2024, 7, 26, 0, 0, 0, 0, time.UTC)}, "26 Jul 2024"},
	} {
		got, err := tok.Chat([]tokenize.Message{{Role: "user", Content: "hi"}}, test.o)
		if err != nil || got.Text != test.want {
			t.Errorf("%+v: got %v, %v, want %q", test.o, got, err, test.want)
		}
	}
}
