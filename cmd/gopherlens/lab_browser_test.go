//go:build browser

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/internal/browser"
	"gopherlens/internal/docs"
)

var (
	shots  = flag.String("shots", "", "an absolute folder for a screenshot of each cell")
	saying = flag.String("steps", "", "only the steps whose names begin so, besides the README's cells")
)

// A step is what a person does in the lab: internal/browser/lab.mjs has the actions.
type step struct {
	Do      string   `json:"do"`
	Name    string   `json:"name"`
	Code    string   `json:"code,omitempty"`
	Keys    bool     `json:"keys,omitempty"`  // typed key by key, and not pasted
	Says    []string `json:"says,omitempty"`  // what must stand below the cell
	Lacks   []string `json:"lacks,omitempty"` // what must not
	Awaits  []string `json:"awaits,omitempty"`
	Picture bool     `json:"picture,omitempty"` // the cell draws something
	Seconds float64  `json:"seconds,omitempty"` // it may take at most
	Must    bool     `json:"must,omitempty"`    // nothing goes on without it
	Command []string `json:"command,omitempty"`
}

// TestLabInBrowser types the README's cells into a new notebook of a lab in a real browser, makes
// the commonest mistakes, interrupts a cell, rebuilds the program beside the notebook as each make
// target does, restarts the kernel, and finds the model there after each.
func TestLabInBrowser(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(root, "bin", "gopherlens")
	const token = "of the browser test"
	job := map[string]any{
		"lab": startLab(t, program, folder, token), "token": token, "kernel": "Go (gonb)", "folder": folder,
		"gopherlens": program, "shots": *shots, "steps": labSteps(t, root),
	}
	browser.Run(t, "lab.mjs", job)
}

// labSteps are the steps in their order.
func labSteps(t *testing.T, root string) []step {
	readme := readmeCells(t, root)
	again := slices.Clone(readme)
	for i := range again {
		again[i].Name = "again " + again[i].Name
		again[i].Seconds = 60 // on a busy machine, too; compiling this module takes longer
	}
	stillThere := step{Do: "run", Code: "%%\n_, next := logits.At(0, -1).TopK(1, \"d_vocab\")\nfmt.Printf(\"%q\\n\", hooked.Must(model.StrTokens(next.Ints())))",
		Says: []string{`" Paris"`}}
	there := func(name string) []step {
		cell := stillThere
		cell.Name = name
		return []step{cell, {Do: "sameWorker", Name: name}}
	}
	return slices.Concat(
		[]step{{Do: "open", Name: "a new notebook", Must: true}},
		readme,
		[]step{{Do: "remember", Name: "the worker", Must: true}},
		only(mistakes),
		there("after the mistakes"),
		[]step{
			{Do: "begin", Name: "a long loop", Awaits: []string{"begun"},
				Code: "%%\nfmt.Println(\"begun\")\nfor i := range 1_000_000 {\n\thooked.Must(model.Run(fmt.Sprint(text, i)))\n}\nfmt.Println(\"not interrupted\")"},
			{Do: "interrupt", Name: "a long loop", Seconds: 10, Lacks: []string{"not interrupted"}},
		},
		there("after the interrupt"),
		[]step{
			{Do: "command", Name: "rm bin/gopherlens", Command: []string{"rm", filepath.Join(root, "bin", "gopherlens")}},
			{Do: "command", Name: "make setup", Command: []string{"make", "-C", root, "setup"}, Must: true},
		},
		there("after make setup"),
		[]step{{Do: "restart", Name: "the kernel", Must: true}},
		again,
		[]step{{Do: "newWorker", Name: "with the kernel"}, {Do: "workerEnds", Name: "with the kernel"}},
	)
}

// only are the steps that the flag names, all without it.
func only(steps []step) []step {
	return slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return !strings.HasPrefix(s.Name, *saying) })
}

// readmeCells are the cells of the README's first notebook, with what it says that they print.
func readmeCells(t *testing.T, root string) (cells []step) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := docs.Read("README.md", string(text))
	section := slices.Index(page.Sections, "A first notebook")
	for _, b := range page.Blocks {
		switch {
		case b.Section != section:
		case b.Kind == "text":
			last := &cells[len(cells)-1]
			last.Says, last.Picture = append(last.Says, strings.TrimSpace(b.Text)), true
		case b.Kind == "go":
			cells = append(cells, step{Do: "run", Name: fmt.Sprintf("README's line %d", b.Line), Code: strings.TrimSpace(b.Text),
				Lacks: []string{"rror", "panic"}, Must: len(cells) < 2})
		}
	}
	if len(cells) < 4 {
		t.Fatalf("the README's first notebook has %d cells", len(cells))
	}
	return cells
}

// startLab starts the lab on a free port, with settings of its own; it ends with the test, and its
// kernels with it.
func startLab(t *testing.T, program, folder, token string) string {
	t.Helper()
	port := browser.FreePort(t)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "lab", "--no-browser", "--port", fmt.Sprint(port), "--folder", folder,
		"--", "--allow-root")
	cmd.Dir = filepath.Dir(program)
	cmd.Env = append(browser.Settings(t, map[string]string{"notebook-extension/tracker": `{"windowingMode": "none"}`}), // the script counts cells
		"JUPYTER_TOKEN="+token, "HF_HUB_OFFLINE=1")
	return browser.Serve(t, cmd, port)
}
