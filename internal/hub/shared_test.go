package hub_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// In a cache that a group shares, every file and folder has the mode of the umask.
func TestUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o002))
	f := newFakeHub(t)
	o := f.options(t)
	resolve(t, repo, o)
	seen := 0
	err := filepath.WalkDir(o.CacheDir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == o.CacheDir || entry.Type() == fs.ModeSymlink {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o664)
		if entry.IsDir() {
			want = 0o775
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", strings.TrimPrefix(path, o.CacheDir), got, want)
		}
		seen++
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("%d files and folders, %v", seen, err)
	}
}

// A link or a pipe that somebody put where a download begins is not written through.
func TestPlantedLinks(t *testing.T) {
	f := newFakeHub(t)
	blob := fmt.Sprintf("models--owner--tiny/blobs/%x.incomplete", sha256.Sum256(f.revisions["main"].files[largeFile]))
	for name, plant := range map[string]func(victim, path string) error{
		"link":      os.Symlink,
		"pipe":      func(_, path string) error { return syscall.Mkfifo(path, 0o600) },
		"dead link": func(_, path string) error { return os.Symlink(filepath.Join(filepath.Dir(path), "nothing"), path) },
	} {
		o := f.options(t)
		victim := filepath.Join(t.TempDir(), "victim")
		writeFiles(t, filepath.Dir(victim), map[string][]byte{"victim": []byte("precious")})
		path := filepath.Join(o.CacheDir, blob)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := plant(victim, path); err != nil {
			t.Fatal(err)
		}
		if err := resolveError(t, repo, o, nil); !strings.Contains(err, "remove it") || !strings.Contains(err, path) {
			t.Errorf("%s: %s", name, err)
		}
		if got := readFile(t, victim); string(got) != "precious" {
			t.Errorf("%s: the file that it points to is now %.20q", name, got)
		}
	}
	// The marks of files that the hub has not are written the same way.
	o := f.options(t)
	victim := filepath.Join(t.TempDir(), "victim")
	writeFiles(t, filepath.Dir(victim), map[string][]byte{"victim": []byte("precious")})
	marks := filepath.Join(o.CacheDir, "models--owner--tiny/.no_exist", shaMain)
	if err := os.MkdirAll(marks, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(marks, "vocab.json")); err != nil {
		t.Fatal(err)
	}
	resolve(t, repo, o)
	if got := readFile(t, victim); string(got) != "precious" {
		t.Errorf("a mark was written through a link: %.20q", got)
	}
}

// Small files have git's checksum, and are held against it. A mirror may give plain
// SHA-1 instead, or a word that is no checksum.
func TestSmallChecksum(t *testing.T) {
	config := []byte(`{"model_type":"gpt2"}`)
	for _, c := range []struct {
		name, etag string
		content    string
		ok         bool
	}{
		// What `printf '{"model_type":"gpt2"}' | git hash-object --stdin` and sha1sum print.
		{"git", "681c693376013230a961d427942459a2ac613f60", string(config), true},
		{"plain", "d754882be192a743b95013bce093569d32dc6d5b", string(config), true},
		{"another file", "681c693376013230a961d427942459a2ac613f60", `{"model_type":"gpt3"}`, false},
		{"another file, plain", "d754882be192a743b95013bce093569d32dc6d5b", `{"model_type":"gpt3"}`, false},
		{"no checksum", "version-7", `{"model_type":"gpt3"}`, true},
	} {
		f := newFakeHub(t)
		f.fault = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/config.json") {
				return false
			}
			w.Header().Set("Etag", `"`+c.etag+`"`)
			w.Header().Set("Content-Length", fmt.Sprint(len(c.content)))
			if r.Method == http.MethodGet {
				fmt.Fprint(w, c.content)
			}
			return true
		}
		o := f.options(t)
		if c.ok {
			resolve(t, repo, o)
		} else if err := resolveError(t, repo, o, nil); !strings.Contains(err, "wrong checksum") || !strings.Contains(err, "config.json") {
			t.Errorf("%s: %s", c.name, err)
		}
	}
}
