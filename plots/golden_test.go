package plots_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden pictures in testdata anew")

// TestGolden compares every static picture with the one that was looked at and
// found good. After a change on purpose: go test ./plots -run Golden -update,
// and look at the files again.
func TestGolden(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			got, err := s.figure.SVG()
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, filepath.Join("testdata", s.name+".svg"), got)
		})
	}
}

func compareGolden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the picture differs from %s; if on purpose, run with -update", path)
	}
}
