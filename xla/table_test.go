//go:build cgo

package xla

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// A fakeTable is a plugin's table of which no entry is ever called: each is its own offset.
type fakeTable []byte

// Where the table's first fields lie, after the C header.
const (
	atVersion = 32
	atEntries = 40
)

func newTable(size int) fakeTable {
	t := make(fakeTable, max(size, tableSize)+64)
	for at := atEntries; at < len(t); at += 8 {
		t.set(at, at)
	}
	t.set(0, size)
	return t
}

func (t fakeTable) set(at, value int) { binary.NativeEndian.PutUint64(t[at:], uint64(value)) }

func (t fakeTable) pointer() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(t)) }

// bytesOf are a wrapped table's.
func bytesOf(table unsafe.Pointer, size int) fakeTable {
	return unsafe.Slice((*byte)(table), size)
}

// A plugin may be older or newer than the header: its table is copied as long as it is, what it
// lacks is NULL, and nothing is wanted of it that it does not have.
func TestTables(t *testing.T) {
	compiles, able := 0, 0
	for size := atEntries; size <= tableSize+64; size += 8 {
		real := newTable(size)
		table := wrapTable(real.pointer(), 0)
		if keeps(real.pointer()) {
			able++
		} else if able > 0 {
			t.Fatalf("a table of %d bytes lacks what a shorter one has", size)
		}
		if table == nil {
			if compiles > 0 {
				t.Fatalf("a table of %d bytes is not wrapped, and a shorter one was", size)
			}
			continue
		}
		compiles++
		copied := bytesOf(table, max(size, tableSize))
		changed := 0
		for at := 0; at < size; at += 8 {
			if !bytes.Equal(copied[at:at+8], real[at:at+8]) {
				changed++
			}
		}
		if changed != 1 {
			t.Errorf("of a table of %d bytes, %d entries were changed, want one", size, changed)
		}
		if size < tableSize && !bytes.Equal(copied[size:], make([]byte, tableSize-size)) {
			t.Errorf("behind a table of %d bytes there is something", size)
		}
	}
	if able == 0 || compiles <= able {
		t.Errorf("%d lengths can be wrapped, %d of them keep programs", compiles, able)
	}
}

// Each of the entries that are called is looked for, and another major version is none of ours.
func TestIncompleteTables(t *testing.T) {
	unwrapped, unable := 0, 0
	for at := atEntries; at+8 <= tableSize; at += 8 {
		real := newTable(tableSize)
		real.set(at, 0)
		if wrapTable(real.pointer(), 0) == nil {
			unwrapped++
		}
		if !keeps(real.pointer()) {
			unable++
		}
	}
	if unwrapped != 2 || unable != 9 {
		t.Errorf("%d entries are needed to wrap a table, want 2; %d to keep programs, want 9", unwrapped, unable)
	}
	real := newTable(tableSize)
	real.set(atVersion, 1)
	if wrapTable(real.pointer(), 0) != nil {
		t.Error("a table of version 1 was wrapped")
	}
	if real := newTable(tableSize); wrapTable(real.pointer(), 7) == nil || wrapTable(real.pointer(), 8) != nil {
		t.Error("there are to be entries for eight plugins")
	}
}

// The header is the one that go-xla was built with: both read the same table.
func TestHeader(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gomlx/go-xla").Output()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "pjrt", "pjrt_c_api.h"))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := os.ReadFile("pjrt_c_api.h")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, theirs) {
		t.Error("go-xla has another pjrt_c_api.h: copy it here")
	}
}
