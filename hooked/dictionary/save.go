package dictionary

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
	"gopherlens/internal/wholefile"
)

// SaveOptions refine [Dictionary.Save].
type SaveOptions struct {
	// DType is that of the weights in the file, and cfg.json's: [hooked.F32] unless given,
	// [hooked.BF16] or [hooked.F16], which round.
	DType hooked.DType
}

// names of the types that a dictionary is saved in, as PyTorch has them.
var savedTypes = map[hooked.DType]weights.DType{hooked.F32: weights.F32, hooked.BF16: weights.BF16, hooked.F16: weights.F16}

// Save writes the dictionary into a folder as SAELens 6 does, cfg.json and sae_weights.safetensors,
// for its SAE.load_from_disk and [Load]. The folder must be empty or not there; it appears whole.
func (d *Dictionary) Save(folder string, options ...SaveOptions) error {
	if err := d.check(); err != nil {
		return err
	}
	how := hooked.F32
	if len(options) > 0 && options[0].DType != "" {
		how = options[0].DType
	}
	switch _, ok := savedTypes[how]; {
	case len(options) > 1:
		return brief.Errorf("saving the dictionary: it takes one SaveOptions, %d are given", len(options))
	case !ok:
		return brief.Errorf("saving the dictionary: SaveOptions.DType is %q: want %q, %q or %q", how, hooked.F32, hooked.BF16, hooked.F16)
	}
	write := func(folder string) error { return d.writeFiles(folder, how) }
	if err := wholefile.WriteNewFolder(folder, 0o755, write); err != nil {
		return brief.Errorf("saving the dictionary to %s: %w", folder, err)
	}
	return nil
}

func (d *Dictionary) writeFiles(folder string, how hooked.DType) error {
	fields := d.Config.saeLens()
	fields["dtype"] = how
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "cfg.json"), text, 0o644); err != nil {
		return err
	}
	var named []weights.Named
	for _, name := range d.Config.weightNames() {
		w := d.Weights[name]
		var values []float32
		if err := hooked.Try(func() { values = w.Float32s() }); err != nil {
			return err
		}
		named = append(named, weights.FromRounded(name, savedTypes[how], w.Shape(), values))
	}
	if kinds[d.Config.Kind].wholeBatch {
		named = append(named, weights.Named{Name: "topk_threshold", DType: weights.F64, Shape: []int{},
			Write: func(w io.Writer) error { return binary.Write(w, binary.LittleEndian, d.Config.Threshold) }})
	}
	return weights.WriteSafetensors(filepath.Join(folder, "sae_weights.safetensors"), map[string]string{"format": "pt"}, named)
}

// saeLens is the configuration as SAELens 6 writes it.
func (c Config) saeLens() map[string]any {
	meta, out := object(c.Metadata), object(c.Training)
	if meta["sae_lens_version"] == nil { // of an older version SAELens would take defaults of its own
		meta["sae_lens_version"] = "6.0.0"
	}
	meta["hook_name"] = c.Hook
	if c.Model != "" {
		meta["model_name"] = c.Model
	}
	reshape := "none"
	if c.FlattenHeads {
		reshape = "hook_z"
	}
	maps.Copy(out, map[string]any{"architecture": c.Kind, "d_in": c.DIn, "d_sae": c.Features, "device": "cpu",
		"apply_b_dec_to_input": c.SubtractBias, "normalize_activations": cmp.Or(c.Normalization, NoNormalization), "reshape_activations": reshape, "metadata": meta})
	k := kinds[c.Kind]
	if k.transcodes {
		out["d_out"], meta["hook_name_out"] = c.DOut, c.HookOut
	}
	if k.hasK() {
		out["k"], out["rescale_acts_by_decoder_norm"] = number(c.K), c.RescaleByNorm
	}
	if len(c.Widths) > 0 {
		out["matryoshka_widths"] = c.Widths
	}
	return out
}

// number is a whole one as such: Python wants an int for the k of a TopK.
func number(v float64) any {
	if v == math.Trunc(v) {
		return int(v)
	}
	return v
}

// object is a JSON object in values; an empty one of what is none.
func object(text json.RawMessage) map[string]any {
	out := make(map[string]any)
	if json.Unmarshal(text, &out) != nil || out == nil {
		return make(map[string]any)
	}
	return out
}
