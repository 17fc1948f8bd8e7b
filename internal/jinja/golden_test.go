package jinja_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/jinja"
)

// The cases of testdata/chat are what transformers' apply_chat_template gives:
// testdata/chat/README.md.

func read(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "chat", name))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func value(t *testing.T, data json.RawMessage) any {
	t.Helper()
	if data == nil {
		return nil
	}
	v, err := jinja.FromJSON(data)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func render(t *testing.T, source string, variables map[string]json.RawMessage, more map[string]any) (*jinja.Rendering, error) {
	t.Helper()
	template, err := jinja.Parse(source)
	if err != nil {
		return nil, err
	}
	all := map[string]any{"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "add_generation_prompt": false}
	for name, data := range variables {
		all[name] = value(t, data)
	}
	for name, v := range more {
		all[name] = v
	}
	return template.Render(all, jinja.Options{})
}

func TestFeatures(t *testing.T) {
	var all struct {
		Cases []struct {
			Name, Template string
			Variables      map[string]json.RawMessage
			Text           *string
		}
	}
	read(t, "features.json", &all)
	for _, c := range all.Cases {
		out, err := render(t, c.Template, c.Variables, nil)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		} else if out.Text != *c.Text {
			t.Errorf("%s: got %q, want %q", c.Name, out.Text, *c.Text)
		}
	}
}

func TestBad(t *testing.T) {
	var all struct {
		Cases []struct {
			Name, Template, Expect string
			Messages               json.RawMessage
			Python                 struct{ Text string }
		}
	}
	read(t, "bad.json", &all)
	for _, c := range all.Cases {
		begun := time.Now()
		out, err := render(t, c.Template, map[string]json.RawMessage{"messages": c.Messages}, nil)
		switch {
		case (err == nil) != (c.Expect == "text"):
			t.Errorf("%s: got %v, %v, want %s", c.Name, out, err, c.Expect)
		case err == nil && out.Text != c.Python.Text:
			t.Errorf("%s: got %q, want %q", c.Name, out.Text, c.Python.Text)
		default:
			t.Log(c.Name, err, time.Since(begun).Round(time.Millisecond))
		}
	}
}

func TestTemplates(t *testing.T) {
	var messages struct{ Messages map[string]json.RawMessage }
	read(t, "messages.json", &messages)
	files, _ := filepath.Glob("testdata/chat/templates/*.json")
	if len(files) == 0 {
		t.Fatal("no templates")
	}
	for _, file := range files {
		var all struct {
			Template string
			Cases    []struct {
				Messages string
				Kwargs   map[string]json.RawMessage
				Prompt   bool `json:"add_generation_prompt"`
				Text     *string
			}
		}
		read(t, "templates/"+filepath.Base(file), &all)
		for _, c := range all.Cases {
			out, err := render(t, all.Template, c.Kwargs, map[string]any{
				"messages": value(t, messages.Messages[c.Messages]), "add_generation_prompt": c.Prompt, "tools": value(t, c.Kwargs["tools"]), "documents": nil,
			})
			switch {
			case (err == nil) != (c.Text != nil):
				t.Errorf("%s %s: got %v, %v", filepath.Base(file), c.Messages, out, err)
			case err == nil && out.Text != *c.Text:
				t.Errorf("%s %s: got %q, want %q", filepath.Base(file), c.Messages, out.Text, *c.Text)
			}
		}
	}
}

// TestLong renders a conversation that is longer than any model reads.
func TestLong(t *testing.T) {
	var messages []any
	for i := range 4000 {
		messages = append(messages, map[string]any{"role": []string{"user", "assistant"}[i%2], "content": strings.Repeat("some words ", 100)})
	}
	files, _ := filepath.Glob("testdata/chat/templates/*.json")
	for _, file := range files {
		var all struct{ Template string }
		read(t, "templates/"+filepath.Base(file), &all)
		begun := time.Now()
		out, err := render(t, all.Template, nil, map[string]any{"messages": messages, "tools": nil})
		if err != nil || len(out.Text) < 4e6 {
			t.Errorf("%s: %v", file, err)
			continue
		}
		t.Log(filepath.Base(file), len(out.Text), time.Since(begun).Round(time.Millisecond))
	}
}

// TestSmall compares with Jinja2 on one corner of the language after the other: testdata/small.py.
func TestSmall(t *testing.T) {
	data, err := os.ReadFile("testdata/small.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Template, Error string
		Text            *string
	}
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 100 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		out, err := render(t, c.Template, nil, map[string]any{"x": []any{1}})
		switch {
		case (err == nil) != (c.Text != nil):
			t.Errorf("%s: got %v, %v, want %q", c.Template, out, err, c.Error)
		case err == nil && out.Text != *c.Text:
			t.Errorf("%s: got %q, want %q", c.Template, out.Text, *c.Text)
		}
	}
}
