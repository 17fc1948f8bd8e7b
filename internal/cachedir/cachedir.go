package cachedir

import (
	"fmt"
	"os"
	"path/filepath"
)

// Env is the environment variable that overrides the folder's place.
const Env = "GOPHERLENS_CACHE"

// Root returns the folder's absolute path: $GOPHERLENS_CACHE where it is set,
// else "gopherlens" in the user's cache folder (~/.cache on Linux). It creates nothing.
func Root() (string, error) {
	if dir := os.Getenv(Env); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder for this user; set %s to a folder to keep models in: %w", Env, err)
	}
	return filepath.Join(dir, "gopherlens"), nil
}

// Join returns the path of elem below Root.
func Join(elem ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(append([]string{root}, elem...)...), nil
}
