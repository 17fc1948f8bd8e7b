package worker

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"

	"gopherlens/resident/internal/wire"
)

// An identity stands for the values of an array: two arrays of the same
// identity hold the same values. It is the hash of an uploaded array's content,
// and of what a computed one was computed from.
type identity [16]byte

// An array is a buffer of a real backend. Its counts belong to the store.
type array struct {
	buffer  compute.Buffer
	backend *backend
	device  compute.DeviceNum
	shape   shapes.Shape
	size    int64
	id      identity

	refs    int  // handles, keys, memo entries and running requests
	donated bool // consumed by an execution: the backend has taken the memory
}

// seeds make two independent 64-bit hashes of content into one of 128 bits,
// at several gigabytes a second: far from any chance collision, and nobody but
// the user can send content here.
var seeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

func contentIdentity(shape shapes.Shape, content []byte) identity {
	var e wire.Encoder
	e.Shape(shape)
	for len(content) > 0 {
		n := min(len(content), hashPiece)
		for _, seed := range seeds {
			e.Raw(binary.LittleEndian.AppendUint64(nil, maphash.Bytes(seed, content[:n])))
		}
		content = content[n:]
	}
	return digest(e.Body())
}

// hashPiece is hashed at once with both seeds: small enough that the second
// finds it in the processor's cache.
const hashPiece = 128 << 10

// runIdentity stands for one execution: the program, the device and the
// inputs. Its outputs' identities follow from it.
func runIdentity(key programKey, device compute.DeviceNum, inputs []*array) identity {
	b := binary.AppendUvarint(nil, uint64(key.backend))
	b = append(b, key.hash[:]...)
	b = binary.AppendVarint(b, int64(device))
	for _, a := range inputs {
		b = append(b, a.id[:]...)
	}
	return digest(b)
}

func (run identity) output(i int) identity {
	return digest(binary.AppendUvarint(run[:len(run):len(run)], uint64(i)))
}

func digest(b []byte) (id identity) {
	sum := sha256.Sum256(b)
	copy(id[:], sum[:])
	return id
}
