package codecache_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopherlens/internal/codecache"
)

func TestMain(m *testing.M) {
	if os.Getenv(asWriter) != "" {
		os.Exit(writer())
	}
	os.Exit(m.Run())
}

// open opens a store in a fresh folder.
func open(t *testing.T) *codecache.Store {
	t.Helper()
	t.Setenv("GOPHERLENS_CACHE", t.TempDir())
	return reopen(t)
}

// reopen opens the store as another process would.
func reopen(t *testing.T) *codecache.Store {
	t.Helper()
	s, err := codecache.Open()
	if err != nil || s == nil {
		t.Fatalf("no store: %v", err)
	}
	return s
}

func keyOf(parts ...string) codecache.Key {
	var list [][]byte
	for _, part := range parts {
		list = append(list, []byte(part))
	}
	return codecache.KeyOf(list...)
}

func put(t *testing.T, s *codecache.Store, key codecache.Key, payload []byte) {
	t.Helper()
	if err := s.Put(key, payload); err != nil {
		t.Fatal(err)
	}
}

func file(t testing.TB, key codecache.Key) string {
	return filepath.Join(os.Getenv("GOPHERLENS_CACHE"), "compiled", fmt.Sprintf("%x", key))
}

func content(t testing.TB, key codecache.Key) []byte {
	t.Helper()
	bytes, err := os.ReadFile(file(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func random(r *rand.Rand, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func TestPutGet(t *testing.T) {
	s := open(t)
	for _, n := range []int{0, 1, 100_000} {
		key, payload := keyOf("size", strconv.Itoa(n)), random(rand.New(rand.NewPCG(1, 1)), n)
		if _, ok := s.Get(key); ok {
			t.Errorf("%d bytes are there before they are put", n)
		}
		put(t, s, key, payload)
		if got, ok := reopen(t).Get(key); !ok || !bytes.Equal(got, payload) {
			t.Errorf("%d bytes: got %d, %v", n, len(got), ok)
		}
	}
}

// The bound holds for all files together, and what was used least recently goes first.
func TestBound(t *testing.T) {
	t.Setenv(codecache.LimitEnv, "0.000040") // 40 kB
	s := open(t)
	const n, size = 100, 900
	key := func(i int) codecache.Key { return keyOf("program", strconv.Itoa(i)) }
	for i := range n {
		put(t, s, key(i), make([]byte, size))
		// as if written a minute after the other
		at := time.Now().Add(time.Duration(i-n) * time.Minute)
		if err := os.Chtimes(file(t, key(i)), at, at); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Get(key(0)); !ok {
			t.Fatalf("program 0, used all the time, is gone after %d", i)
		}
		if st, err := codecache.Look(); err != nil || st.Bytes > st.Limit {
			t.Fatalf("%d bytes of at most %d: %v", st.Bytes, st.Limit, err)
		}
	}
	first := n
	for i := 1; i < n; i++ {
		_, err := os.Stat(file(t, key(i)))
		switch {
		case err == nil && first == n:
			first = i
		case err != nil && first < n:
			t.Errorf("program %d is gone, and %d, used before it, is there", i, first)
		}
	}
	if kept := n - first; kept < 25 {
		t.Errorf("%d programs of 980 bytes are kept in 40 kB", kept)
	}
	if err := s.Put(keyOf("large"), make([]byte, 6000)); err == nil {
		t.Error("a program of more than an eighth of the bound was kept")
	}
}

// Files of processes that ended while they wrote are room, too; those being written are not.
func TestAbandoned(t *testing.T) {
	t.Setenv(codecache.LimitEnv, "0.00001")
	s := open(t)
	dir := filepath.Join(os.Getenv("GOPHERLENS_CACHE"), "compiled")
	old, fresh := filepath.Join(dir, ".a.gopherlens-1"), filepath.Join(dir, ".b.gopherlens-2")
	for _, path := range []string{old, fresh} {
		if err := os.WriteFile(path, make([]byte, 4500), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writing, err := os.Open(fresh)
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	if err := syscall.Flock(int(writing.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	put(t, s, keyOf("a"), make([]byte, 1000))
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Error("what a process left is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("what another process is writing is gone: %v", err)
	}
}

// What cannot be opened is a store that is not there; what means nothing is an error.
func TestOpen(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	linked := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(linked, "compiled")); err != nil {
		t.Fatal(err)
	}
	public := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(public, "compiled"), 0o700), os.Chmod(filepath.Join(public, "compiled"), 0o770)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, variable, value string
		there, wrong          bool
	}{
		{"as it is", "UNUSED", "", true, false},
		{"off", codecache.OffEnv, "off", false, false},
		{"neither on nor off", codecache.OffEnv, "no", false, true},
		{"bound of 0", codecache.LimitEnv, "0", false, false},
		{"small bound", codecache.LimitEnv, "0.001", true, false},
		{"negative bound", codecache.LimitEnv, "-1", false, true},
		{"infinite bound", codecache.LimitEnv, "Inf", false, true},
		{"no number", codecache.LimitEnv, "NaN", false, true},
		{"words", codecache.LimitEnv, "2 GB", false, true},
		{"a file for a folder", "GOPHERLENS_CACHE", plain, false, false},
		{"a link for a folder", "GOPHERLENS_CACHE", linked, false, false},
		{"open to a group", "GOPHERLENS_CACHE", public, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GOPHERLENS_CACHE", t.TempDir())
			t.Setenv(c.variable, c.value)
			s, err := codecache.Open()
			if (s != nil) != c.there || (err != nil) != c.wrong {
				t.Errorf("a store: %v, error: %v", s != nil, err)
			}
			if c.wrong && !strings.Contains(err.Error(), c.variable) {
				t.Errorf("%v does not name %s", err, c.variable)
			}
		})
	}
}

// Anything but a file in a program's place is a miss.
func TestForeignFiles(t *testing.T) {
	s := open(t)
	key := keyOf("program")
	put(t, s, key, []byte("code"))
	elsewhere := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(elsewhere, content(t, key), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(string) error{
		"a folder": func(path string) error { return os.MkdirAll(filepath.Join(path, "in"), 0o700) },
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a link":   func(path string) error { return os.Symlink(elsewhere, path) },
		"1 TB":     func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<40)) },
	} {
		t.Run(name, func(t *testing.T) {
			os.RemoveAll(file(t, key))
			if err := make(file(t, key)); err != nil {
				t.Fatal(err)
			}
			if _, ok := s.Get(key); ok {
				t.Error("was taken for a program")
			}
		})
	}
	os.RemoveAll(file(t, key))
}

// Where nothing can be written, Put is an error and leaves nothing behind.
func TestFullDisk(t *testing.T) {
	s := open(t)
	put(t, s, keyOf("a"), []byte("code"))
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 32 << 20 // far above what the test program itself writes: a log of the files that it opens
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Skip(err)
	}
	err := s.Put(keyOf("b"), make([]byte, 40<<20))
	if again := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); again != nil {
		t.Fatal(again)
	}
	if err == nil {
		t.Error("a file that could not be written whole is no error")
	}
	st, err := codecache.Look()
	if err != nil || st.Entries != 1 || st.Bytes > 200 {
		t.Errorf("left %d programs, %d bytes: %v", st.Entries, st.Bytes, err)
	}
	if _, ok := s.Get(keyOf("a")); !ok {
		t.Error("the program that was there is gone")
	}
}

