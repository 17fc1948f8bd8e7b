package dictionary_test

import (
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/golden"
)

// layoutsGolden is layouts/golden.json.
type layoutsGolden struct {
	Model     string
	Tolerance struct{ Atol, Rtol float64 }
	Layouts   map[string]struct {
		Architecture string
		Hook         string `json:"hook_name"`
		HookOut      string `json:"hook_name_out"`
		SubtractBias bool   `json:"apply_b_dec_to_input"`
		Reshape      string `json:"reshape_activations"`
	}
}

// weightsIn is the folder below dir that holds a weights file.
func weightsIn(t *testing.T, dir string) (found string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() && d.Name() != "golden.safetensors" && (filepath.Ext(path) == ".npz" || filepath.Ext(path) == ".safetensors") {
			found = filepath.Dir(path)
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("no weights in %s (%v)", dir, err)
	}
	return found
}

// Every layout is read into what SAELens makes of it.
func TestLayouts(t *testing.T) {
	var g layoutsGolden
	golden.JSON(t, "testdata/layouts/golden.json", &g)
	tol := golden.Tolerance{Abs: g.Tolerance.Atol, Rel: g.Tolerance.Rtol}
	golden.OnBackends(t, func(t *testing.T, be compute.Backend) {
		m := model(t, g.Model, be)
		for name, want := range g.Layouts {
			if golden.LeftOut(be, name, "gemma_scope2_transcoder") {
				continue
			}
			t.Run(name, func(t *testing.T) {
				dir := filepath.Join("testdata/layouts", name)
				d, err := dictionary.Load(weightsIn(t, dir))
				if err != nil {
					t.Fatal(err)
				}
				t.Log(d)
				c := d.Config
				if want.HookOut == "" {
					want.HookOut = want.Hook
				}
				if string(c.Kind) != want.Architecture || c.Hook != want.Hook || c.HookOut != want.HookOut || c.SubtractBias != want.SubtractBias ||
					c.FlattenHeads != (want.Reshape == "hook_z") {
					t.Errorf("%+v, want %+v", c, want)
				}
				f := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
				for _, w := range f.Names("weights/") {
					values, _ := f.Floats("weights/" + w)
					if d.Weights[w] == nil {
						t.Errorf("weight %s is missing", w)
						continue
					}
					golden.Close(t, w, d.Weights[w].Float32s(), values, golden.Tolerance{Rel: 1e-6})
				}
				axes := "batch pos d_model"
				if c.FlattenHeads {
					axes = "batch pos head d_head"
				}
				x := tensor(t, m, f, "x", axes)
				acts, out := hooked.Must(d.Encode(x)), hooked.Must(d.Reconstruct(x))
				values, _ := f.Floats("feature_acts")
				golden.Close(t, "feature_acts", acts.Float32s(), values, tol)
				values, _ = f.Floats("out")
				golden.Close(t, "out", out.Float32s(), values, tol)
			})
		}
	})
}
