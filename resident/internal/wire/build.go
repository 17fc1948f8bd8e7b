package wire

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
)

// BuildID tells one build of a program file from another: it is the id that the go
// command writes into what it builds, a hash of the content, which takes some tens of
// microseconds to read. The file's time says nothing: "go build -o" renews it on a file
// that it leaves as it is. A program without an id is hashed whole.
//
// A worker that was started from a file of another build is replaced.
func BuildID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, find := range []func(io.ReaderAt) (string, error){noteID, textID} {
		if id, err := find(f); err == nil && id != "" {
			return id, nil
		}
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// OwnBuildID is the BuildID of the running program, also after its file was replaced.
func OwnBuildID() (string, error) {
	if id, err := BuildID("/proc/self/exe"); err == nil {
		return id, nil
	}
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	return BuildID(exe)
}

var errNoID = errors.New("no build id")

// The note that holds the id in an ELF file: cmd/internal/buildid in Go's sources.
const (
	goNoteType = 4
	goNoteName = "Go\x00\x00"
	maxNotes   = 1 << 20
)

// noteID looks among an ELF file's notes.
func noteID(r io.ReaderAt) (string, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return "", err
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > maxNotes {
			continue
		}
		notes := make([]byte, p.Filesz)
		if _, err := p.ReadAt(notes, 0); err != nil {
			return "", err
		}
		if id := goNote(f.ByteOrder, notes); id != "" {
			return id, nil
		}
	}
	return "", errNoID
}

// goNote walks over notes: the lengths of name and description, a type, and both, each
// padded to four bytes.
func goNote(order binary.ByteOrder, notes []byte) string {
	for len(notes) >= 12 {
		name, description := uint64(order.Uint32(notes)), uint64(order.Uint32(notes[4:]))
		kind := order.Uint32(notes[8:])
		notes = notes[12:]
		at, end := (name+3)&^3, (name+3)&^3+(description+3)&^3
		if end > uint64(len(notes)) {
			return ""
		}
		if kind == goNoteType && string(notes[:name]) == goNoteName {
			return string(notes[at : at+description])
		}
		notes = notes[end:]
	}
	return ""
}

// textID looks near the beginning of another kind of file, as macOS has, where the id
// stands at the start of the code.
func textID(r io.ReaderAt) (string, error) {
	start := make([]byte, 64<<10)
	n, err := r.ReadAt(start, 0)
	if err != nil && err != io.EOF {
		return "", err
	}
	_, rest, ok := bytes.Cut(start[:n], []byte("\xff Go build ID: \""))
	id, _, closed := bytes.Cut(rest, []byte("\"\n \xff"))
	if !ok || !closed {
		return "", errNoID
	}
	return string(id), nil
}
