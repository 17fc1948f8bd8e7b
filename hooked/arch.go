package hooked

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopherlens/internal/nearest"
	"gopherlens/internal/weights"
)

// An architecture is a model family as data: how its configuration becomes a [Config], and which of its tensors becomes
// which canonical weight. The forward pass never asks for the family.
type architecture struct {
	class string // config.json's architectures[0]
	gguf  string // general.architecture in GGUF files, empty if llama.cpp has it not

	config    func(f *fields) Config
	ggufKeys  map[string]string // GGUF metadata, without the family's prefix -> config.json's field
	ggufFixed map[string]any    // fields that GGUF leaves to the family
	ignored   []string          // fields of config.json that change nothing in a forward pass; a star at the end matches the rest

	noBOS bool // texts get no BOS unless a call says so

	prefixes       []string // that checkpoints may or may not put before their tensors' names
	weights        []weightRule
	ggufWeights    []weightRule
	ignoredTensors []string // buffers and the like; patterns of path.Match
}

// A weightRule says where a canonical weight comes from and how its axes lie there.
type weightRule struct {
	to      string // "blocks.%d.attn.W_Q"; "W_{Q,K,V}" stands for three weights that lie in one tensor
	from    string // the family's name; alternatives are separated by |
	pattern string // einops, with the axes named in axisSizes; for several targets the first axis on the right tells them apart
	skip    int    // leading rows that no token reads
	adjust  func(Config, []float32)
}

// architectures lists the families that can be loaded.
var architectures = []*architecture{&gpt2, &gptNeo, &gptNeoX, &gptJ, &opt, &llama, &mistral, &qwen2, &qwen3, &gemma, &gemma2, &gemma3, &phi, &phi3, &bloom, &bert, &bertMaskedLM}

// alwaysIgnored are fields that every config.json may carry and no forward pass reads.
var alwaysIgnored = []string{"_name_or_path", "architectures", "bos_token_id", "dtype", "eos_token_id", "gradient_checkpointing",
	"initializer_range", "keys_to_ignore_at_inference", "model_type", "pad_token_id", "sep_token_id", "task_specific_params",
	"torch_dtype", "transformers_version", "use_cache", "tie_word_embeddings", "unsloth_*", "quantization_config_*",
	"_attn_implementation*", "_num_labels", "auto_map", "do_sample", "id2label", "label2id", "max_length", "tokenizer_class"}

func findArchitecture(match func(*architecture) bool, name string) (*architecture, error) {
	if i := slices.IndexFunc(architectures, match); i >= 0 {
		return architectures[i], nil
	}
	var known []string
	for _, a := range architectures {
		known = append(known, cmp.Or(a.class, a.gguf))
	}
	return nil, fmt.Errorf("architecture %q is not supported%s", name, nearest.Hint(name, known))
}

// axisSizes are the axes that a rule's pattern may name.
func (c Config) axisSizes() map[string]int {
	return map[string]int{"head": c.NHeads, "kv": c.NKeyValueHeads, "e": c.DHead, "half": 2, "qkv": 3, "gate_up": 2,
		"d": c.DModel, "m": c.DMLP, "g": c.groupSize()}
}

// source is an open checkpoint seen through a family's names.
type source struct {
	cfg   Config
	file  *weights.File
	rules []weightRule
	names map[string]string // a tensor's name without the family's prefix -> its name in the file
}

func newSource(a *architecture, cfg Config, file *weights.File) *source {
	s := &source{cfg: cfg, file: file, rules: a.weights, names: make(map[string]string)}
	if file.Format() == weights.GGUF {
		s.rules = a.ggufWeights
	}
	for _, name := range file.Names() {
		short := name
		for _, prefix := range a.prefixes {
			short = strings.TrimPrefix(short, prefix)
		}
		s.names[short] = name
	}
	return s
}

