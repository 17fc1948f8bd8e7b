package wholefile

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
)

// Sum reads a file for its size and SHA-256, in hex.
func Sum(path string) (bytes int64, sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	bytes, err = io.Copy(h, f)
	return bytes, hex.EncodeToString(h.Sum(nil)), err
}
