package circuits

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
	"gopherlens/internal/wholefile"
)

// Save writes the transcoders into a folder as circuit-tracer does, for its loader and [Load]: a
// config.yaml, and layer_I.safetensors or, of cross-layer ones, W_enc_I and W_dec_I.safetensors.
// The folder must be empty or not there; it appears whole. circuit-tracer knows ReLU and JumpReLU
// transcoders, and cross-layer ones without a skip: others are refused.
func (t *Transcoders) Save(folder string) error {
	if err := t.check(); err != nil {
		return err
	}
	if err := t.save(folder); err != nil {
		return brief.Errorf("saving the transcoders to %s: %w", folder, err)
	}
	return nil
}

// savedKinds are those that circuit-tracer reads.
var savedKinds = []dictionary.Kind{dictionary.Transcoder, dictionary.SkipTranscoder, dictionary.JumpReLUTranscoder, dictionary.JumpReLUSkipTranscoder}

func (t *Transcoders) save(folder string) error {
	for l, d := range t.Layers {
		switch {
		case !slices.Contains(savedKinds, d.Config.Kind):
			return brief.Errorf("layer %d is of kind %q, which circuit-tracer's files cannot hold: save each layer with dictionary's Save", l, d.Config.Kind)
		case t.CrossLayer() && skips(d.Config):
			return brief.Errorf("circuit-tracer's files of cross-layer transcoders hold no W_skip")
		}
	}
	return wholefile.WriteNewFolder(folder, 0o755, t.writeFiles)
}

func (t *Transcoders) writeFiles(folder string) error {
	in, out := t.Sites()
	c := config{Model: t.Model, Kind: kindPerLayer, In: in, Out: out, Scan: t.Scan}
	if t.CrossLayer() {
		c.Kind = kindCrossLayer
	}
	for l := range t.Layers {
		write := t.writeLayer
		if t.CrossLayer() {
			write = t.writeCrossLayer
		}
		if err := write(folder, l, &c); err != nil {
			return brief.Errorf("layer %d: %w", l, err)
		}
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, configFile), text, 0o644)
}

func (t *Transcoders) writeLayer(folder string, l int, c *config) error {
	file := fmt.Sprintf("layer_%d.safetensors", l)
	c.Paths = append(c.Paths, file)
	var named []weights.Named
	for _, name := range weightNames(t.Layers[l].Config) {
		w, err := arrayOf(t.Layers[l].Weights[name])
		if err != nil {
			return err
		}
		if name == "W_enc" {
			w = transposed(w)
		}
		named = append(named, weights.FromFloat32s(layerNames[name], w.Shape, w.Data))
	}
	return writeTensors(folder, file, named)
}

func (t *Transcoders) writeCrossLayer(folder string, l int, _ *config) error {
	var encoder []weights.Named
	for _, name := range weightNames(t.Layers[l].Config) {
		w, err := arrayOf(t.Layers[l].Weights[name])
		switch {
		case err != nil:
			return err
		case name == "W_dec":
			continue
		case name == "W_enc":
			w = transposed(w)
		}
		encoder = append(encoder, weights.FromFloat32s(fmt.Sprintf("%s_%d", name, l), w.Shape, w.Data))
	}
	if err := writeTensors(folder, fmt.Sprintf("W_enc_%d.safetensors", l), encoder); err != nil {
		return err
	}
	w, err := arrayOf(t.Decoders[l])
	if err != nil {
		return err
	}
	name := fmt.Sprintf("W_dec_%d", l)
	return writeTensors(folder, name+".safetensors", []weights.Named{weights.FromFloat32s(name, w.Shape, w.Data)})
}

func writeTensors(folder, file string, named []weights.Named) error {
	return weights.WriteSafetensors(filepath.Join(folder, file), map[string]string{"format": "pt"}, named)
}

// arrayOf copies a tensor to this process.
func arrayOf(t *hooked.Tensor) (a *hooked.Array, err error) {
	err = hooked.Try(func() { a = &hooked.Array{Shape: t.Shape(), Data: t.Float32s()} })
	return a, err
}
