package hooked

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/weights"
)

// TestProcessedRoundTrip writes a model's processed weights and reads them into another model of
// the same files.
func TestProcessedRoundTrip(t *testing.T) {
	first := Must(fromFiles("llama", "testdata/arch/llama", DefaultProcessing, LoadOptions{}))
	want := Must(first.StateDict())
	path := filepath.Join(t.TempDir(), "llama.safetensors")
	if err := weights.WriteSafetensors(path, nil, first.weights.named()); err != nil {
		t.Fatal(err)
	}
	second := Must(fromFiles("llama", "testdata/arch/llama", DefaultProcessing, LoadOptions{}))
	second.weights.load = func(context.Context, putFunc) error {
		if ok, err := second.weights.loadProcessed(t.Context(), path); !ok || err != nil {
			t.Fatalf("loading processed weights: %t, %v", ok, err)
		}
		return nil
	}
	got := Must(second.StateDict())
	for name, a := range want {
		if !slices.Equal(got[name].Data, a.Data) || !slices.Equal(got[name].Shape, a.Shape) {
			t.Errorf("%s changed on its way over the disk", name)
		}
	}
}

// TestProcessedMisfits checks that a file which is not this model's, or not whole, counts as
// absent.
func TestProcessedMisfits(t *testing.T) {
	m := Must(fromFiles("llama", "testdata/arch/llama", DefaultProcessing, LoadOptions{}))
	if err := m.weights.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	if err := weights.WriteSafetensors(whole, nil, m.weights.named()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.safetensors")
	if err := os.WriteFile(cut, data[:len(data)-100], 0o644); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.safetensors")
	if err := weights.WriteSafetensors(other, nil, m.weights.named()[1:]); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{cut, other, filepath.Join(dir, "missing.safetensors")} {
		if ok, err := m.weights.loadProcessed(t.Context(), path); ok || err != nil {
			t.Errorf("%s: loaded %t, %v", filepath.Base(path), ok, err)
		}
	}
}

// TestProcessedLimit checks that a bound that means nothing is refused by every load.
func TestProcessedLimit(t *testing.T) {
	for _, text := range []string{"much", "-1", "NaN", "2 GB"} {
		t.Setenv(ProcessedLimitEnv, text)
		if _, err := FromPretrained("testdata/arch/llama", NoProcessing); err == nil || !strings.Contains(err.Error(), ProcessedLimitEnv) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestMakeRoom removes the least recently used files first.
func TestMakeRoom(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"old", "middle", "new"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, make([]byte, 100), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(time.Duration(i) * time.Hour)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := makeRoom(dir, 200); err != nil {
		t.Fatal(err)
	}
	left := make(map[string]bool)
	for _, e := range Must(os.ReadDir(dir)) {
		left[e.Name()] = true
	}
	if !maps.Equal(left, map[string]bool{"middle": true, "new": true}) {
		t.Errorf("left: %v", left)
	}
}

// TestProcessedFile checks that another file, processing or name gives another place on disk.
func TestProcessedFile(t *testing.T) {
	seen := make(map[string]bool)
	for _, where := range []string{"testdata/arch/llama", "testdata/arch/gpt2"} {
		for _, p := range []Processing{NoProcessing, FoldLN, DefaultProcessing} {
			path := Must(processedFile("a/b", Must(keeperKey("a/b", where, p, LoadOptions{DType: F32}))))
			if seen[path] || filepath.Base(filepath.Dir(path)) != "processed" {
				t.Errorf("%s with %s: %s", where, p, path)
			}
			seen[path] = true
		}
	}
}

// TestKeyFollowsFiles checks that a changed configuration is another model.
func TestKeyFollowsFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/arch/llama")); err != nil {
		t.Fatal(err)
	}
	key := func() string { return Must(keeperKey("x", dir, FoldLN, LoadOptions{DType: F32})) }
	before := key()
	if key() != before {
		t.Error("nothing changed, and the key did")
	}
	for _, name := range []string{"config.json", "model.safetensors"} {
		before := key()
		at := time.Now().Add(time.Hour)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
		if key() == before {
			t.Errorf("%s was written anew, and the key is the same", name)
		}
	}
}
