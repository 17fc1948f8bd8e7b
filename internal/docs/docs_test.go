package docs_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopherlens/internal/docs"
	"gopherlens/internal/notebook"
	"gopherlens/internal/setup"
)

const root = "../.."

func pages(t *testing.T) []docs.Page {
	t.Helper()
	all, err := docs.Pages(root)
	if err != nil || len(all) < 5 {
		t.Fatal(len(all), "pages", err)
	}
	return all
}

// TestRead holds what is found on a page.
func TestRead(t *testing.T) {
	p := docs.Read("a.md", "# A `b` c?\n\ntext [x](y.md#z \"t\") and `go doc x` ![p](q.svg)\n\n"+
		"    make a B=1 # why\n\n## Two\n## Two\n<!-- go\nvar a = 1\n-->\n```go build\nfmt.Println(a)\n```\n\n| Python | Go |\n| --- | --- |\n| `x | y` | `a | b` |\n")
	for _, want := range []string{"a-b-c", "two", "two-1"} {
		if !p.Anchors[want] {
			t.Errorf("no anchor %q: %v", want, p.Anchors)
		}
	}
	if got := fmt.Sprint(p.Links); got != "[{3 y.md#z} {3 q.svg}]" {
		t.Error("links", got)
	}
	if got := fmt.Sprint(p.Blocks); !strings.Contains(got, "make a B=1") || !strings.Contains(got, "{9 3 go [] var a = 1\n true} {12 3 go [build] fmt.Println(a)\n false}") {
		t.Errorf("blocks %q", got)
	}
	last := p.Spans[len(p.Spans)-1]
	if last.Column != "Go" || last.Text != "a | b" {
		t.Error("span", last)
	}
	commands := p.Commands()
	if len(commands) != 2 || strings.Join(commands[0].Words, " ") != "make a B=1" {
		t.Error("commands", commands)
	}
}

// TestLinks follows every link that leads to a file of the repository, and to a place in a page.
func TestLinks(t *testing.T) {
	all := pages(t)
	anchors := map[string]map[string]bool{}
	for _, p := range all {
		anchors[p.Path] = p.Anchors
	}
	links := 0
	for _, p := range all {
		for _, l := range p.Links {
			links++
			where := fmt.Sprintf("%s:%d: the link to %q", p.Path, l.Line, l.Target)
			u, err := url.Parse(l.Target)
			if err != nil {
				t.Errorf("%s: %v", where, err)
				continue
			}
			if u.Scheme != "" {
				if u.Scheme != "https" || u.Host == "" {
					t.Errorf("%s is not https", where)
				}
				continue
			}
			target := p.Path
			if u.Path != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(p.Path), u.Path))
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s leads nowhere", where)
			} else if u.Fragment != "" && !anchors[target][u.Fragment] {
				t.Errorf("%s: %s has no heading of that name", where, target)
			}
		}
	}
	if links < 50 {
		t.Errorf("only %d links were found", links)
	}
}

