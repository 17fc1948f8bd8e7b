package weights_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/weights"
)

func TestSplitGGUF(t *testing.T) {
	for _, path := range []string{"testdata/split", "testdata/split/m-00001-of-00003.gguf", "testdata/split/m-00003-of-00003.gguf"} {
		f := open(t, path)
		if got := f.Names(); !slices.Equal(got, []string{"a", "b", "c", "d", "e"}) {
			t.Errorf("%s: names %q", path, got)
		}
		if got := float32s(t, tensor(t, f, "d")); !slices.Equal(got, []float32{30, 31, 32}) {
			t.Errorf("%s: d is %v", path, got)
		}
		if f.Metadata()["general.name"] != "split" {
			t.Errorf("%s: metadata %v", path, f.Metadata())
		}
	}
	one, err := weights.Identity("testdata/split")
	other, err2 := weights.Identity("testdata/split/m-00002-of-00003.gguf")
	if err != nil || err2 != nil || one != other {
		t.Errorf("a part has another identity than the whole: %q %v, %q %v", one, err, other, err2)
	}
}

// TestBadSplit: parts that are missing, or of another file, are named.
func TestBadSplit(t *testing.T) {
	part := func(i string) string { return "m-0000" + i + "-of-00003.gguf" }
	rename := func(dir, from, to string) {
		if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	for fault, c := range map[string]struct {
		do   func(dir string)
		open string
		want []string
	}{
		"missing": {func(dir string) { os.Remove(filepath.Join(dir, part("2"))) }, part("1"), []string{"part 2", part("2"), "fetch it"}},
		"swapped": {func(dir string) {
			rename(dir, part("3"), "x")
			rename(dir, part("2"), part("3"))
			rename(dir, "x", part("2"))
		},
			part("1"), []string{part("2"), "it says itself that it is part 3"}},
		"another name":  {func(dir string) { rename(dir, part("1"), "m.gguf") }, "m.gguf", []string{"one of 3 parts", "NAME-00001-of-00003.gguf"}},
		"another count": {func(dir string) { rename(dir, part("1"), "m-00001-of-00001.gguf") }, "m-00001-of-00001.gguf", []string{"one of 3 parts"}},
		"no part":       {func(dir string) { copyFile(t, "testdata/types.gguf", filepath.Join(dir, part("2"))) }, part("1"), []string{part("2"), "one of 3 parts", "there are 0"}},
		"of another model": {func(dir string) {
			data := readFile(t, filepath.Join("testdata/split", part("2")))
			at := strings.Index(string(data), "split.tensors.count") + len("split.tensors.count") + 4
			data[at]++
			if err := os.WriteFile(filepath.Join(dir, part("2")), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}, part("1"), []string{part("2"), "model of 6 tensors", "one of 5"}},
	} {
		t.Run(fault, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("testdata/split")); err != nil {
				t.Fatal(err)
			}
			c.do(dir)
			err := openError(t, filepath.Join(dir, c.open))
			for _, want := range c.want {
				if !strings.Contains(err, want) {
					t.Errorf("error %q does not tell %q", err, want)
				}
			}
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, readFile(t, from), 0o644); err != nil {
		t.Fatal(err)
	}
}
