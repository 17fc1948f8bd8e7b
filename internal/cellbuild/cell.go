package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// source is the file that a cell's program consists of.
const source = "main.go"

// dirVariable is set by GoNB: the folder in which cells are built.
const dirVariable = "GONB_TMP_DIR"

// A cell is a program to be built in the working directory.
type cell struct {
	goCommand string
	args      []string // of the go command
	program   string   // what is to be made
	goRoot    string
	std       []string // what it imports of Go's own packages, in order
	others    []string // and what else
	dir       string   // where records are kept
}

var errNotPlain = errors.New("no plain cell")

// newCell reads what is to be built. It fails with what only the go command knows how to build.
func newCell(goCommand string, args []string) (*cell, error) {
	c := &cell{goCommand: goCommand, args: args, goRoot: filepath.Dir(filepath.Dir(goCommand))}
	plain := len(args) >= 3 && args[0] == "build" && args[1] == "-o" && (len(args) == 3 || slices.Equal(args[3:], []string{source}))
	if !plain || strings.Contains(os.Getenv("GOFLAGS"), "-toolexec") || os.Getenv(dirVariable) == "" || !aloneHere() {
		return nil, errNotPlain
	}
	c.program, c.dir = args[2], filepath.Join(os.Getenv(dirVariable), "gopherlens-build")
	text, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	// //go:embed, //go:debug and build constraints are the go command's.
	if bytes.Contains(text, []byte("//go:")) || bytes.Contains(text, []byte("// +build")) {
		return nil, errNotPlain
	}
	file, err := parser.ParseFile(token.NewFileSet(), source, text, parser.ImportsOnly)
	if err != nil || file.Name.Name != "main" {
		return nil, errNotPlain
	}
	var imports []string
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || path == "C" {
			return nil, errNotPlain
		}
		imports = append(imports, path)
	}
	slices.Sort(imports)
	for _, path := range slices.Compact(imports) {
		if c.isStd(path) {
			c.std = append(c.std, path)
		} else {
			c.others = append(c.others, path)
		}
	}
	return c, nil
}

// aloneHere tells whether the go command would read no other file of this folder into the program.
func aloneHere() bool {
	entries, err := os.ReadDir(".")
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return e.Name() != source && (e.IsDir() && e.Name() == "vendor" || slices.Contains(built, filepath.Ext(e.Name())))
	})
}

// built are the endings of files that the go command builds from.
var built = []string{".go", ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx", ".f", ".F", ".for", ".f90",
	".s", ".S", ".sx", ".swig", ".swigcxx", ".syso", ".pgo"}

// isStd tells whether a package is one of Go's own.
func (c *cell) isStd(path string) bool {
	info, err := os.Stat(filepath.Join(c.goRoot, "src", path))
	return path == "unsafe" || err == nil && info.IsDir()
}

// recordFile is where the record of such a build is kept: in this environment, with just these
// packages, as the program names the modules that it is made of (debug.ReadBuildInfo).
func (c *cell) recordFile() string {
	parts := append([]string{c.goCommand, strings.Join(c.args[3:], " ")}, c.others...)
	for _, v := range os.Environ() {
		if decidesBuild(v) {
			parts = append(parts, v)
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:12])+".json")
}

// decidesBuild tells whether the go command or its tools may read a variable.
func decidesBuild(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	switch name {
	case "CC", "CXX", "FC", "AR", "PKG_CONFIG", "HOME", "PATH", "XDG_CONFIG_HOME", "XDG_CACHE_HOME":
		return true
	}
	return strings.HasPrefix(name, "GO") && !strings.HasPrefix(name, "GONB_") || strings.HasPrefix(name, "CGO_")
}
