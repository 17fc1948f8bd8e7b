package notebook_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopherlens/internal/notebook"
	"gopherlens/internal/progress"
	"gopherlens/internal/setup"
)

// What a notebook's tagged cell may declare.
const declarations = `const layer = 5
var prompt = "Paris"
var scale float64 = 1
var rate = 0.5
var (
	heads = []int{1, 2}
	on = false // whether
)
var left, right = 1, 2
var depth = -3
%%
fmt.Println("not a declaration")`

// Values become Go in the form that the declaration asks for, and what cannot be is refused.
func TestParameters(t *testing.T) {
	for _, c := range []struct{ assignment, want string }{
		{"layer=7", "const layer = 7"},
		{"layer=0x10", "const layer = 0x10"},
		{`prompt=The "capital" = é\n`, `var prompt = "The \"capital\" = é\\n"`},
		{"prompt=", `var prompt = ""`},
		{"scale=2", "var scale float64 = 2"},
		{"rate=2", "var rate = 2.0"},
		{"rate=1e-3", "var rate = 1e-3"},
		{"heads=[]int{3}", "var heads = []int{3}"},
		{"on=true", "var on = true"},
		{"depth=4", "var depth = 4"},
		{" layer=7", "const layer = 7"},
	} {
		got, err := notebook.Inject([]string{"parameters"}, declarations, c.assignment)
		if want := "// Parameters\n" + c.want + "\n"; err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", c.assignment, got, err, want)
		}
	}
	for _, c := range []struct{ assignment, want string }{
		{"layr=7", `no parameter "layr"; nearest: "layer"`},
		{"layer=seven", `parameter layer: "seven" is no whole number`},
		{"layer=7\nvar x = 1", "no whole number"},
		{"scale=NaN", `"NaN" is no number`},
		{"on=yes", `"yes" is neither true nor false`},
		{"heads=1; 2", "is no Go expression, as its value []int{1, 2} is"},
		{"left=3", "declared together with others"},
		{"layer", "write NAME=VALUE"},
	} {
		_, err := notebook.Inject([]string{"parameters"}, declarations, c.assignment)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want one that says %q", c.assignment, err, c.want)
		}
	}
	if _, err := notebook.Inject(nil, declarations, "layer=7"); err == nil || !strings.Contains(err.Error(), `no code cell has the tag "parameters"`) {
		t.Errorf("without a tag: %v", err)
	}
	if _, err := notebook.Inject([]string{"parameters"}, "const layer 5", "layer=7"); err == nil || !strings.Contains(err.Error(), "expected") {
		t.Errorf("a cell that is no Go: %v", err)
	}
}

// The injected cell stands behind the tagged one, once, and later cells see its values. The page
// has the outputs.
func TestRunParameters(t *testing.T) {
	options := notebook.Options{Python: python(t), HTML: filepath.Join(t.TempDir(), "page.html"), Parameters: []string{"layer=7", "prompt=Rome & <b>"}}
	path := write(t, setup.KernelName, "const layer = 5\nvar prompt = \"Paris\"", "%%\nfmt.Println(\"layer\", layer, prompt)")
	tag(t, path, 0, "parameters")
	for range 2 { // a notebook that was injected once is injected anew
		options.Output = filepath.Join(t.TempDir(), "out.ipynb")
		var out strings.Builder
		if err := notebook.Run(t.Context(), path, progress.New(&out), options); err != nil {
			t.Fatalf("%v\n%s", err, &out)
		}
		cells := read(t, options.Output).Cells
		if len(cells) != 3 || strings.Join(cells[1].Metadata.Tags, "") != "injected-parameters" ||
			strings.Join(cells[1].Source, "") != "// Parameters\nconst layer = 7\n\nvar prompt = \"Rome & <b>\"\n" {
			t.Fatalf("the executed notebook has the cells %+v", cells)
		}
		if got := strings.Join(cells[2].Outputs[0].Text, ""); got != "layer 7 Rome & <b>\n" {
			t.Errorf("printed %q", got)
		}
		page, err := os.ReadFile(options.HTML)
		if err != nil || !strings.Contains(string(page), "layer 7 Rome &amp; &lt;b&gt;") || !strings.Contains(string(page), "<title>test</title>") && !strings.Contains(string(page), "<title>out</title>") {
			t.Errorf("the page: %v, %d bytes", err, len(page))
		}
		if !strings.Contains(out.String(), "wrote "+options.HTML+"\n") {
			t.Errorf("printed %q", &out)
		}
		path = options.Output
	}
}

// tag gives a cell of a notebook's file a tag.
func tag(t *testing.T, path string, cell int, name string) {
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	file["cells"].([]any)[cell].(map[string]any)["metadata"] = map[string]any{"tags": []string{name}}
	if content, err = json.Marshal(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
