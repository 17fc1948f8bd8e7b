package setup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// packageLists name, with versions and checksums, the packages of what plugins load.
//
//go:embed packages
var packageLists embed.FS

// packageList returns one of them.
func packageList(name string) ([]byte, error) { return packageLists.ReadFile("packages/" + name) }

// stamp is the file that holds the checksum of the list that the libraries' folder was made from.
func (p Plugin) stamp() (path, sum string, err error) {
	library, err := p.Library.Path()
	if err != nil {
		return "", "", err
	}
	list, err := packageList(p.Packages)
	if err != nil {
		return "", "", err
	}
	hash := sha256.Sum256(list)
	return filepath.Join(filepath.Dir(library), "packages.sha256"), hex.EncodeToString(hash[:]), nil
}

// librariesDone tells whether the libraries lie beside the plugin.
func (p Plugin) librariesDone() (bool, error) {
	path, sum, err := p.stamp()
	return err == nil && hasStamp(path, sum), err
}

// installLibraries has pip fetch and check the packages, and puts what they hold where the plugin
// looks for it.
func (p Plugin) installLibraries(ctx context.Context, s *Setup) error {
	stamp, sum, err := p.stamp()
	if err != nil || hasStamp(stamp, sum) {
		return err
	}
	target := filepath.Dir(stamp)
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(target), ".download-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s.tell(func() string { return megabytesIn(dir) })
	packages, err := packageList(p.Packages)
	if err != nil {
		return err
	}
	list := filepath.Join(dir, p.Packages)
	if err := os.WriteFile(list, bytes.TrimSpace(packages), 0o644); err != nil {
		return err
	}
	site := filepath.Join(dir, "site")
	pip := command{dir: dir, env: []string{"TMPDIR=" + dir},
		args: s.pip("install", "--no-cache-dir", "--no-compile", "--target", site, "--requirement", list)}
	if _, err := pip.run(ctx); err != nil {
		return err
	}
	made, err := arrangeNvidia(site)
	if err != nil {
		return err
	}
	if err := writeStamp(filepath.Join(made, filepath.Base(stamp)), sum); err != nil {
		return err
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(made, target)
}

// arrangeNvidia turns what pip has made into the folder that the plugin and XLA expect: the
// libraries, and bin/ptxas, which compiles for the card.
func arrangeNvidia(site string) (string, error) {
	made := filepath.Join(site, "nvidia")
	assembler, _ := filepath.Glob(filepath.Join(made, "cu*", "bin", "ptxas")) // the pattern is good
	if len(assembler) != 1 {
		return "", fmt.Errorf("the packages hold %d programs ptxas, expected one", len(assembler))
	}
	if err := os.MkdirAll(filepath.Join(made, "bin"), 0o755); err != nil {
		return "", err
	}
	relative, err := filepath.Rel(filepath.Join(made, "bin"), assembler[0])
	if err != nil {
		return "", err
	}
	return made, os.Symlink(relative, filepath.Join(made, "bin", "ptxas"))
}
