package weights_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/fault"
	"gopherlens/internal/weights"
)

func TestShards(t *testing.T) {
	for _, path := range []string{"testdata/shards", "testdata/shards/model.safetensors.index.json"} {
		f := open(t, path)
		if got := f.Names(); !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Fatalf("%s: names %q", path, got)
		}
		a := tensor(t, f, "a")
		if got := float32s(t, a); !slices.Equal(got, []float32{0, 1, 2, 3, 4, 5}) || !slices.Equal(a.Shape, []int{2, 3}) {
			t.Errorf("%s: a is %v of shape %v", path, got, a.Shape)
		}
		if got := float32s(t, tensor(t, f, "b")); !slices.Equal(got, []float32{7}) {
			t.Errorf("%s: b is %v", path, got)
		}
	}
}

// badIndexes are indexes of the shards in testdata, each with one fault.
var badIndexes = []struct{ fault, index, want string }{
	{"not JSON", `{`, "not the index"},
	{"empty", `{}`, "lists no tensors"},
	{"another folder", `{"weight_map":{"a":"../model-00001-of-00002.safetensors"}}`, "beside the index"},
	{"not safetensors", `{"weight_map":{"a":"passwd"}}`, "beside the index"},
	{"missing shard", `{"weight_map":{"a":"model-00003-of-00003.safetensors"}}`, "no such file"},
	{"missing tensor", `{"weight_map":{"z":"model-00001-of-00002.safetensors"}}`, `tensor "z": the index puts it in model-00001`},
	{"wrong shard", `{"weight_map":{"a":"model-00002-of-00002.safetensors","b":"model-00001-of-00002.safetensors"}}`, `tensor "a": the index puts it in model-00002`},
	{"same tensor twice", `{"weight_map":{"b":"copy.safetensors","a":"model-00002-of-00002.safetensors"}}`, `tensor "b": its name occurs twice`},
}

func TestBadIndex(t *testing.T) {
	for _, c := range badIndexes {
		t.Run(c.fault, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS("testdata/shards")); err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(dir, "copy.safetensors")
			if err := os.WriteFile(copied, readFile(t, "testdata/shards/model-00002-of-00002.safetensors"), 0o644); err != nil {
				t.Fatal(err)
			}
			index := filepath.Join(dir, "model.safetensors.index.json")
			if err := os.WriteFile(index, []byte(c.index), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := openError(t, index); !strings.Contains(err, c.want) {
				t.Errorf("error %q does not tell %q", err, c.want)
			}
		})
	}
}

// TestFolder checks which file of a folder is taken.
func TestFolder(t *testing.T) {
	for _, c := range []struct {
		files  string
		want   weights.Format
		refuse string
	}{
		{files: "config.json tokenizer.gguf.txt", refuse: "holds no checkpoint"},
		{files: "model.safetensors other.safetensors a.gguf", want: weights.Safetensors},
		{files: "a.gguf other.safetensors", want: weights.GGUF},
		{files: "a.gguf b.gguf", refuse: "several checkpoints (a.gguf, b.gguf)"},
		{files: "only.safetensors config.json", want: weights.Safetensors},
	} {
		dir := t.TempDir()
		for _, name := range strings.Fields(c.files) {
			content := []byte("{}")
			if ext := filepath.Ext(name); ext == ".gguf" || ext == ".safetensors" {
				content = readFile(t, "testdata/types"+ext)
			}
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if c.refuse != "" {
			if err := openError(t, dir); !strings.Contains(err, c.refuse) {
				t.Errorf("%s: error %q does not tell %q", c.files, err, c.refuse)
			}
			continue
		}
		if got := open(t, dir).Format(); got != c.want {
			t.Errorf("%s: took %s, want %s", c.files, got, c.want)
		}
	}
}

// TestTorchShards: the shards of a torch checkpoint have an index of the same form.
func TestTorchShards(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"pytorch_model-00001-of-00001.bin": readFile(t, "testdata/torch/protocol2.pt"),
		"pytorch_model.bin.index.json":     []byte(`{"weight_map":{"w":"pytorch_model-00001-of-00001.bin"}}`),
		"unknown.index.json":               []byte(`{"weight_map":{"w":"unknown"}}`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, dir)
	if got := float32s(t, tensor(t, f, "w")); f.Format() != weights.Torch || len(got) != 6 {
		t.Errorf("%s: w is %v", f.Format(), got)
	}
	if err := openError(t, filepath.Join(dir, "unknown.index.json")); !strings.Contains(err, "index of an unknown kind") {
		t.Errorf("error %q does not tell that the index is of an unknown kind", err)
	}
}

func TestNoSuchFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "model.safetensors")
	if err := openError(t, missing); !strings.Contains(err, missing) {
		t.Errorf("error %q does not name the file", err)
	}
	for _, path := range []string{missing, t.TempDir()} {
		if _, err := weights.Open(path); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, fault.ErrUnsupportedFile) {
			t.Errorf("%s: the error is of another kind: %v", path, err)
		}
	}
	if err := openError(t, writeFile(t, "model.onnx", nil)); !strings.Contains(err, "unknown kind of file") {
		t.Errorf("error %q does not tell that the kind is unknown", err)
	}
}

// TestClosed: what a closed file held is gone, and asking for it is an error, not a fault.
func TestClosed(t *testing.T) {
	f, err := weights.Open("testdata/types.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a second Close does nothing
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Tensor("F32"); err == nil || len(f.Names()) != 0 {
		t.Errorf("still holds %q (%v)", f.Names(), err)
	}
}
