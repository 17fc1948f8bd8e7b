package jinja_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/jinja"
)

// FuzzTemplate renders templates that nobody wrote: each ends soon, in text or in an error of the
// template, not in one of ours.
func FuzzTemplate(f *testing.F) {
	for _, source := range knownTemplates(f) {
		f.Add(source)
	}
	messages := json.RawMessage(`[{"role": "user", "content": "a é 😀 <b>\n"}, {"role": "assistant", "content": [{"text": "x"}], "n": 1.5}]`)
	f.Fuzz(func(t *testing.T, source string) {
		begun := time.Now()
		template, err := jinja.Parse(source)
		if err == nil {
			_, err = template.Render(map[string]any{
				"messages": messages, "tools": nil, "bos_token": "<s>", "x": 3, "y": -2.5, "s": "a,b c", "l": []any{3, 1, "b", nil}, "add_generation_prompt": true,
			}, jinja.Options{Limits: jinja.Limits{Steps: 1e5, Bytes: 32 << 20, Value: 1 << 20, Time: time.Second}})
		}
		if err != nil && !strings.HasPrefix(err.Error(), "chat template: ") {
			t.Errorf("%q: %v", source, err)
		}
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("%q took %v", source, took)
		}
	})
}

// knownTemplates are those of the fixtures.
func knownTemplates(tb testing.TB) []string {
	tb.Helper()
	var out []string
	for _, pattern := range []string{"templates/*.json", "features.json", "bad.json", "generation_tags.json"} {
		files, _ := filepath.Glob(filepath.Join("testdata", "chat", pattern))
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				tb.Fatal(err)
			}
			var all struct {
				Template string
				Cases    []struct{ Template string }
			}
			if err := json.Unmarshal(data, &all); err != nil {
				tb.Fatal(err)
			}
			out = append(out, all.Template)
			for _, c := range all.Cases {
				out = append(out, c.Template)
			}
		}
	}
	file, err := os.Open("testdata/random.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for i := 0; lines.Scan(); i++ {
		if i%10 != 0 {
			continue
		}
		var c struct{ T string }
		if json.Unmarshal(lines.Bytes(), &c) == nil && c.T != "" {
			out = append(out, c.T)
		}
	}
	return out
}
