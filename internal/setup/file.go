package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile writes a small file so that a reader sees the old one or the new.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // fails after the rename, as it should
	_, err = temp.Write(content)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(temp.Name(), mode); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

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
