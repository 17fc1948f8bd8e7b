package hooked_test

import (
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// TestGGUF loads GGUF files that testdata/gguf/make.py wrote from the fixtures' checkpoints, and compares their logits
// with those of the checkpoints.
func TestGGUF(t *testing.T) {
	files, err := filepath.Glob("testdata/gguf/*.gguf")
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures in testdata/gguf", err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".gguf")
		t.Run(name, func(t *testing.T) {
			m, err := hooked.FromPretrained(path, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
			if err != nil {
				t.Fatal(err)
			}
			_, file, tol := readGolden(t, name)
			compare(t, file, "hf_logits", hooked.Must(m.Run(hooked.Tokens(file.Ints("tokens")))), tol)
		})
	}
}
