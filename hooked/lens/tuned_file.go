package lens

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// A saved lens is a folder in the layout of the package tuned-lens (0.2.0): config.json with its
// fields, and the maps called "0.weight" [out, in], "0.bias", "1.weight", ... That package keeps
// them with torch.save in params.pt, this one in params.safetensors; both are read.

// tunedAbout is config.json.
type tunedAbout struct {
	Model   string `json:"base_model_name_or_path"`
	DModel  int    `json:"d_model"`
	Layers  int    `json:"num_hidden_layers"`
	Bias    bool   `json:"bias"`
	Type    string `json:"lens_type"`
	Centred bool   `json:"gopherlens_centred"` // the residual stream is centred, which that package's never is
}

const lensType = "linear_tuned_lens"

func aboutLens(m *hooked.Model) tunedAbout {
	c := m.Config()
	return tunedAbout{c.ModelName, c.DModel, c.NLayers, true, lensType, centres(m)}
}

const (
	aboutFile  = "config.json"
	paramsFile = "params.safetensors"
)

// Save writes the lens to a folder: config.json and params.safetensors, in the layout of the
// package tuned-lens. The folder appears whole, and takes the place of a lens that was saved there;
// one that holds anything else is refused.
func (t *TunedLens) Save(folder string) error {
	if t.Layers() == 0 {
		return errors.New("TunedLens.Save: the lens is empty")
	}
	if err := t.save(filepath.Clean(folder)); err != nil {
		return brief.Errorf("TunedLens.Save: %s: %w", folder, err)
	}
	return nil
}

func (t *TunedLens) save(folder string) error {
	switch there, err := wholefile.Others(folder, aboutFile, paramsFile); {
	case err != nil:
		return err
	case len(there) > 0:
		return brief.Errorf("the folder holds %s, which is no part of a saved lens: give another", brief.Names(there))
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	return wholefile.WriteFolder(folder, 0o755, t.writeFiles)
}

func (t *TunedLens) writeFiles(folder string) error {
	arrays := make(map[string]any)
	for l := range t.weights {
		arrays[fmt.Sprintf("%d.weight", l)], arrays[fmt.Sprintf("%d.bias", l)] = t.weights[l], t.biases[l]
	}
	if err := hooked.WriteArrays(filepath.Join(folder, paramsFile), arrays); err != nil {
		return err
	}
	text, err := json.MarshalIndent(t.about, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, aboutFile), append(text, '\n'), 0o644)
}

// OpenTunedLens reads a lens from a folder that [TunedLens.Save] or the package tuned-lens has
// written.
func OpenTunedLens(folder string) (*TunedLens, error) {
	t, err := openTuned(folder)
	if err != nil {
		return nil, brief.Errorf("OpenTunedLens: %s: %w", folder, err)
	}
	return t, nil
}

func openTuned(folder string) (*TunedLens, error) {
	t := new(TunedLens)
	text, err := os.ReadFile(filepath.Join(folder, aboutFile))
	if err != nil {
		return nil, err
	}
	t.about.Bias = true
	if err := json.Unmarshal(text, &t.about); err != nil {
		return nil, brief.Errorf("config.json: %w", err)
	}
	switch a := t.about; {
	case a.Type != "" && a.Type != lensType:
		return nil, brief.Errorf("config.json: lens_type is %q, want %q", a.Type, lensType)
	case a.DModel < 1 || a.Layers < 1:
		return nil, brief.Errorf("config.json: d_model is %d and num_hidden_layers %d: want both, 1 or more", a.DModel, a.Layers)
	}
	arrays, err := readParams(folder)
	if err != nil {
		return nil, err
	}
	d := t.about.DModel
	for l := range t.about.Layers {
		w, err := param(arrays, strconv.Itoa(l)+".weight", "out in", d, d)
		if err != nil {
			return nil, err
		}
		b := hooked.NewZeros("d_model", d)
		if t.about.Bias {
			if b, err = param(arrays, strconv.Itoa(l)+".bias", "d_model", d); err != nil {
				return nil, err
			}
		}
		t.weights, t.biases = append(t.weights, w), append(t.biases, b)
	}
	for name := range arrays {
		return nil, brief.Errorf("the parameters hold %q, which is no part of a lens of %d layers", name, t.about.Layers)
	}
	t.about.Bias, t.about.Type = true, lensType
	return t, nil
}

func readParams(folder string) (hooked.StateDict, error) {
	path := filepath.Join(folder, paramsFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(folder, "params.pt")
	}
	return hooked.ReadArrays(path)
}

// param takes an array out of those that were read.
func param(arrays hooked.StateDict, name, axes string, shape ...int) (*hooked.Tensor, error) {
	a, ok := arrays[name]
	if !ok {
		return nil, brief.Errorf("the parameters hold no %q", name)
	}
	delete(arrays, name)
	if fmt.Sprint(a.Shape) != fmt.Sprint(shape) {
		return nil, brief.Errorf("%s has shape %v, want %v", name, a.Shape, shape)
	}
	return hooked.NewTensor(a, axes)
}
