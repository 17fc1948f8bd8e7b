package dictionary

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strings"

	"gopherlens/internal/brief"
)

// What others write. Where a layout does not say which site a dictionary belongs to, the names of
// its folders do.

var layerInPath = regexp.MustCompile(`(?:^|_)layers?[._](\d+)(?:_|$)`)

// folders are the names of the folders that a dictionary lies in, the innermost first.
func (s *source) folders() []string {
	var names []string
	for dir := filepath.Clean(s.path); ; dir = filepath.Dir(dir) {
		names = append(names, filepath.Base(dir))
		if next := filepath.Dir(dir); next == dir {
			return names
		}
	}
}

// layer is the number in the folder called after the layer; ok is false without one.
func (s *source) layer() (n string, ok bool) {
	for _, name := range s.folders() {
		if m := layerInPath.FindStringSubmatch(name); m != nil {
			return m[1], true
		}
	}
	return "", false
}

// A place is where the dictionaries of a folder called so belong.
type place struct {
	folder  *regexp.Regexp
	in, out string // sites of a layer; out for transcoders
}

// put sets the sites by the first place, from the innermost folder on, that a folder is called
// after.
func (s *source) put(places []place) {
	layer, ok := s.layer()
	if !ok {
		return
	}
	for _, name := range s.folders() {
		for _, p := range places {
			if p.folder.MatchString(name) {
				s.config.Hook = "blocks." + layer + "." + p.in
				if p.out != "" {
					s.config.HookOut = "blocks." + layer + "." + p.out
				}
				return
			}
		}
	}
}

// gemmaScopePlaces are those of Gemma Scope's repositories, gemma-scope-2b-pt-res and so on.
var gemmaScopePlaces = []place{
	{regexp.MustCompile(`(^|[-_])transcoders?($|[-_])`), "ln2.hook_normalized", "hook_mlp_out"},
	{regexp.MustCompile(`(^|[-_])res($|[-_])`), "hook_resid_post", ""},
	{regexp.MustCompile(`(^|[-_])mlp($|[-_])`), "hook_mlp_out", ""},
	{regexp.MustCompile(`(^|[-_])att($|[-_])`), "attn.hook_z", ""},
}

// readGemmaScope reads Gemma Scope's params.npz (Lieberum et al. 2024).
func readGemmaScope(src *source) error {
	w := src.weights
	src.config = Config{Kind: JumpReLU, Normalization: NoNormalization}
	for _, name := range []string{"enc", "dec"} {
		w.rename("w_"+name, "W_"+name)
	}
	src.put(gemmaScopePlaces)
	src.jumpSizes()
	src.bySite = true
	src.config.Model = gemmaModel(src.folders())
	for _, name := range src.folders() {
		if name == "embedding" {
			return src.embedding()
		}
	}
	return nil
}

// embedding makes a dictionary of the embedding one of the site, whose vectors the model has
// multiplied by sqrt(d_model).
func (s *source) embedding() error {
	s.config.Hook, s.config.HookOut = "hook_embed", "hook_embed"
	scale := math.Sqrt(float64(s.config.DIn))
	for name, by := range map[string]float64{"W_enc": 1 / scale, "W_dec": scale} {
		if w := s.weights[name]; w != nil {
			w.scaled(by)
		}
	}
	s.notes = append(s.notes, "of the embedding: W_enc / sqrt(d_in), W_dec * sqrt(d_in)")
	return nil
}

// jumpSizes reads the sizes off the weights.
func (s *source) jumpSizes() {
	s.config.DIn, s.config.Features = s.weights.matrix("W_enc")
	_, s.config.DOut = s.weights.matrix("W_dec")
}

var gemmaScopeRepo = regexp.MustCompile(`gemma-scope-(\d+b)-(pt|it)`)

// gemmaModel is the model that one of the folders is called after.
func gemmaModel(folders []string) string {
	for _, name := range folders {
		if m := gemmaScopeRepo.FindStringSubmatch(name); m != nil {
			return strings.TrimSuffix(fmt.Sprintf("gemma-2-%s-%s", m[1], m[2]), "-pt")
		}
	}
	return ""
}

// gemmaScope2Places are those of the folders of Gemma Scope 2.
var gemmaScope2Places = []place{
	{regexp.MustCompile(`^transcoder`), "hook_mlp_in", "hook_mlp_out"},
	{regexp.MustCompile(`^resid_post`), "hook_resid_post", ""},
	{regexp.MustCompile(`^mlp_out`), "hook_mlp_out", ""},
	{regexp.MustCompile(`^attn_out`), "attn.hook_z", ""},
}

// readGemmaScope2 reads Gemma Scope 2's params.safetensors and config.json.
func readGemmaScope2(src *source) error {
	f, w := src.fields, src.weights
	f.must("architecture", "jump_relu", "known: jump_relu")
	kind := value(f, "type", "sae")
	affine := value(f, "affine_connection", false)
	src.config = Config{Kind: JumpReLU, Normalization: NoNormalization, Model: quiet[string](f, "model_name")}
	f.ignore("hf_hook_point_*", "l0", "width")
	for _, name := range []string{"enc", "dec"} {
		w.rename("w_"+name, "W_"+name)
	}
	src.put(gemmaScope2Places)
	src.jumpSizes()
	switch {
	case kind == "transcoder" && affine:
		src.config.Kind = JumpReLUSkipTranscoder
	case kind == "transcoder":
		src.config.Kind = JumpReLUTranscoder
	case kind != "sae":
		return brief.Errorf("config: field %q = %q is not supported; known: sae, transcoder", "type", kind)
	case affine:
		return brief.Errorf("config: a dictionary of type sae with an affine connection is not supported")
	}
	if skip := w.take("affine_skip_connection"); skip != nil {
		w["W_skip"] = skip.transposed()
	}
	src.config.FlattenHeads = strings.HasSuffix(src.config.Hook, "hook_z")
	return nil
}

// readSparsify reads what EleutherAI's sparsify saves for a layer.
func readSparsify(src *source) error {
	f, w := src.fields, src.weights
	src.config = Config{Kind: TopK, Normalization: NoNormalization, DIn: f.size("d_in"), SubtractBias: true}
	c := &src.config
	c.DOut = c.DIn
	expansion := value(f, "expansion_factor", 32.0)
	if c.Features = f.whole("num_latents", quiet[float64](f, "num_latents")); c.Features == 0 {
		c.Features = f.whole("expansion_factor", expansion*float64(c.DIn))
	}
	c.K = float64(f.size("k"))
	f.must("activation", "topk", "known: topk")
	f.must("signed", false, "features below zero are not supported")
	for _, name := range []string{"transcode", "skip_connection"} {
		f.must(name, false, "sparsify's transcoders are not supported")
	}
	f.ignore("normalize_decoder", "multi_topk") // of the training alone
	for from, to := range map[string]string{"encoder.weight": "W_enc", "decoder.weight": "W_dec"} {
		if m := w.take(from); m != nil {
			w[to] = m.transposed()
		}
	}
	w.rename("encoder.bias", "b_enc")
	w.rename("decoder.bias", "b_dec")
	if layer, ok := src.layer(); ok {
		c.Hook = "blocks." + layer + ".hook_resid_post"
	} else if src.folders()[0] == "embed_tokens" {
		c.Hook = "hook_embed"
	}
	return nil
}
