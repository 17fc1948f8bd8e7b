//go:build browser

package plots_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"gopherlens/internal/browser"
	"gopherlens/plots"
)

// The browser check needs node, Chromium and JupyterLab, so it has a tag of its
// own:
//
//	go test -tags browser ./plots -run Browser

var (
	shots    = flag.String("shots", "", "an absolute folder for screenshots of every cell")
	notebook = flag.String("notebook", "", "an executed notebook to check instead of the samples")
	figures  = flag.String("figures", "", "a regular expression: only the samples whose names it finds")
)

// TestBrowser draws every figure in JupyterLab, offline: not trusted, trusted,
// and dark; and opens every page that WriteHTML saves.
func TestBrowser(t *testing.T) {
	job := map[string]any{"shots": *shots}
	root := t.TempDir()
	books := notebooks(t, root)
	job["lab"], job["notebooks"], job["pages"] = startLab(t, root, false), books, []string{}
	if *notebook == "" {
		job["pages"] = pages(t, root)
	}
	browser.Run(t, "figures.mjs", job)
	job["lab"], job["notebooks"], job["pages"] = startLab(t, root, true), books[:1], []string{}
	browser.Run(t, "figures.mjs", job)
}

// book is a notebook as internal/browser/figures.mjs wants to know it.
type book struct {
	Path    string `json:"path"`
	Trusted bool   `json:"trusted"`
	Figures int    `json:"figures"`
}

// notebooks writes the samples, signed and as they come from a stranger, and
// signed figures of hostile labels: where scripts run, a label must not.
func notebooks(t *testing.T, root string) []book {
	t.Helper()
	if *notebook != "" {
		books := []book{{"given_trusted_true.ipynb", true, 1}, {"given.ipynb", false, 1}}
		for _, b := range books {
			copyNotebook(t, *notebook, filepath.Join(root, b.Path))
		}
		return books
	}
	shown, hostile := wanted(t, samples()), wanted(t, hostileSamples())
	books := []book{{"samples_trusted_true.ipynb", true, len(shown)}, {"samples.ipynb", false, len(shown)}, {"hostile_trusted_true.ipynb", true, len(hostile)}}
	for i, figures := range [][]sample{shown, shown, hostile} {
		writeNotebook(t, filepath.Join(root, books[i].Path), figures)
	}
	return books
}

// wanted are the samples that the flag names, all if it is not given.
func wanted(t *testing.T, all []sample) []sample {
	t.Helper()
	names, err := regexp.Compile(*figures)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(s sample) bool { return !names.MatchString(s.name) })
}

// copyNotebook copies a notebook with its name in its metadata: Jupyter trusts contents, so that a
// plain copy of a trusted one is trusted, too.
func copyNotebook(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var book map[string]any
	if err := json.Unmarshal(content, &book); err != nil {
		t.Fatal(err)
	}
	metadata, ok := book["metadata"].(map[string]any)
	if !ok {
		t.Fatalf("%s has no metadata", from)
	}
	metadata["copy"] = filepath.Base(to)
	if content, err = json.Marshal(book); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o666); err != nil {
		t.Fatal(err)
	}
}

func pages(t *testing.T, root string) []string {
	t.Helper()
	var urls []string
	for _, s := range wanted(t, samples()) {
		path := filepath.Join(root, s.name+".html")
		if err := s.figure.WriteHTML(path); err != nil {
			t.Fatal(err)
		}
		urls = append(urls, "file://"+path)
	}
	return append(urls, "file://"+featurePage(t, filepath.Join(root, "features.html")))
}

// featurePage writes a page of many features whose tokens are hostile.
func featurePage(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	labels := hostileLabels()
	if err := plots.FeaturePage(f, plots.PageConfig{Title: labels[16], Unit: "activation"}, wholeDictionary(500, func(i int) string { return labels[i%len(labels)] })); err != nil {
		t.Fatal(err)
	}
	return path
}

// startLab starts a JupyterLab of our own, with no settings but the theme, on a
// free port of this machine; it ends with the test.
func startLab(t *testing.T, root string, dark bool) string {
	t.Helper()
	theme := map[bool]string{false: "JupyterLab Light", true: "JupyterLab Dark"}[dark]
	env := append(browser.Settings(t, map[string]string{"apputils-extension/themes": `{"theme": "` + theme + `"}`}),
		"JUPYTER_DATA_DIR="+filepath.Join(t.TempDir(), "data"))
	trust(t, root, env)
	return serve(t, root, env)
}

// trust signs the notebooks named so, as a person's own run would.
func trust(t *testing.T, root string, env []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "*_trusted_true.ipynb"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(browser.Jupyter(t), append([]string{"trust"}, files...)...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("jupyter trust: %v\n%s", err, out)
	}
}

func serve(t *testing.T, root string, env []string) string {
	t.Helper()
	port := browser.FreePort(t)
	cmd := exec.Command(browser.Jupyter(t), "lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", fmt.Sprintf("--port=%d", port),
		"--IdentityProvider.token=", "--ServerApp.password=", "--ServerApp.root_dir="+root)
	cmd.Env = env
	return browser.Serve(t, cmd, port)
}