var (
	target   = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*)(?: [a-z][a-z0-9-]*)*:`)
	goFile   = regexp.MustCompile(`^[\w./*-]+\.(go|py|js|css|json|ipynb|mod|txt|in|svg)$`)
	variable = regexp.MustCompile(`\bGOPHERLENS_[A-Z_]+\b`)
	testName = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(`)
)

// TestCommands looks up what pages tell readers to type: targets of the Makefile and their
// variables, packages and tests, scripts, services of the container. What gopherlens itself takes
// is looked up where its commands are, in cmd/gopherlens.
func TestCommands(t *testing.T) {
	makefile := read(t, "Makefile")
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(makefile, -1) {
		for _, name := range strings.Fields(strings.TrimSuffix(m[0], ":")) {
			targets[name] = true
		}
	}
	module, _, _ := strings.Cut(strings.TrimPrefix(read(t, "go.mod"), "module "), "\n")
	n := 0
	for _, p := range pages(t) {
		for _, c := range p.Commands() {
			n++
			fail := func(format string, args ...any) {
				t.Errorf("%s:%d: %s: %s", p.Path, c.Line, strings.Join(c.Words, " "), fmt.Sprintf(format, args...))
			}
			program, args := c.Words[0], c.Words[1:]
			switch {
			case program == "make":
				for _, word := range args {
					name, _, assigned := strings.Cut(word, "=")
					if assigned && !strings.Contains(makefile, "$("+name+")") {
						fail("the Makefile reads no %s", name)
					} else if !assigned && !strings.HasPrefix(word, "-") && !targets[word] {
						fail("the Makefile has no target %s", word)
					}
				}
			case program == "go":
				checkGo(module, args, fail)
			case strings.HasPrefix(program, "scripts/"):
				if _, err := os.Stat(filepath.Join(root, program)); err != nil {
					fail("there is no such script")
				}
			case program == "docker":
				checkCompose(read(t, "docker-compose.yml"), args, fail)
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d commands were found", n)
	}
}

// checkCompose looks up the profiles and services of a docker compose command.
func checkCompose(services string, args []string, fail func(string, ...any)) {
	before := ""
	for _, word := range args {
		service, _, _ := strings.Cut(word, "=")
		switch {
		case before == "--profile" && !strings.Contains(services, "profiles: ["+word+"]"):
			fail("docker-compose.yml has no profile %s", word)
		case (before == "up" || before == "--scale") && !strings.HasPrefix(word, "-") && !strings.Contains(services, "\n  "+service+":"):
			fail("docker-compose.yml has no service %s", word)
		}
		before = word
	}
}

// checkGo looks up the packages and tests of a go command.
func checkGo(module string, args []string, fail func(string, ...any)) {
	var folder string
	for i, word := range args[1:] {
		path, ours := strings.CutPrefix(word, module+"/")
		if ours && args[0] == "doc" {
			path, _, _ = strings.Cut(path, ".") // a package's, and a name in it
		}
		if !ours {
			path, ours = strings.CutPrefix(word, "./")
		}
		path = strings.TrimSuffix(strings.TrimSuffix(path, "..."), "/")
		if !ours {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, path)); err != nil {
			fail("there is no %s", word)
		}
		folder = path
		if i > 0 && args[i] == "-run" { // of the word before: args[1:] is one behind
			return
		}
	}
	at := slices.Index(args, "-bench")
	if at < 0 {
		at = slices.Index(args, "-run")
	}
	if at < 0 || at+1 == len(args) || folder == "" {
		return
	}
	wanted, err := regexp.Compile(strings.Split(args[at+1], "/")[0])
	files, _ := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	for _, f := range files {
		text, _ := os.ReadFile(f)
		for _, m := range testName.FindAllStringSubmatch(string(text), -1) {
			if err == nil && wanted.MatchString(m[1]) {
				return
			}
		}
	}
	fail("no test in %s is called so", folder)
}

// TestFiles looks up the files and environment variables that pages name.
func TestFiles(t *testing.T) {
	names, variables := repository(t)
	for _, p := range pages(t) {
		for _, s := range p.Spans {
			if goFile.MatchString(s.Text) && !names(s.Text) && p.Path != "CHANGELOG.md" {
				t.Errorf("%s:%d: there is no file %s", p.Path, s.Line, s.Text)
			}
		}
		for _, name := range variable.FindAllString(read(t, p.Path), -1) {
			if !variables[name] {
				t.Errorf("%s: nothing reads %s", p.Path, name)
			}
		}
	}
}

// elsewhere are files that pages name and that are a model's, a reader's or another project's.
var elsewhere = regexp.MustCompile(`^(NAME|NN|arch_NAME|sweep|config|cfg|tokenizer|special_tokens_map|added_tokens|generation_config|gopherlens|convert_hf_to_gguf|modeling_\w+|model\.safetensors\.index|chat_template|kernel)([\w.-]*)\.\w+$`)

// repository tells whether a file is there, by its path or its name alone, and which environment
// variables of ours are read anywhere.
func repository(t *testing.T) (named func(string) bool, variables map[string]bool) {
	t.Helper()
	out, err := exec.Command("git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Skip("no git checkout:", err)
	}
	files := strings.Fields(string(out))
	variables = map[string]bool{}
	for _, f := range files {
		if ext := filepath.Ext(f); ext == ".go" || ext == ".yml" || f == "Makefile" || strings.HasPrefix(f, "scripts/") {
			text, err := os.ReadFile(filepath.Join(root, f))
			if err != nil {
				continue // removed, and not yet committed
			}
			for _, name := range variable.FindAllString(string(text), -1) {
				variables[name] = true
			}
		}
	}
	bases := map[string]bool{}
	for _, f := range files {
		bases[filepath.Base(f)] = true
	}
	return func(name string) bool {
		if elsewhere.MatchString(filepath.Base(name)) || bases[name] {
			return true
		}
		pattern := strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, `[^/]*`)
		wanted := regexp.MustCompile("(^|/)" + pattern + "$")
		return slices.ContainsFunc(files, wanted.MatchString)
	}, variables
}

// TestFigures holds the README's measured table against the ratios of bench/PEERS.md: the same
// peers, and each row as it stands there.
func TestFigures(t *testing.T) {
	const heading = "\n## Beside TransformerLens and nnsight\n"
	readme := table(t, "README.md", heading)
	measured := table(t, "bench/PEERS.md", "\n## Each over Gopherlens\n")
	rows := map[string][]string{}
	for _, cells := range measured {
		rows[cells[0]] = cells
	}
	if len(readme) < 10 {
		t.Fatalf("the README's measured table has %d rows", len(readme))
	}
	for _, cells := range readme {
		if !slices.Equal(cells, rows[cells[0]]) {
			t.Errorf("bench/PEERS.md says %q, the README %q", rows[cells[0]], cells)
		}
	}
}

// table is the first table behind a heading.
func table(t *testing.T, page, heading string) (rows [][]string) {
	t.Helper()
	_, text, ok := strings.Cut(read(t, page), heading)
	if !ok {
		t.Fatalf("%s has no heading %q", page, strings.TrimSpace(heading))
	}
	_, text, _ = strings.Cut(text, "\n|")
	text, _, _ = strings.Cut(text, "\n\n")
	for _, line := range strings.Split("|"+text, "\n") {
		rows = append(rows, docs.Cells(line))
	}
	return rows
}

// TestNotebookCells holds blocks that stand in a notebook against it.
func TestNotebookCells(t *testing.T) {
	paths, err := filepath.Glob(root + "/notebooks/*.ipynb")
	if err != nil || len(paths) == 0 {
		t.Fatal("no notebooks", err)
	}
	sources := map[string]bool{}
	for _, path := range paths {
		f, err := notebook.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.Cells {
			sources[strings.TrimSpace(c.Source)] = true
		}
	}
	for _, p := range pages(t) {
		for _, b := range p.Blocks {
			if slices.Contains(b.Words, docs.InNotebook) && !sources[strings.TrimSpace(b.Text)] {
				t.Errorf("%s:%d: no notebook has this cell", p.Path, b.Line)
			}
		}
	}
}

// TestGo builds the Go code of all pages, each section as a package of one program, and runs what a
// reader would. It must end without a panic and print what the page says. Lines in which a page
// leads from Python to Go are compiled.
func TestGo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	repo, err := setup.FindRepo()
	if err != nil {
		t.Fatal(err)
	}
	var programs []docs.Program
	for _, p := range pages(t) {
		of, err := p.Programs()
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, of...)
	}
	dir := t.TempDir()
	writeModule(t, dir, repo.Root, programs)
	for _, args := range [][]string{{"build", "./built/..."}, {"build", "-ldflags=-w", "-o", "pages", "."}} {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = dir
		command.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=")
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, output, legend(programs))
		}
	}
	if _, err := os.Stat(repo.Python()); err != nil {
		if os.Getenv("GOPHERLENS_SETUP") != "" {
			t.Fatalf("%s is missing after set-up", repo.Python())
		}
		t.Skip("what was built is not run: it needs the model that set-up fetches (make setup)")
	}
	runPages(t, dir, programs)
}

// patience is far more than the pages' code takes.
const patience = 15 * time.Minute

// between stands before the output of each section.
const between = "=== page "

func runPages(t *testing.T, dir string, programs []docs.Program) {
	t.Helper()
	var out bytes.Buffer
	command := exec.CommandContext(t.Context(), filepath.Join(dir, "pages"))
	command.Dir, command.Stdout, command.Stderr = t.TempDir(), &out, &out
	command.Env = append(os.Environ(), "GOPHERLENS_RESIDENT=off")
	timer := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	err := command.Run()
	if !timer.Stop() {
		t.Errorf("it did not end within %v", patience)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	outputs := map[string]string{}
	var at string
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), between); ok {
			at = name
		} else {
			outputs[at] += lines.Text() + "\n"
		}
	}
	for _, p := range programs {
		rest := outputs[""] + outputs[p.Name] // initialisers print before all
		for _, want := range p.Prints {
			for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
				_, after, found := strings.Cut(rest, strings.TrimSpace(line))
				if !found {
					t.Errorf("%s does not print %q in its place:\n%s", p.Where, line, outputs[p.Name])
					break
				}
				rest = after
			}
		}
	}
}

// legend tells which package is which section.
func legend(programs []docs.Program) string {
	var b strings.Builder
	for _, p := range programs {
		fmt.Fprintf(&b, "%s is %s\n", p.Name, p.Where)
	}
	return b.String()
}

// writeModule puts the programs into a module, in a workspace with this one, as GoNB does.
func writeModule(t *testing.T, dir, repository string, programs []docs.Program) {
	t.Helper()
	var main strings.Builder
	main.WriteString("package main\n\nimport (\n\t\"fmt\"\n")
	for _, p := range programs {
		if p.Runs {
			fmt.Fprintf(&main, "\t%q\n", "pages/run/"+p.Name)
		}
	}
	main.WriteString(")\n\nfunc main() {\n\tfmt.Print()\n")
	for _, p := range programs {
		if p.Runs {
			fmt.Fprintf(&main, "\tfmt.Println(%q)\n\t%s.Main()\n\tfmt.Println()\n", between+p.Name, p.Name)
		}
	}
	main.WriteString("}\n")
	files := map[string]string{
		"main.go": main.String(),
		"xla.go":  "//go:build cgo\n\npackage main\n\nimport _ \"gopherlens/xla\"\n",
		"go.mod":  "module pages\n\ngo 1.26.5\n",
		"go.work": fmt.Sprintf("go 1.26.5\n\nuse (\n\t.\n\t%q\n)\n", repository),
	}
	for _, p := range programs {
		folder := "built/" // is not linked, so that its initialisers are not run
		if p.Runs {
			folder = "run/"
		}
		files[folder+p.Name+"/page.go"] = p.Source
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
