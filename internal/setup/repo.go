package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// A Repo is a checkout of this repository, by its absolute path.
type Repo struct{ Root string }

// FindRepo returns the checkout that the working directory is in, or else the
// one that the running command was built in.
func FindRepo() (Repo, error) {
	starts := []func() (string, error){os.Getwd, os.Executable}
	for _, start := range starts {
		path, err := start()
		if err != nil {
			continue
		}
		for dir := path; ; dir = filepath.Dir(dir) {
			if isRepo(dir) {
				return Repo{Root: dir}, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return Repo{}, errors.New("this is no checkout of gopherlens: run the command inside one")
}

// isRepo tells whether dir holds this module's go.mod.
func isRepo(dir string) bool {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && strings.HasPrefix(string(mod), "module gopherlens\n")
}

// shortName tells this checkout from others of its user: its folder's name, and some of the
// checksum of where that is. Jupyter takes letters, digits, dots, dashes and underscores.
func (r Repo) shortName() string {
	sum := sha256.Sum256([]byte(r.Root))
	name := strings.Map(func(c rune) rune {
		if c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune(".-_", c)) {
			return unicode.ToLower(c)
		}
		return '-'
	}, filepath.Base(r.Root))
	return name + "-" + hex.EncodeToString(sum[:2])
}

// Python is the interpreter of the private environment.
func (r Repo) Python() string { return filepath.Join(r.venv(), "bin", "python") }

// Bin is the folder of the Go programs that set-up builds.
func (r Repo) Bin() string { return filepath.Join(r.Root, "bin") }

// cellbuild is the program that builds cells.
func (r Repo) cellbuild() string { return filepath.Join(r.Bin(), "cellbuild") }

// Jupyter is the private environment's jupyter command.
func (r Repo) Jupyter() string { return filepath.Join(r.venv(), "bin", "jupyter") }

// LabBin is the folder of the programs that only the lab needs.
func (r Repo) LabBin() string { return filepath.Join(r.Bin(), "lab") }

// Gopls completes and explains code in the lab.
func (r Repo) Gopls() string { return filepath.Join(r.LabBin(), "gopls") }

// Notebooks is the folder that the lab opens.
func (r Repo) Notebooks() string { return filepath.Join(r.Root, "notebooks") }

// GoVersion is the oldest Go that builds this checkout, such as go1.26.5.
func (r Repo) GoVersion() (string, error) {
	mod, err := os.ReadFile(filepath.Join(r.Root, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(mod)) {
		if version, ok := strings.CutPrefix(line, "go "); ok {
			return "go" + strings.TrimSpace(version), nil
		}
	}
	return "", errors.New("go.mod has no line of the Go version")
}

func (r Repo) venv() string         { return filepath.Join(r.Root, ".venv") }
func (r Repo) requirements() string { return filepath.Join(r.Root, "notebooks", "requirements.txt") }
func (r Repo) upstream(patch string) string {
	return filepath.Join(r.Root, "docs", "upstream", patch)
}
func (r Repo) shims() string { return filepath.Join(r.Bin(), "kernel") }
