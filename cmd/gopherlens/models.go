package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gopherlens/hooked"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/codecache"
	"gopherlens/internal/hub"
	"gopherlens/internal/setup"
)

// runModels lists models, or prunes what was made of them.
func runModels(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("models", flag.ContinueOnError)
	names := flags.Bool("names", false, "list the short names of models instead, with what they stand for")
	if len(args) > 0 && args[0] == "prune" {
		return pruneModels(args[1:])
	}
	if len(args) > 0 && args[0] == "verify" {
		return verifyModel(args[1:])
	}
	if err := parse(flags, args, "[prune | verify NAME]", 0); err != nil {
		return err
	}
	if *names {
		return listNames()
	}
	for _, list := range []func() error{listInstalled, listHub, listProcessed, listPrograms, listOnce} {
		if err := list(); err != nil {
			return err
		}
	}
	return nil
}

// listInstalled tells where the model is that set-up installs.
func listInstalled() error {
	path, err := setup.DefaultModel.Path()
	if err != nil {
		return err
	}
	present, err := setup.DefaultModel.Present()
	if err != nil {
		return err
	}
	fmt.Println("Installed by set-up:")
	if present {
		fmt.Printf("  %-40s %9s  %s\n", setup.DefaultModel.Name, size(setup.DefaultModel.Size), path)
	} else {
		fmt.Printf("  %-40s missing; run: make setup\n", setup.DefaultModel.Name)
	}
	return nil
}

// listHub lists the repositories in Hugging Face's cache on this machine.
func listHub() error {
	dir := hub.CacheDir()
	return listFolder("In Hugging Face's cache "+dir+":", dir, "models--*", func(name string) string {
		return strings.ReplaceAll(strings.TrimPrefix(name, "models--"), "--", "/")
	})
}

// listNames prints every short name of a model.
func listNames() error {
	for _, alias := range hub.Aliases() {
		repo := alias.Repo
		if repo == "" {
			repo = "installed by gopherlens setup"
		}
		fmt.Printf("%-50s %s\n", strings.Join(alias.Names, " "), repo)
	}
	return nil
}

// listProcessed lists processed weights.
func listProcessed() error {
	dir, err := cachedir.Join("processed")
	if err != nil {
		return err
	}
	return listFolder("Processed weights in "+dir+" (gopherlens models prune removes them):", dir, "*",
		func(name string) string { return name })
}

// listPrograms tells how many compiled programs there are.
func listPrograms() error {
	st, err := codecache.Look()
	if err != nil {
		fmt.Println("Compiled programs: none are kept:", err)
		return nil
	}
	fmt.Println("Compiled programs in " + st.Folder + " (gopherlens models prune removes them):")
	if st.Entries == 0 {
		fmt.Println("  none")
		return nil
	}
	fmt.Printf("  %-40s %9s\n", fmt.Sprintf("%d programs", st.Entries), size(st.Bytes))
	return nil
}

// listOnce tells how much notebooks keep with hooked.Once. It took long to make, and so prune
// leaves it alone.
func listOnce() error {
	dir, err := cachedir.Join("once")
	if err != nil {
		return err
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.safetensors")) // its one error is a bad pattern
	fmt.Println("Values of hooked.Once in " + dir + " (hooked.Forget lets go of one; remove the folder for all):")
	if len(files) == 0 {
		fmt.Println("  none")
		return nil
	}
	bytes, err := sizeOf(dir)
	fmt.Printf("  %-40s %9s\n", fmt.Sprintf("%d values", len(files)), size(bytes))
	return err
}

// listFolder prints the entries of dir that match pattern, with their sizes.
func listFolder(title, dir, pattern string, name func(string) string) error {
	fmt.Println(title)
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	found := false
	for _, entry := range entries {
		// its one error is a bad pattern
		if match, _ := filepath.Match(pattern, entry.Name()); !match {
			continue
		}
		bytes, err := sizeOf(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Printf("  %-40s %9s\n", name(entry.Name()), size(bytes))
		found = true
	}
	if !found {
		fmt.Println("  none")
	}
	return nil
}

// pruneModels removes what is made again when it is needed.
func pruneModels(args []string) error {
	if err := parse(flag.NewFlagSet("models prune", flag.ContinueOnError), args, "", 0); err != nil {
		return err
	}
	return errors.Join(pruneProcessed(), prunePrograms())
}

// pruneProcessed removes processed weights: the next load makes them again.
func pruneProcessed() error {
	dir, err := cachedir.Join("processed")
	if err != nil {
		return err
	}
	bytes, err := sizeOf(dir)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Println("there are no processed weights")
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	fmt.Printf("removed %s of processed weights from %s\n", size(bytes), dir)
	return nil
}

// prunePrograms removes compiled programs: who needs one compiles it again.
func prunePrograms() error {
	dir, bytes, err := codecache.Remove()
	switch {
	case err != nil:
		return err
	case bytes == 0:
		fmt.Println("there are no compiled programs")
	default:
		fmt.Printf("removed %s of compiled programs from %s\n", size(bytes), dir)
	}
	return nil
}

// sizeOf sums the sizes of the regular files at and below path. A link counts
// nothing, so that the hub's snapshots, which link to its blobs, count once.
func sizeOf(path string) (total int64, err error) {
	err = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return err
	})
	return total, err
}

// size writes a number of bytes for a reader.
func size(bytes int64) string {
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// verifyModel loads a model and tells what holds of it.
func verifyModel(args []string) error {
	flags := flag.NewFlagSet("models verify", flag.ContinueOnError)
	if err := parse(flags, args, "NAME", 1); err != nil {
		return err
	}
	model, err := hooked.FromPretrained(flags.Arg(0), hooked.DefaultProcessing)
	if err != nil {
		return err
	}
	fmt.Println(model)
	checks, err := model.Verify()
	if err != nil {
		return err
	}
	failed := 0
	for _, check := range checks {
		fmt.Println(check)
		if check.Err != nil {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(checks))
	}
	return nil
}
