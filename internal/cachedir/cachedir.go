// Package cachedir says where Gopherlens keeps what it can make or fetch again:
//
//	compiled/   compiled programs
//	corpora/    texts that packages ship, and where rows begin in texts
//	fleet/      queues inside processes, and models that came out of a queue
//	models/     the default model
//	once/       values that notebooks make once
//	pjrt/       the plugin of the XLA backend
//	processed/  processed weights
//	trainings/  trainings that outlive the cell which began them: these are not made again
//	workers/    how much memory each worker holds
package cachedir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Variable names the environment variable that moves the cache.
const Variable = "GOPHERLENS_CACHE"

// Root returns the cache folder: $GOPHERLENS_CACHE if set, else gopherlens in the
// user's cache folder. It does not create it.
func Root() (string, error) {
	if dir := os.Getenv(Variable); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the cache: %w; set %s", err, Variable)
	}
	return filepath.Join(dir, "gopherlens"), nil
}

// Join returns a path inside the cache folder, such as Join("models", "a.gguf").
// An element that leads out of the folder is an error.
func Join(elem ...string) (string, error) {
	inside := filepath.Join(elem...)
	if inside != "" && !filepath.IsLocal(inside) {
		return "", errors.New("cachedir: " + inside + " lies outside the cache folder")
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, inside), nil
}
