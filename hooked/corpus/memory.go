package corpus

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"iter"
	"slices"

	"gopherlens/internal/brief"
)

// inMemory are rows that somebody has made.
type inMemory struct {
	rows [][]int
	key  string
}

// FromTokens are rows of tokens that are in memory already, all of one length. They are copied. The
// key is a checksum of the tokens.
func FromTokens(rows [][]int) (Contexts, error) {
	if len(rows) == 0 || len(rows[0]) == 0 {
		return nil, errors.New("corpus: there are no tokens")
	}
	sum := sha256.New()
	var number [8]byte
	write := func(v int) {
		binary.LittleEndian.PutUint64(number[:], uint64(v))
		sum.Write(number[:])
	}
	write(len(rows[0]))
	own := make([][]int, len(rows))
	for i, row := range rows {
		if len(row) != len(rows[0]) {
			return nil, brief.Errorf("corpus: row %d has %d tokens, row 0 has %d: want rows of one length", i, len(row), len(rows[0]))
		}
		for k, id := range row {
			if id < 0 {
				return nil, brief.Errorf("corpus: row %d, position %d: %d is no token", i, k, id)
			}
			write(id)
		}
		own[i] = slices.Clone(row)
	}
	return &inMemory{own, "tokens " + hex.EncodeToString(sum.Sum(nil))}, nil
}

// Length implements [Contexts].
func (m *inMemory) Length() int { return len(m.rows[0]) }

// Key implements [Contexts].
func (m *inMemory) Key() string { return m.key }

// From implements [Contexts].
func (m *inMemory) From(row int) iter.Seq2[[]int, error] {
	return func(yield func([]int, error) bool) {
		if row < 0 || row > len(m.rows) {
			yield(nil, brief.Errorf("corpus: there is no row %d: there are %d", row, len(m.rows)))
			return
		}
		for _, r := range m.rows[row:] {
			if !yield(slices.Clone(r), nil) {
				return
			}
		}
	}
}
