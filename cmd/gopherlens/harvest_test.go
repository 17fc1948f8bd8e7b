package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHarvest harvests from JSON lines with the model's name first, twice, and looks at what is there.
func TestHarvest(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "texts.jsonl")
	line := `{"body": "When Mary and John went to the store, John gave a drink to Mary."}` + "\n"
	if err := os.WriteFile(text, []byte(strings.Repeat(line, 20)), 0o644); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(folder, "store")
	pureGo := []string{"GOMLX_BACKEND=go"}
	harvest := []string{"harvest", "../../hooked/testdata/arch/llama", "-corpus", text, "-field", "body", "-site", "resid_post,blocks.1.attn.hook_z",
		"-o", store, "-context", "20"}
	for _, test := range []struct {
		what   string
		args   []string
		status int
		want   []string
	}{
		{"first", append(harvest, "-tokens", "100"), 0, []string{"harvested 100 tokens", "blocks.2.hook_resid_post", "[head d_head] [6 6]"}},
		{"again", append(harvest, "-tokens", "100"), 0, []string{"nothing was missing", "100 tokens in 5 rows of 20, bfloat16"}},
		{"more", append(harvest, "-tokens", "200"), 0, []string{"200 tokens in 10 rows"}},
		{"as something else", append(harvest, "-dtype", "float32"), exitFailed, []string{"the precision", "bfloat16"}},
		{"shown", []string{"harvest", "-show", "-verify", store}, 0, []string{"200 tokens", "every file has its checksum"}},
		{"mixed", []string{"harvest", "-corpus", text + ",main.go", "-site", "z", "-o", store, "../../hooked/testdata/arch/llama"}, exitFailed,
			[]string{"files of several kinds"}},
		{"nothing", []string{"harvest", "-show", folder}, exitFailed, []string{"holds no activations"}},
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