// rulesOf are the rules of one layer, with its number filled in, or with layer -1 those outside the layers.
func (s *source) rulesOf(layer int) []weightRule {
	var out []weightRule
	for _, r := range s.rules {
		if strings.Contains(r.to, "%d") != (layer >= 0) {
			continue
		}
		if layer >= 0 {
			r.to = fmt.Sprintf(r.to, layer)
			r.from = strings.ReplaceAll(r.from, "%d", fmt.Sprint(layer))
		}
		out = append(out, r)
	}
	return out
}

// pieces are the rules in groups that can be read and processed one by one: the embeddings, what lies after the layers, each
// layer. The large tables come first, while little else is in memory.
func (s *source) pieces() [][]weightRule {
	var embed, positions, after []weightRule
	for _, r := range s.rulesOf(-1) {
		switch {
		case strings.HasPrefix(r.to, "embed."):
			embed = append(embed, r)
		case strings.HasPrefix(r.to, "pos_embed."):
			positions = append(positions, r)
		default:
			after = append(after, r)
		}
	}
	pieces := [][]weightRule{after, embed, positions}
	for l := range s.cfg.NLayers {
		pieces = append(pieces, s.rulesOf(l))
	}
	return pieces
}

// load reads the weights that rules give into a state dict.
func (s *source) load(rules []weightRule) (StateDict, error) {
	specs := s.cfg.weightSpecs()
	sd := make(StateDict)
	for _, r := range rules {
		if err := s.apply(r, specs, sd); err != nil {
			return nil, err
		}
	}
	return sd, nil
}

func (s *source) apply(r weightRule, specs map[string]weightSpec, sd StateDict) error {
	targets := expandBraces(r.to)
	name, ok := s.find(r.from)
	if !ok {
		if _, wanted := specs[targets[0]]; !wanted || specs[targets[0]].optional {
			return nil
		}
		return fmt.Errorf("the checkpoint has no tensor %q, which gives %s%s", r.from, r.to, nearest.Hint(r.from, s.file.Names()))
	}
	a, err := s.read(name)
	if err != nil {
		return err
	}
	if r.skip > 0 {
		if a, err = a.withoutRows(r.skip); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	if r.pattern != "" {
		if a, err = rearrange(a, r.pattern, s.cfg.axisSizes()); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
	}
	if r.adjust != nil {
		r.adjust(s.cfg, a.Data)
	}
	if err := distribute(a, targets, specs, sd); err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	return nil
}

func (s *source) read(name string) (*Array, error) {
	t, err := s.file.Tensor(name)
	if err != nil {
		return nil, err
	}
	data, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	return &Array{Shape: t.Shape, Data: data}, nil
}

func (s *source) find(alternatives string) (string, bool) {
	for _, name := range strings.Split(alternatives, "|") {
		if full, ok := s.names[name]; ok {
			return full, true
		}
	}
	return "", false
}

// distribute gives each target its part of a: all of it, or one entry of the first axis, or where a has no axis for
// that, as many rows as the target has. The last is for q, k and v of grouped heads side by side, which differ in size.
func distribute(a *Array, targets []string, specs map[string]weightSpec, sd StateDict) error {
	if len(targets) == 1 {
		sd[targets[0]] = a
		return nil
	}
	data := a.Data
	for _, target := range targets {
		shape := specs[target].shape
		size := sizeOf(shape)
		if size > len(data) {
			return fmt.Errorf("a tensor of shape %v is too small to give %v", a.Shape, targets)
		}
		sd[target] = &Array{Shape: shape, Data: data[:size:size]}
		data = data[size:]
	}
	if len(data) > 0 {
		return fmt.Errorf("a tensor of shape %v is larger than %v together", a.Shape, targets)
	}
	return nil
}

// expandBraces turns "attn.W_{Q,K,V}" into its three names.
func expandBraces(name string) []string {
	before, rest, ok := strings.Cut(name, "{")
	if !ok {
		return []string{name}
	}
	inside, after, _ := strings.Cut(rest, "}")
	var out []string
	for _, part := range strings.Split(inside, ",") {
		out = append(out, before+part+after)
	}
	return out
}
