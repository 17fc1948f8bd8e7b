package codecache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
)

// A Key is what decides a compiled program, hashed.
type Key [sha256.Size]byte

// KeyOf hashes what decides a program. Each part counts with its length, so that no two lists of
// parts are one text.
func KeyOf(parts ...[]byte) Key {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		h.Write(part)
	}
	return Key(h.Sum(nil))
}

// name is the key's file.
func (k Key) name() string { return hex.EncodeToString(k[:]) }

// magic begins every file. A change of the layout changes it.
const magic = "gopherlens code1"

const headerSize = len(magic) + len(Key{}) + sha256.Size

// encode is the content of a program's file.
func encode(key Key, payload []byte) []byte { return append(header(key, payload), payload...) }

// header is what stands before the payload.
func header(key Key, payload []byte) []byte {
	h := sha256.New()
	h.Write([]byte(magic))
	h.Write(key[:])
	h.Write(payload)
	content := make([]byte, 0, headerSize)
	content = append(append(content, magic...), key[:]...)
	return h.Sum(content)
}

// errDamaged is returned for a file that is not what was written for the key.
var errDamaged = errors.New("no compiled program of this key, or a damaged one")

// decode is the payload of a program's file, and an error unless each byte is as it was written.
func decode(key Key, content []byte) ([]byte, error) {
	if len(content) < headerSize {
		return nil, errDamaged
	}
	payload := content[headerSize:]
	if !bytes.Equal(content[:headerSize], header(key, payload)) {
		return nil, errDamaged
	}
	return payload, nil
}
