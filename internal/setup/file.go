package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
)

// sumOf returns the SHA-256 checksum of the files' contents, in hexadecimal.
func sumOf(paths ...string) (string, error) {
	hash := sha256.New()
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		hash.Write(content)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// hasStamp tells whether the file at path holds sum.
func hasStamp(path, sum string) bool {
	content, err := os.ReadFile(path)
	return err == nil && string(content) == sum+"\n"
}

// writeStamp records that the work that sum stands for is done.
func writeStamp(path, sum string) error {
	return os.WriteFile(path, []byte(sum+"\n"), 0o644)
}
