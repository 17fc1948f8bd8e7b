package weights

import (
	"os"
	"path/filepath"
	"testing"
)

// The fuzz tests call the parsers on bytes in memory. They are inside the package
// for that alone: a file on disk for each try would make them ten times slower.

// fuzzSeeds adds the fixtures that match, sound and bad ones.
func fuzzSeeds(f *testing.F, patterns ...string) {
	for _, pattern := range patterns {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatalf("no seeds in %s (%v)", pattern, err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
}

// longestMessage is far above what any message here needs, and far below a file.
const longestMessage = 2000

func checkMessage(t *testing.T, err error) {
	t.Helper()
	if n := len(err.Error()); n > longestMessage {
		t.Fatalf("a message of %d bytes: %.300s", n, err)
	}
}

// fuzzReader parses and decodes whatever it is given. It must not panic, and what
// it accepts must lie within the file: no tensor may claim more than there is.
func fuzzReader(t *testing.T, format Format, content []byte) {
	fuzzRead(t, readers[format], 1, content)
}

// fuzzRead is fuzzReader for a reader that may find so many bytes in one of the file's.
func fuzzRead(t *testing.T, read reader, inflation int, content []byte) {
	tensors, _, err := read(&mapping{path: "fuzz", bytes: content})
	if err != nil {
		checkMessage(t, err)
		return
	}
	for _, x := range tensors {
		l, err := x.layout()
		if err != nil {
			t.Fatal(err)
		}
		if x.Size()*l.bytes > len(content)*l.block*inflation {
			t.Fatalf("%q: %d elements of %s in a file of %d bytes", x.Name, x.Size(), x.DType, len(content))
		}
		if _, err := x.Float32s(); err != nil {
			t.Fatal(err)
		}
		if raw := x.Raw(); len(raw)*l.block != x.Size()*l.bytes {
			t.Fatalf("%q: %d bytes for shape %v of %s", x.Name, len(raw), x.Shape, x.DType)
		}
	}
}

func FuzzSafetensors(f *testing.F) {
	fuzzSeeds(f, "testdata/*.safetensors", "testdata/shards/*.safetensors")
	f.Fuzz(func(t *testing.T, content []byte) { fuzzReader(t, Safetensors, content) })
}

// FuzzIndex: whatever an index says, its shards lie beside it and are of its kind.
func FuzzIndex(f *testing.F) {
	fuzzSeeds(f, "testdata/shards/*.json")
	f.Add([]byte(`{"weight_map":{"a":"../model.safetensors","b":"/etc/x.safetensors"}}`))
	const path = "folder/model.safetensors.index.json"
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseIndex(path, text)
		if err != nil {
			checkMessage(t, err)
			return
		}
		for _, part := range c.parts {
			if filepath.Dir(part) != "folder" || filepath.Ext(part) != ".safetensors" {
				t.Fatalf("shard %q", part)
			}
		}
	})
}

func FuzzGGUF(f *testing.F) {
	fuzzSeeds(f, "testdata/*.gguf")
	f.Fuzz(func(t *testing.T, content []byte) { fuzzReader(t, GGUF, content) })
}

func FuzzTorch(f *testing.F) {
	fuzzSeeds(f, "testdata/torch/*.pt")
	f.Fuzz(func(t *testing.T, content []byte) { fuzzReader(t, Torch, content) })
}

func FuzzNpy(f *testing.F) {
	fuzzSeeds(f, "testdata/numpy/*.npy")
	f.Fuzz(func(t *testing.T, content []byte) { fuzzRead(t, readNpy, 1, content) })
}

func FuzzNpz(f *testing.F) {
	fuzzSeeds(f, "testdata/numpy/*.npz")
	f.Fuzz(func(t *testing.T, content []byte) { fuzzRead(t, readNpz, mostInflated, content) })
}

func FuzzTorchArrays(f *testing.F) {
	fuzzSeeds(f, "testdata/numpy/*.pt", "testdata/torch/*.pt")
	f.Fuzz(func(t *testing.T, content []byte) { fuzzRead(t, readTorchArrays, 1, content) })
}

// FuzzPickle runs the stack machine alone: in an archive, a changed byte of the
// pickle is mostly noticed by the zip reader first.
func FuzzPickle(f *testing.F) {
	paths, err := filepath.Glob("testdata/torch/*.pt")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds (%v)", err)
	}
	for _, path := range paths {
		m, err := mapFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if a, err := openArchive(m); err == nil {
			if program, err := a.bytes("data.pkl"); err == nil {
				f.Add(program)
			}
		}
	}
	f.Add(sharedTuples())
	f.Fuzz(func(t *testing.T, program []byte) {
		data := make([]byte, 64)
		p := pickler{cursor: cursor{rest: program}, allowed: allowedGlobal, call: callGlobal,
			persist: func(id any) (any, error) {
				if _, err := (&torchArchive{file: &mapping{path: "fuzz"}}).storage(id); err != nil {
					checkMessage(t, err)
				}
				return storage{F32, data}, nil
			}}
		root, err := p.run()
		if err != nil {
			checkMessage(t, err)
			return
		}
		entries, err := stateDict(root)
		if err != nil {
			checkMessage(t, err)
			return
		}
		for _, e := range entries {
			x, err := e.value.(torchTensor).tensor("fuzz", e.key.(string))
			if err != nil {
				checkMessage(t, err)
				continue
			}
			if raw := x.Raw(); len(raw) != x.Size()*4 || len(raw) > len(data) {
				t.Fatalf("%d bytes for shape %v of a storage of %d", len(raw), x.Shape, len(data))
			}
		}
	})
}
