package setup

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// minPython is the oldest Python that the pinned packages support.
const minPython = "3.11"

func wherePython(s *Setup) (string, error) { return s.Repo.venv(), nil }

// pythonDone tells whether .venv holds exactly the pinned packages.
func pythonDone(_ context.Context, s *Setup) (bool, error) {
	want, err := sumOf(s.Repo.requirements())
	if err != nil {
		return false, err
	}
	if _, err := os.Stat(s.Repo.Python()); err != nil {
		return false, nil
	}
	return hasStamp(s.pythonStamp(), want), nil
}

// pythonStamp is the file that holds the checksum of what .venv was made from.
// It lies inside, so that removing .venv removes it too.
func (s *Setup) pythonStamp() string {
	return filepath.Join(s.Repo.venv(), "requirements.sha256")
}

// installPython makes .venv anew. The list of packages is complete, and lacks
// JupyterLab's own Python kernel, which nothing here uses: hence no dependencies.
func installPython(ctx context.Context, s *Setup) error {
	sum, err := sumOf(s.Repo.requirements())
	if err != nil {
		return err
	}
	if _, err := CheckPython(ctx); err != nil {
		return err
	}
	commands := [][]string{
		{systemPython(), "-m", "venv", "--clear", s.Repo.venv()},
		s.pip("install", "--requirement", s.Repo.requirements()),
	}
	for _, args := range commands {
		if _, err := (command{dir: s.Repo.Root, args: args}).run(ctx); err != nil {
			return err
		}
	}
	return writeStamp(s.pythonStamp(), sum)
}

// pip is a call of pip for packages from a list that has the checksum of each. It takes
// ready-made packages only: one that pip builds may run anything, and fetch more unchecked.
func (s *Setup) pip(verb string, args ...string) []string {
	return append([]string{s.Repo.Python(), "-m", "pip", verb, "--disable-pip-version-check", "--no-input", "--quiet",
		"--no-deps", "--only-binary", ":all:", "--require-hashes"}, args...)
}

// systemPython is the interpreter that .venv is made with: $PYTHON or python3.
func systemPython() string {
	if python := os.Getenv("PYTHON"); python != "" {
		return python
	}
	return "python3"
}

// CheckPython refuses a Python that is too old, or that cannot make environments
// as Debian's cannot by itself, before pip says so less plainly. It returns the version.
func CheckPython(ctx context.Context) (version string, err error) {
	const script = "import sys; print('%d.%d' % sys.version_info[:2]); import venv, ensurepip"
	output, err := command{args: []string{systemPython(), "-c", script}}.run(ctx)
	if err != nil {
		return "", fmt.Errorf("Python %s or newer with its venv module is needed "+
			"(on Debian and Ubuntu: apt install python3-venv): %w", minPython, err)
	}
	version = strings.TrimSpace(output)
	if olderThan(version, minPython) {
		return version, fmt.Errorf("Python %s or newer is needed, %s is Python %s; set PYTHON to another",
			minPython, systemPython(), version)
	}
	return version, nil
}

// olderThan compares two versions of the form "3.11".
func olderThan(a, b string) bool {
	var aMajor, aMinor, bMajor, bMinor int
	fmt.Sscanf(a, "%d.%d", &aMajor, &aMinor)
	fmt.Sscanf(b, "%d.%d", &bMajor, &bMinor)
	return aMajor < bMajor || aMajor == bMajor && aMinor < bMinor
}
