package dictionary

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"gopherlens/internal/brief"
)

// What SAELens writes: since version 6 with an object metadata, before that flat.

// Fields of cfg.json that no computation depends on. What trained a dictionary is kept, where it
// was trained by version 6; the logs and files of a run are not.
var (
	runFields = []string{"device", "dtype", "seed", "verbose", "sae_lens_version", "sae_lens_training_version", "use_error_term"}
	// settings of version 6's training classes
	trainingFields = []string{"decoder_init_norm", "l1_*", "lp_norm", "l0_*", "target_l0", "jumprelu_*", "pre_act_loss_coefficient",
		"aux_loss_coefficient", "topk_threshold_lr", "use_sparse_activations", "use_matryoshka_aux_loss"}
	// settings of the runs of versions 2 to 5, which stand beside the dictionary's own
	oldFields = []string{"hook_layer", "hook_point_layer", "hook_point_eval", "hook_eval", "hook_layer_out", "dataset_*", "streaming",
		"is_dataset_tokenized", "context_size", "use_cached_activations", "*cached_activations*", "model_*", "prepend_bos", "neuronpedia_id",
		"n_*", "total_training_*", "training_tokens", "finetuning_tokens", "finetuning_method", "store_batch_size*", "train_batch_size*",
		"act_store_device", "mse_loss_normalization", "l1_*", "lp_norm", "scale_sparsity_penalty*", "lr*", "adam_*", "b_dec_init_method",
		"init_encoder_as_decoder_transpose", "decoder_*", "normalize_sae_decoder", "noise_factor", "expansion_factor", "from_pretrained_path",
		"use_ghost_grads", "feature_*", "resample_*", "dead_feature_*", "log_*", "wandb_*", "eval_*", "checkpoint_path", "tokens_per_buffer",
		"run_name", "autocast*", "compile_*", "llm_compilation_mode", "sae_compilation_mode", "exclude_special_tokens", "jumprelu_*",
		"architecture_*", "cached*", "activation_store*", "disable_concat_sequences", "sequence_separator_token", "pin_memory", "seqpos_slice"}
	// what version 6 keeps in metadata and version 5 beside the rest
	metadataFields = []string{"model_name", "model_class_name", "model_from_pretrained_kwargs", "prepend_bos", "exclude_special_tokens",
		"neuronpedia_id", "context_size", "dataset_path", "sae_lens_version", "sae_lens_training_version"}
)

func readSAELens(src *source) error {
	f := src.fields
	if _, ok := f.values["metadata"]; ok {
		src.readVersion6(f)
	} else {
		src.readFlat(f)
	}
	return src.fixSAELensWeights()
}

// readVersion6 reads a cfg.json whose metadata stand apart.
func (s *source) readVersion6(f *fields) {
	meta := f.sub("metadata")
	s.readSizes(f, value(f, "architecture", string(Standard)))
	s.config.SubtractBias = value(f, "apply_b_dec_to_input", true)
	s.config.Normalization = Normalization(value(f, "normalize_activations", string(NoNormalization)))
	s.readReshape(f, value(f, "reshape_activations", "none"))
	s.readHooks(meta)
	s.config.Metadata = encoded(meta.values)
	if training := f.ignore(trainingFields...); len(training) > 0 {
		s.config.Training = encoded(training)
	}
	f.ignore(runFields...)
	f.errs = append(f.errs, meta.errs...)
}

// readFlat reads a cfg.json of versions 2 to 5.
func (s *source) readFlat(f *fields) {
	kind := value(f, "architecture", string(Standard))
	options := f.sub("activation_fn_kwargs")
	activation := "relu"
	for _, name := range []string{"activation_fn_str", "activation_fn"} {
		if v := quiet[string](f, name); v != "" {
			activation = v
		}
	}
	if activation == "topk" {
		kind = string(TopK)
		if _, ok := options.get("k"); ok {
			f.values["k"] = options.values["k"]
		}
	} else if activation != "relu" {
		f.fail("activation function %q is not supported; known: relu, topk", activation)
	}
	f.errs = append(f.errs, options.err())
	s.readSizes(f, kind)
	s.config.SubtractBias = value(f, "apply_b_dec_to_input", true)
	s.config.Normalization = oldNormalization(f)
	for old, name := range map[string]string{"hook_point": "hook_name", "hook_point_head_index": "hook_head_index", "hook_point_out": "hook_name_out"} {
		if v, ok := f.get(old); ok {
			f.values[name] = v
		}
	}
	s.readHooks(f)
	reshape := "none"
	if strings.Contains(s.config.Hook, "hook_z") {
		reshape = "hook_z"
	}
	s.readReshape(f, value(f, "reshape_activations", reshape))
	f.must("finetuning_scaling_factor", false, "SAELens 6 has no such factor either")
	s.config.Metadata = encoded(f.ignore(metadataFields...))
	f.ignore(slices.Concat(runFields, oldFields)...)
	s.notes = append(s.notes, "cfg.json of SAELens before version 6")
}

