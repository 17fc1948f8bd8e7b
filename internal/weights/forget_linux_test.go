package weights_test

import (
	"path/filepath"
	"testing"

	"gopherlens/internal/sysmem"
	"gopherlens/internal/weights"
)

// TestForget reads a file of 32 MB, and looks at how much of the process is pages of files.
func TestForget(t *testing.T) {
	const n = 8 << 20
	data := make([]float32, n)
	data[n-1] = 7
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := weights.WriteSafetensors(path, nil, []weights.Named{weights.FromFloat32s("w", []int{n}, data)}); err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	last := func() float32 {
		w, err := f.Tensor("w")
		if err != nil {
			t.Fatal(err)
		}
		all, err := w.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		return all[n-1]
	}
	before := filePages(t)
	if got := last(); got != 7 {
		t.Fatalf("the file's last number is %v, want 7", got)
	}
	if grown := filePages(t) - before; grown < n*3 {
		t.Skipf("reading made the process %d bytes larger: this system tells something else", grown)
	}
	f.Forget()
	if kept := filePages(t) - before; kept > n {
		t.Errorf("%d bytes of %d are still the process's", kept, n*4)
	}
	if got := last(); got != 7 {
		t.Errorf("read again the file's last number is %v, want 7", got)
	}
}

// filePages are the bytes of files in the process's memory.
func filePages(t *testing.T) int {
	t.Helper()
	n, ok := sysmem.Status("RssFile")
	if !ok {
		t.Skip("this system does not tell how much of a process is files")
	}
	return int(n)
}
