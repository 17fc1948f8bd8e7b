package wholefile

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
)

// Sum reads a file for its size and SHA-256, in hex.
func Sum(path string) (bytes int64, sum string, err error) {
	bytes, digest, err := Digest(path)
	return bytes, hex.EncodeToString(digest), err
}

// Digest reads a file for its size and SHA-256.
func Digest(path string) (bytes int64, digest []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	h := sha256.New()
	bytes, err = io.Copy(h, f)
	return bytes, h.Sum(nil), err
}