// oldNormalization reads what was once a truth value.
func oldNormalization(f *fields) Normalization {
	if v, ok := f.values["normalize_activations"].(bool); ok {
		f.read["normalize_activations"] = true
		if v {
			return AverageOnlyIn
		}
		return NoNormalization
	}
	return Normalization(value(f, "normalize_activations", string(NoNormalization)))
}

// readSizes reads the kind and what belongs to it.
func (s *source) readSizes(f *fields, kind string) {
	c := &s.config
	c.Kind = Kind(kind)
	c.DIn, c.Features = f.size("d_in"), f.size("d_sae")
	c.DOut = c.DIn
	k := kinds[c.Kind]
	if k.transcodes {
		c.DOut = f.size("d_out")
	}
	if k.hasK() {
		c.K = value(f, "k", 100.0)
		c.RescaleByNorm = value(f, "rescale_acts_by_decoder_norm", false)
	}
	if c.Kind == Matryoshka {
		c.Widths = f.sizes("matryoshka_widths")
		if n := len(c.Widths); n > 0 && c.Widths[n-1] < c.Features {
			c.Widths = append(c.Widths, c.Features)
		}
	}
}

func (s *source) readReshape(f *fields, how string) {
	switch how {
	case "none":
	case "hook_z":
		s.config.FlattenHeads = true
	default:
		f.fail("field %q = %q is not supported; known: none, hook_z", "reshape_activations", how)
	}
}

// readHooks reads which sites it belongs to.
func (s *source) readHooks(f *fields) {
	s.config.Hook = quiet[string](f, "hook_name")
	s.config.HookOut = quiet[string](f, "hook_name_out")
	s.config.Model = quiet[string](f, "model_name")
	f.must("hook_head_index", nil, "a dictionary of one head alone cannot be spliced in")
	f.must("hook_head_index_out", nil, "a dictionary of one head alone cannot be spliced in")
}

// fixSAELensWeights makes of the arrays of any version those of today.
func (s *source) fixSAELensWeights() error {
	w := s.weights
	if log := w.take("log_threshold"); log != nil {
		for i, v := range log.Data {
			log.Data[i] = float32(math.Exp(float64(v)))
		}
		w["threshold"] = log
		s.notes = append(s.notes, "threshold = exp(log_threshold)")
	}
	if factor := w.take("scaling_factor"); factor != nil {
		if i := slices.IndexFunc(factor.Data, func(v float32) bool { return !(math.Abs(float64(v)-1) < 1e-5) }); i >= 0 {
			return brief.Errorf("weight %q is %v at feature %d: a finetuning scaling factor is not supported, nor is it by SAELens 6", "scaling_factor",
				factor.Data[i], i)
		}
	}
	if !kinds[s.config.Kind].wholeBatch {
		return nil
	}
	threshold := w.take("topk_threshold")
	switch {
	case threshold == nil:
		return brief.Errorf("weight %q is missing, which the training class of kind %q saves", "topk_threshold", s.config.Kind)
	case len(threshold.Data) != 1 || !(threshold.scalar >= 0 && threshold.scalar <= math.MaxFloat32):
		return brief.Errorf("weight %q of shape %v is %v: want one number, 0 or more", "topk_threshold", threshold.Shape, threshold.Data)
	}
	s.config.Threshold = threshold.scalar
	return nil
}

func float64At(raw []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(raw)) }

// encoded is what came out of JSON in JSON again.
func encoded(values map[string]any) json.RawMessage {
	text, err := json.Marshal(values)
	if err != nil {
		return nil
	}
	return text
}
