package corpus

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"

	"gopherlens/internal/cachedir"
)

// indexEvery is how many tokens lie between two rows whose places are kept: a tenth of a second of
// tokenising.
const indexEvery = 1 << 15

// An index keeps where some rows begin in the texts: row 0, and every so many after it. It only
// saves time. What cannot be written or read of its file is found out again.
type index struct {
	mu    sync.Mutex
	every int // rows
	key   string
	path  string // "" where there is no folder for it
	known []mark // in the order of the rows
}

// A mark is where a row begins.
type mark struct {
	row   int
	place place
	sum   uint64 // checksum of the row
}

// first is where row 0 begins.
var first = mark{place: place{begins: true}}

func newIndex(key string, length int) *index {
	x := &index{every: max(1, indexEvery/length), key: key, known: []mark{first}}
	sum := sha256.Sum256([]byte(key))
	if path, err := cachedir.Join("corpora", "rows", hex.EncodeToString(sum[:16])); err == nil {
		x.path = path
	}
	x.read()
	return x
}

// before is the last mark that is not after the row.
func (x *index) before(row int) mark {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.known[sort.Search(len(x.known), func(i int) bool { return x.known[i].row > row })-1]
}

// note takes in where a row begins, if it is the next one to keep.
func (x *index) note(row int, made madeRow) {
	if row%x.every != 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if row != x.known[len(x.known)-1].row+x.every {
		return
	}
	m := mark{row, made.from, checksum(made.tokens)}
	x.known = append(x.known, m)
	x.write(m)
}

// forget drops what was kept.
func (x *index) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.known = []mark{first}
	if x.path != "" {
		os.Remove(x.path)
	}
}

// markBytes is the length of a mark in the file: row, document, offset, whether the document begins
// there, the row's checksum, and that of these and of the key.
const markBytes = 6 * 8

// write adds a mark to the file. All are of one length and each has its checksum, so that several
// processes can write to it, and any of them be killed.
func (x *index) write(m mark) {
	if x.path == "" {
		return
	}
	if err := os.MkdirAll(filepath.Dir(x.path), 0o755); err != nil {
		return
	}
	f, err := os.OpenFile(x.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	f.Write(m.encode(x.key))
}

func (m mark) encode(key string) []byte {
	begins := 0
	if m.place.begins {
		begins = 1
	}
	var b []byte
	for _, v := range []int{m.row, m.place.document, m.place.offset, begins} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	b = binary.LittleEndian.AppendUint64(b, m.sum)
	return binary.LittleEndian.AppendUint64(b, bytesSum(append([]byte(key), b...)))
}

func decodeMark(key string, b []byte) (m mark, ok bool) {
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	m = mark{int(at(0)), place{int(at(1)), int(at(2)), at(3) == 1}, at(4)}
	return m, at(5) == bytesSum(append([]byte(key), b[:markBytes-8]...))
}

// read takes in the marks of the file that follow each other without a gap.
func (x *index) read() {
	content, err := os.ReadFile(x.path)
	if err != nil {
		return
	}
	cut := len(content)%markBytes != 0 // a process was killed: what is added would not be found
	var found []mark
	for ; len(content) >= markBytes; content = content[markBytes:] {
		if m, ok := decodeMark(x.key, content); ok {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b mark) int { return a.row - b.row })
	for _, m := range found {
		if m.row == x.known[len(x.known)-1].row+x.every {
			x.known = append(x.known, m)
		}
	}
	if cut {
		os.Remove(x.path)
		for _, m := range x.known[1:] {
			x.write(m)
		}
	}
}

// checksum is that of a row.
func checksum(row []int) uint64 {
	var b []byte
	for _, id := range row {
		b = binary.LittleEndian.AppendUint64(b, uint64(id))
	}
	return bytesSum(b)
}

func bytesSum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}
