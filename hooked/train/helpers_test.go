package train_test

import (
	"os"
	"path/filepath"
	"testing"
)

// link makes a file known under another name.
func link(t testing.TB, from, to string) {
	t.Helper()
	abs, err := filepath.Abs(from)
	if err == nil {
		err = os.Symlink(abs, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}
