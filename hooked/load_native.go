package hooked

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gopherlens/internal/brief"
)

// This file reads checkpoints in TransformerLens' own format: a configuration with TransformerLens'
// field names and a state dict whose names are the canonical ones already. Toy models
// (attention-only, SoLU, algorithmic tasks) exist only so.

// nativeFile is the configuration's name where a HookedTransformerConfig was written out in full.
const nativeFile = "cfg.json"

// isNative reports whether a config.json speaks of a TransformerLens model: Neel Nanda's toy models
// keep theirs there, together with everything about their training.
func isNative(f *fields) bool {
	_, layers := f.values["n_layers"]
	_, heads := f.values["d_head"]
	return layers && heads
}

// readNative reads the configuration of a TransformerLens checkpoint from a folder; nil where the
// folder holds none.
func readNative(folder string) (*architecture, Config, error) {
	path := filepath.Join(folder, nativeFile)
	ignored := nativeIgnored
	if _, err := os.Stat(path); err != nil {
		path = filepath.Join(folder, "config.json")
		// learning rates and the like; TransformerLens reads the same few fields
		ignored = []string{"*"}
	}
	f, err := readConfigJSON(path)
	if err != nil || path != filepath.Join(folder, nativeFile) && !isNative(f) {
		return nil, Config{}, err
	}
	arch := &architecture{class: "HookedTransformer", config: nativeConfig, ignored: ignored, noBOS: !f.BoolOr("default_prepend_bos", true)}
	cfg, _, err := arch.read(f)
	if err != nil {
		return nil, Config{}, brief.Errorf("%s: %w", path, err)
	}
	arch.weights = nativeRules(cfg)
	arch.ignoredTensors = []string{"blocks.*.attn.mask", "blocks.*.attn.IGNORE", "blocks.*.attn.rotary_sin", "blocks.*.attn.rotary_cos", "blocks.*.attn.alibi"}
	return arch, cfg, nil
}

// nativeIgnored are fields of a HookedTransformerConfig that no forward pass reads, or that are
// arguments of a run here.
var nativeIgnored = []string{"model_name", "use_attn_result", "use_split_qkv_input", "use_hook_mlp_in", "use_attn_in", "use_hook_tokens",
	"ungroup_grouped_query_attention", "original_architecture", "from_checkpoint", "checkpoint_*", "tokenizer_*", "device", "n_devices",
	"init_weights", "n_params", "trust_remote_code", "load_in_4bit", "relative_attention_*", "decoder_start_token_id", "NTK_*"}

// nativeConfig reads a HookedTransformerConfig. Source:
// transformer_lens/config/hooked_transformer_config.py.
func nativeConfig(f *fields) Config {
	c := Config{
		NLayers:                     f.Int("n_layers"),
		DModel:                      f.Int("d_model"),
		NCtx:                        f.Int("n_ctx"),
		DHead:                       f.Int("d_head"),
		NHeads:                      max(0, f.CountOr("n_heads", 0)), // -1 for d_model over d_head
		NKeyValueHeads:              f.CountOr("n_key_value_heads", 0),
		DVocab:                      f.Int("d_vocab"),
		DVocabOut:                   max(0, f.CountOr("d_vocab_out", 0)), // -1 for d_vocab
		Eps:                         f.PositiveOr("eps", 1e-5),
		FinalRMS:                    f.Bool("final_rms"),
		NormalizationBeforeAndAfter: f.Bool("use_normalization_before_and_after"),
		PostEmbeddingLN:             f.Bool("post_embedding_ln"),
		ScaleAttnByInverseLayerIdx:  f.Bool("scale_attn_by_inverse_layer_idx"),
		AttentionDir:                Direction(f.StringOr("attention_dir", "")),
		AttnOnly:                    f.Bool("attn_only"),
		AttnScoresSoftCap:           max(0, f.FloatOr("attn_scores_soft_cap", 0)), // -1 for none
		OutputLogitsSoftCap:         max(0, f.FloatOr("output_logits_soft_cap", 0)),
		UseQKNorm:                   f.Bool("use_qk_norm"),
		ParallelAttnMLP:             f.Bool("parallel_attn_mlp"),
		GatedMLP:                    f.Bool("gated_mlp"),
		InitMode:                    f.StringOr("init_mode", ""),
		InitializerRange:            f.FloatOr("initializer_range", 0),
		Seed:                        int64(f.CountOr("seed", 0)),
	}
	if c.NHeads == 0 {
		c.NHeads = quotient(c.DModel, c.DHead)
	}
	if !c.AttnOnly {
		c.DMLP = f.CountOr("d_mlp", 0)
		c.ActFn = f.Activation("act_fn")
	}
	c.AttnScale = max(0, f.FloatOr("attn_scale", 0)) // -1 for the usual
	if !f.BoolOr("use_attn_scale", true) {
		c.AttnScale = 1
	}
	c.Normalization = Normalization(f.StringOr(f.anyOf("normalization_type", "normalization"), ""))
	f.read["d_mlp"], f.read["act_fn"] = true, true
	nativePositions(f, &c)
	nativeWindows(f, &c)
	return c
}

func nativePositions(f *fields, c *Config) {
	c.PositionalEmbedding = PositionalEmbedding(f.StringOr("positional_embedding_type", "standard"))
	if f.Bool("shortformer_pos") {
		c.PositionalEmbedding = ShortformerPositions
	}
	c.RotaryDim = f.CountOr("rotary_dim", 0)
	c.RotaryAdjacentPairs = f.Bool("rotary_adjacent_pairs")
	base := f.PositiveOr("rotary_base", 10000)
	if c.PositionalEmbedding != RotaryPositions {
		return
	}
	c.RotaryBase = base
	c.RotaryBaseLocal = f.PositiveOr("rotary_base_local", 0)
	if f.Bool("use_NTK_by_parts_rope") {
		c.RotaryScaling = &RopeScaling{
			Kind:            Llama3Rope,
			Factor:          f.PositiveOr("NTK_by_parts_factor", 8),
			LowFreqFactor:   f.PositiveOr("NTK_by_parts_low_freq_factor", 1),
			HighFreqFactor:  f.PositiveOr("NTK_by_parts_high_freq_factor", 4),
			OriginalContext: f.IntOr("NTK_original_ctx_len", 8192),
		}
	}
}

func nativeWindows(f *fields, c *Config) {
	window := f.CountOr("window_size", 0)
	if !f.Bool("use_local_attn") {
		f.read["attn_types"] = true
		return
	}
	c.WindowSize = window
	f.attnTypes(c, "attn_types", func(int) AttentionKind { return GlobalAttention })
}

// nativeRules are the rules of a state dict in canonical names: each weight is its own source.
func nativeRules(c Config) []weightRule {
	var rules []weightRule
	known := make(map[string]bool) // layers need not have the same weights
	for _, name := range slices.Sorted(maps.Keys(c.weightSpecs())) {
		to := name
		for _, stack := range []string{"blocks.", "encoder.", "decoder."} {
			if _, rest, ok := cutLayer(stack, name); ok {
				to = stack + "%d." + rest
			}
		}
		if known[to] {
			continue
		}
		known[to] = true
		from := to
		if grouped := c.lensName(to); grouped != to {
			from = grouped + "|" + to
		}
		rules = append(rules, weightRule{to: to, from: from})
	}
	return rules
}