// Programs may be removed under a process that is at work.
func TestRemove(t *testing.T) {
	s := open(t)
	put(t, s, keyOf("a"), []byte("code"))
	if dir, bytes, err := codecache.Remove(); err != nil || bytes == 0 || dir != filepath.Dir(file(t, keyOf("a"))) {
		t.Fatal(dir, bytes, err)
	}
	if _, ok := s.Get(keyOf("a")); ok {
		t.Error("a removed program is there")
	}
	put(t, s, keyOf("a"), []byte("code"))
	if _, ok := s.Get(keyOf("a")); !ok {
		t.Error("a program put after all were removed is not there")
	}
	t.Setenv(codecache.OffEnv, "off")
	if _, bytes, err := codecache.Remove(); err != nil || bytes == 0 {
		t.Errorf("switched off, what is there is not removed: %d, %v", bytes, err)
	}
	if _, bytes, err := codecache.Remove(); err != nil || bytes != 0 {
		t.Errorf("nothing is there: %d, %v", bytes, err)
	}
}

const asWriter = "GOPHERLENS_TEST_WRITER"

// writer puts and gets programs of its own and of the others, and checks what it gets.
func writer() int {
	s, err := codecache.Open()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for i := range 400 {
		name := strconv.Itoa(i % 37)
		payload := bytes.Repeat([]byte(name), 100+i%37)
		if got, ok := s.Get(keyOf(name)); ok && !bytes.Equal(got, payload) {
			fmt.Println("got something else for", name)
			return 1
		}
		if err := s.Put(keyOf(name), payload); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	if n := codecache.Counts().Refused; n > 0 {
		fmt.Println(n, "files were refused")
		return 1
	}
	return 0
}

// Four processes write and read the same programs, in a folder that is too small for them.
func TestProcesses(t *testing.T) {
	t.Setenv(codecache.LimitEnv, "0.000008")
	open(t)
	var running []*exec.Cmd
	var outputs [4]strings.Builder
	for i := range outputs {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asWriter+"=1")
		cmd.Stdout = &outputs[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for i, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, outputs[i].String())
		}
	}
	if st, err := codecache.Look(); err != nil || st.Bytes > st.Limit || st.Entries == 0 {
		t.Errorf("%d programs of %d bytes are left, of at most %d: %v", st.Entries, st.Bytes, st.Limit, err)
	}
}
