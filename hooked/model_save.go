package hooked

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
	"gopherlens/internal/wholefile"
)

// SaveOptions refine [Model.Save].
type SaveOptions struct {
	// of the weights in the file; the model's own unless given, and then some are rounded
	DType DType
	// an earlier save in the same folder goes; else a folder that holds anything is refused
	Replace bool
}

// Names of the files that a save writes besides the tokenizer's.
const (
	savedWeights = "model.safetensors"
	savedFile    = "gopherlens.json"
)

// savedVersion is the format of [savedFile].
const savedVersion = 1

// savedModel is what [savedFile] says of the model beside it.
type savedModel struct {
	Version int
	Config  Config
	Applied []string // steps of processing that its weights went through, see [Processing.String]
	// biases that the family does without: zeros in the file, for those who ask for all
	Absent []string
	Files  []string // what was saved with it
}

// Save writes the model into a folder: configuration, weights as they are now, and the tokenizer
// if it has one that can be read. [FromPretrained] of the folder (for an encoder
// [EncoderFromPretrained], for both [EncoderDecoderFromPretrained]) is the same model again, bit
// for bit; one in 16 bits is if LoadOptions.DType says so again. Steps of processing that the
// weights went through are not taken twice, whichever it is asked for.
//
// The weights, model.safetensors, have TransformerLens' names and shapes, all biases among them, so
// that its load_state_dict(..., strict=False) takes them; the masks that it counts among the
// weights are not there. Its own configuration is beside them as cfg.json, for
// HookedTransformerConfig.from_dict, where it can say all that the model is.
//
// The folder appears when everything is on the disk: a save that fails leaves what was there
// before, and one that is killed leaves a hidden folder beside it, too, named ".NAME.gopherlens-"
// and a number, which the next save there removes.
func (m *Model) Save(folder string, options ...SaveOptions) error {
	if err := m.check(); err != nil {
		return err
	}
	how, err := oneOption(options)
	if err == nil {
		err = m.save(filepath.Clean(folder), how)
	}
	if err != nil {
		return brief.Errorf("saving the model to %s: %w", folder, err)
	}
	return nil
}

// Save writes the encoder into a folder, as [Model.Save] does.
func (e *Encoder) Save(folder string, options ...SaveOptions) error {
	return e.model().Save(folder, options...)
}

func (m *Model) save(folder string, how SaveOptions) error {
	if how.DType == "" {
		how.DType = m.cfg.DType
	}
	if _, err := how.DType.flat(nil); err != nil {
		return err
	}
	if err := mayReplace(folder, how.Replace); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	return wholefile.WriteFolder(folder, 0o755, func(temp string) error { return m.saveFiles(temp, how.DType) })
}

// saveFiles writes all files into a folder.
func (m *Model) saveFiles(folder string, dtype DType) error {
	if tok, err := m.Tokenizer(); err == nil {
		if err := tok.Save(folder); err != nil {
			return err
		}
	}
	if native, err := m.cfg.nativeJSON(); err != nil {
		return err
	} else if native != nil {
		if err := os.WriteFile(filepath.Join(folder, nativeFile), native, 0o644); err != nil {
			return err
		}
	}
	if err := weights.WriteSafetensors(filepath.Join(folder, savedWeights), map[string]string{"format": "pt"}, m.namedWeights(dtype)); err != nil {
		return err
	}
	about := savedModel{Version: savedVersion, Config: m.cfg, Absent: m.absentBiases()}
	if m.applied != NoProcessing {
		about.Applied = strings.Split(m.applied.String(), processingSeparator)
	}
	var err error
	if about.Files, err = namesIn(folder); err != nil {
		return err
	}
	text, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, savedFile), text, 0o644)
}

// savedNames are the canonical names of the weights in the file: those that the model has, and
// zeros for the other biases that TransformerLens has in every model. It knows no b_gate.
func (m *Model) savedNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m.weights.specs)), func(name string) bool {
		return m.weights.shapes[name] == nil && strings.HasSuffix(name, "mlp.b_gate")
	})
}

// absentBiases are the weights that the family does without, by the names that they have in the
// file.
func (m *Model) absentBiases() []string {
	var names []string
	for _, name := range m.savedNames() {
		if m.weights.shapes[name] == nil {
			names = append(names, m.cfg.lensName(name))
		}
	}
	return names
}

// namedWeights are all weights under TransformerLens' names, copied from the device one at a time.
func (m *Model) namedWeights(dtype DType) []weights.Named {
	var list []weights.Named
	for _, name := range m.savedNames() {
		shape := m.weights.specs[name].shape
		list = append(list, weights.Named{Name: m.cfg.lensName(name), DType: fileTypes[dtype], Shape: shape, Write: func(w io.Writer) error {
			a, err := m.weights.array(name)
			if err != nil {
				return err
			}
			return weights.FromRounded(name, fileTypes[dtype], a.Shape, a.Data).Write(w)
		}})
	}
	return list
}

// mayReplace refuses a folder that holds what a save must not take away.
func mayReplace(folder string, replace bool) error {
	names, err := namesIn(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(names) == 0:
		return nil
	case err != nil:
		return err
	case !replace:
		return brief.Errorf("the folder is there and holds %s: remove it, save elsewhere, or set SaveOptions.Replace", brief.Names(names))
	}
	about, err := readSaved(folder)
	if err != nil || about == nil {
		return errors.Join(brief.Errorf("the folder holds %s, which no save has written", brief.Names(names)), err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == savedFile || slices.Contains(about.Files, name) })
	if len(names) > 0 {
		return brief.Errorf("the folder holds %s besides the model that would be replaced: move it away", brief.Names(names))
	}
	return nil
}

// namesIn are the names of what a folder holds.
func namesIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
