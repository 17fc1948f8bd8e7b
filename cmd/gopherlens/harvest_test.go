package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHarvest harvests from JSON lines with the model's name first, twice, and looks at what is
// there.
func TestHarvest(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "texts.jsonl")
	line := `{"body": "When Mary and John went to the store, John gave a drink to Mary."}` + "\n"
	if err := os.WriteFile(text, []byte(strings.Repeat(line, 20)), 0o644); err != nil {
		t.Fatal(err)
	}
	more := filepath.Join(folder, "more") // where it is the only file
	if err := errors.Join(os.Mkdir(more, 0o755), os.Link(text, filepath.Join(more, "texts.jsonl"))); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(folder, "store")
	pureGo := []string{"GOMLX_BACKEND=go"}
	harvest := []string{"harvest", "../../hooked/testdata/arch/llama", "--corpus", text, "--field", "body", "--site", "resid_post,blocks.1.attn.hook_z",
		"-o", store, "--context", "20"}
	from := func(corpus ...string) []string {
		return append(append([]string{"harvest", "--corpus"}, corpus...), "--site", "resid_post", "--context", "20", "-o", filepath.Join(folder, "other"), harvest[1])
	}
	for _, test := range []struct {
		what   string
		args   []string
		status int
		want   []string
	}{
		{"first", append(harvest, "--tokens", "100"), 0, []string{"harvested 100 tokens", "blocks.2.hook_resid_post", "[head d_head] [6 6]"}},
		{"again", append(harvest, "--tokens", "100"), 0, []string{"nothing was missing", "100 tokens in 5 rows of 20, bfloat16"}},
		{"more", append(harvest, "--tokens", "200"), 0, []string{"200 tokens in 10 rows"}},
		{"as something else", append(harvest, "--dtype", "float32"), exitFailed, []string{"the precision", "bfloat16"}},
		{"shown", []string{"harvest", "show", "--verify", store}, 0, []string{"200 tokens", "every file has its checksum"}},
		{"shown to a program", []string{"harvest", "show", "--json", store}, 0, []string{`"tokens": 200`, `"name": "blocks.2.hook_resid_post"`, `"mean_norm": `}},
		{"a folder of lines", from(more, "--field", "body", "--tokens", "40"), 0, []string{"harvested 40 tokens"}},
		{"a glob of lines", from(filepath.Join(more, "*.jsonl"), "--field", "bdy"), exitFailed, []string{"no field \"bdy\""}},
		{"mixed", from(text + ",main.go"), exitFailed, []string{"files of several kinds", "main.go"}},
		{"mixed in a folder", from(folder), exitFailed, []string{"files of several kinds"}},
		{"a field of plain text", from("main.go", "--field", "body"), exitFailed, []string{"--field would do nothing"}},
		{"a field of a package", from("brown", "--field", "body"), exitFailed, []string{"--field would do nothing"}},
		{"nothing", []string{"harvest", "show", folder}, exitFailed, []string{"holds no activations"}},
	} {
		out, status := gopherlens(t, pureGo, test.args...)
		if status != test.status {
			t.Errorf("%s: status %d, want %d\n%s", test.what, status, test.status, out)
		}
		for _, want := range test.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is not in\n%s", test.what, want, out)
			}
		}
	}
}
