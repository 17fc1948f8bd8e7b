// Command publish packs the module as a proxy serves it, and writes a module that imports it:
//
//	go run ./internal/publish DIR
//
// makes DIR/proxy, for GOPROXY=file://DIR/proxy, and DIR/scratch with the program that README.md
// shows. scripts/check-module uses it.
package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"

	"gopherlens/internal/docs"
	"gopherlens/internal/version"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./internal/publish DIR")
		os.Exit(2)
	}
	if err := publish(".", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

// publish packs the module in root.
func publish(root, dir string) error {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	m := module.Version{Path: modfile.ModulePath(mod), Version: version.Number}
	if err := module.Check(m.Path, m.Version); err != nil {
		return fmt.Errorf("%w: scripts/rename-module gives the module a path with a host", err)
	}
	if err := proxy(root, filepath.Join(dir, "proxy"), m, mod); err != nil {
		return err
	}
	parsed, err := modfile.ParseLax("go.mod", mod, nil)
	if err != nil {
		return err
	}
	return scratch(root, filepath.Join(dir, "scratch"), parsed.Go.Version)
}

// proxy writes what https://go.dev/ref/mod#goproxy-protocol asks for.
func proxy(root, dir string, m module.Version, mod []byte) error {
	escaped, err := module.EscapePath(m.Path)
	if err != nil {
		return err
	}
	at := filepath.Join(dir, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := modzip.CreateFromDir(&packed, m, root); err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": m.Version, "Time": time.Now().UTC().Format(time.RFC3339)})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"list": []byte(m.Version + "\n"), m.Version + ".info": info, m.Version + ".mod": mod, m.Version + ".zip": packed.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(at, name), content, 0o644); err != nil {
			return err
		}
	}
	files, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
	if err != nil {
		return err
	}
	fmt.Printf("%s %s: %d files, %.1f MB packed\n", m.Path, m.Version, len(files.File), float64(packed.Len())/1e6)
	return nil
}

var isProgram = regexp.MustCompile(`(?m)^package main$`)

// scratch writes a module with the program that the README shows.
func scratch(root, dir, language string) error {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		return err
	}
	for _, b := range docs.Read("README.md", string(readme)).Blocks {
		if b.Kind != "go" || !isProgram.MatchString(b.Text) {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module scratch\n\ngo "+language+"\n"), 0o644); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, "main.go"), []byte(b.Text), 0o644)
	}
	return errors.New("README.md shows no program (package main)")
}
