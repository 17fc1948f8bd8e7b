package codecache_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"testing"

	"gopherlens/internal/codecache"
)

// Lists of parts that read alike one after the other are different programs.
func TestKeyOf(t *testing.T) {
	seen := map[codecache.Key][]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"b", "a"}} {
		key := keyOf(parts...)
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q have one key", parts, other)
		}
		seen[key] = parts
	}
}

// Thousands of files that are not what was written, each in one way: a bit is flipped, the end is
// cut off, something is appended, a piece comes from another place, or the file is another
// program's. None is ever returned, and the next program takes its place.
func TestDamagedFiles(t *testing.T) {
	s := open(t)
	r := rand.New(rand.NewPCG(1, 2))
	key, other := keyOf("program"), keyOf("another")
	payload, elsewhere := random(r, 700), random(r, 700)
	put(t, s, key, payload)
	put(t, s, other, elsewhere)
	good, foreign := content(t, key), content(t, other)

	var cases [][]byte
	for bit := range 8 * len(good) {
		damaged := bytes.Clone(good)
		damaged[bit/8] ^= 1 << (bit % 8)
		cases = append(cases, damaged)
	}
	for end := range good {
		cases = append(cases, good[:end])
	}
	for range 500 {
		at, n := r.IntN(len(good)), 1+r.IntN(40)
		damaged := bytes.Clone(good)
		copy(damaged[at:], random(r, n))
		cases = append(cases, damaged, append(bytes.Clone(good), random(r, n)...), append(random(r, n), good...))
	}
	cases = append(cases, foreign, append(bytes.Clone(good[:80]), foreign[80:]...), append(bytes.Clone(foreign[:80]), good[80:]...))

	for i, damaged := range cases {
		before := codecache.Counts().Refused
		if err := os.WriteFile(file(t, key), damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, ok := s.Get(key); ok && !bytes.Equal(damaged, good) {
			t.Fatalf("case %d of %d bytes was taken: %d bytes", i, len(damaged), len(got))
		} else if !ok && codecache.Counts().Refused != before+1 {
			t.Fatalf("case %d was not counted", i)
		}
	}
	t.Logf("%d damaged files", len(cases))
	put(t, s, key, payload)
	if got, ok := s.Get(key); !ok || !bytes.Equal(got, payload) {
		t.Errorf("after that, a program that is put is not there")
	}
}

// Whatever a file holds, a program is returned as it was put or not at all.
func FuzzFile(f *testing.F) {
	f.Setenv("GOPHERLENS_CACHE", f.TempDir())
	s, err := codecache.Open()
	if err != nil {
		f.Fatal(err)
	}
	key, payload := keyOf("program"), []byte("machine code")
	if err := s.Put(key, payload); err != nil {
		f.Fatal(err)
	}
	good := content(f, key)
	f.Add([]byte{})
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(append(bytes.Clone(good), 0))
	f.Add(bytes.ToUpper(good))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<63))
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(file(t, key), content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, ok := s.Get(key)
		if ok != bytes.Equal(content, good) || ok && !bytes.Equal(got, payload) {
			t.Errorf("a file of %d bytes: %v, %q", len(content), ok, got)
		}
	})
}
