package hooked

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
	"gopherlens/internal/weights"
)

// An architecture is a model family as data: how its configuration becomes a [Config], and which of
// its tensors becomes which canonical weight. The forward pass never asks for the family.
type architecture struct {
	name  string   // of its models
	class string   // config.json's architectures[0]
	also  []string // other names of it that files have
	gguf  string   // general.architecture in GGUF files, empty if llama.cpp has it not
	// the key that tells it from another family of that name, where it is there and not 0
	ggufWhen string

	config func(f *fields) Config
	// of the fields that a config.json leaves out, as in the family's newest configuration class
	defaults    map[string]any
	aliases     map[string]string   // other names that a config.json may use -> the field
	ropeAliases map[string]RopeKind // types of rotary scaling that mean another in this family
	// fields of config.json that change nothing in a forward pass; a star at the end matches the
	// rest
	ignored []string

	// GGUF metadata, without the family's prefix -> config.json's field
	ggufKeys     map[string]string
	ggufDefaults map[string]any // of the fields that a GGUF file leaves out, as in llama.cpp
	ggufFixed    map[string]any // fields that GGUF leaves to the family
	// tensors that are there or not -> the field that says so
	ggufTensors map[string]string

	encoder        bool // it is one
	encoderDecoder bool // likewise
	noBOS          bool // texts get no BOS unless a call says so

	unpacks        bool     // its checkpoints may hold tensors in MXFP4
	prefixes       []string // that checkpoints may or may not put before their tensors' names
	weights        []weightRule
	ggufWeights    []weightRule
	ignoredTensors []string // buffers and the like; patterns of path.Match
}

// A weightRule says where a canonical weight comes from and how its axes lie there.
//
// The tensor must be there, in a checkpoint of Hugging Face's: what the file's class has and the
// file has not is an error.
type weightRule struct {
	// "blocks.%d.attn.W_Q"; "W_{Q,K,V}" stands for three weights that lie in one tensor
	to string
	// the family's name; alternatives are separated by |. A # stands for every number from 0 on:
	// these tensors are stacked along a new first axis
	from string
	tied string // what stands in for it where the configuration ties the two
	// the fields of config.json that say whether there is such a tensor: "use_bias", or "alibi
	// !multi_query" for those where the one is true and the other is not; empty if there always is
	iff     string
	mayLack bool // a head that some checkpoints of the class do not have
	// einops, with the axes named in axisSizes; for several targets the first axis on the right
	// tells them apart
	pattern string
	skip    int // leading rows that no token reads
	// the tensor that the rows are multiplied by, where the configuration has one (iff), as it lies
	// or transposed, whichever fits
	times string

	// several targets of unlike sizes, each some rows of the tensor: the pattern is of each alone
	sideBySide bool
	// what brings the tensor into another order first
	reorder func(Config, *Array) (*Array, error)
	adjust  func(Config, []float32)
	// the field of config.json that the weight is multiplied by, or with a slash before it divided
	scale string
}

// architectures lists the families that can be loaded.
var architectures = []*architecture{&gpt2, &gptNeo, &gptNeoX, &gptJ, &gptBigCode, &opt, &llama, &mistral, &qwen2, &qwen3, &gemma, &gemma2, &gemma3,
	&phi, &phi3, &olmo, &olmo2, &olmo3, &smolLM3, &starCoder2, &stableLM, &granite, &cohere, &cohere2, &glm, &glm4, &falcon, &mixtral, &qwen2Moe, &qwen3Moe, &olmoe, &graniteMoe, &phiMoe, &gptOSS, &mpt, &bloom, &arcee, &ernie45, &t5, &mt5, &umt5,
	&bert, &bertMaskedLM, &bertAlone, &roberta, &robertaAlone, &distilBERT, &distilBERTAlone}

// alwaysIgnored are fields that every config.json may carry and no forward pass reads: the
// bookkeeping of the base class of configurations, and the settings of generation that it held
// before these got a file of their own. Source: transformers/configuration_utils.py,
// PretrainedConfig, of versions 4 and 5, and integrations/ggml.py for _model_name_or_path, which
// what was read from a GGUF file has.
var alwaysIgnored = slices.Concat(bookkeeping, generationFields)

var bookkeeping = []string{"_name_or_path", "_model_name_or_path", "_commit_hash", "_attn_implementation*", "_experts_implementation*", "_num_labels",
	"architectures", "auto_map", "bos_token_id", "chunk_size_feed_forward", "decoder_start_token_id", "dtype", "eos_token_id",
	"finetuning_task", "gradient_checkpointing", "id2label", "initializer_range", "is_decoder", "keys_to_ignore_at_inference",
	"label2id", "model_type", "num_labels", "output_attentions", "output_hidden_states", "pad_token_id", "prefix", "problem_type",
	"return_dict", "sep_token_id", "task_specific_params", "tf_legacy_loss", "tokenizer_class", "torch_dtype", "torchscript",
	"transformers.js_config", "transformers_version", "unsloth_*", "use_bfloat16", "use_cache"}

var generationFields = []string{"bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping",
	"encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id",
	"length_penalty", "max_length", "max_new_tokens", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
	"num_return_sequences", "output_scores", "remove_invalid_values", "repetition_penalty", "return_dict_in_generate",
	"suppress_tokens", "temperature", "top_k", "top_p", "typical_p"}

func findArchitecture(match func(*architecture) bool, name string) (*architecture, error) {
	if i := slices.IndexFunc(architectures, match); i >= 0 {
		return architectures[i], nil
	}
	var known []string
	for _, a := range architectures {
		known = append(known, cmp.Or(a.class, a.gguf))
	}
	return nil, brief.Errorf("architecture %q is not supported%s", name, nearest.Hint(name, known))
}

// omit gives the rules but those whose targets hold one of the words.
func omit(rules []weightRule, words ...string) []weightRule {
	return slices.DeleteFunc(slices.Clone(rules), func(r weightRule) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(r.to, w) })
	})
}

// badRows is the error about a matrix of q, k and v together that is not of the heads' size.
func badRows(c Config, a *Array) error {
	return brief.Errorf("a tensor of shape %v does not hold %d query heads and %d key-value heads of %d", a.Shape, c.NHeads, c.NKeyValueHeads, c.DHead)
}

// axisSizes are the axes that a rule's pattern may name.
func (c Config) axisSizes() map[string]int {
	return map[string]int{"head": c.NHeads, "kv": c.NKeyValueHeads, "e": c.DHead, "half": 2, "qkv": 3, "gate_up": 2,
		"d": c.DModel, "m": c.DMLP, "g": c.groupSize(),
		"expert": c.NExperts, "w": c.DExpert, "s": c.DSharedExpert}
}

// source is an open checkpoint seen through a family's names.
type source struct {
	arch  *architecture
	cfg   Config
	specs map[string]weightSpec // of cfg
	said  checkpointFields
	file  *weights.File
	rules []weightRule
	names map[string]string // a tensor's name without the family's prefix -> its name in the file
	// of the names, those that stand for a tensor of blocks and one of scales
	packed map[string]bool
	scales map[string]string // of a tensor of eight bits -> the tensor that it is multiplied by
}

func newSource(a *architecture, cfg Config, said checkpointFields, file *weights.File) *source {
	s := &source{arch: a, cfg: cfg, specs: cfg.weightSpecs(), said: said, file: file, rules: a.weights,
		names: make(map[string]string), packed: make(map[string]bool), scales: make(map[string]string)}
	if file.Format() == weights.GGUF {
		s.rules = a.ggufWeights
	}
	for _, name := range file.Names() {
		if slices.Contains(said.absent, name) {
			continue
		}
		if said.quantized != nil && s.scalesOf(name) {
			continue
		}
		if base, ok := s.unpacked(name); ok && a.unpacks {
			name, s.packed[base] = base, true
		}
		short := name
		for _, prefix := range a.prefixes {
			short = strings.TrimPrefix(short, prefix)
		}
		s.names[short] = name
	}
	return s
}

// rulesOf are the rules of one layer, with its number filled in, or with layer -1 those outside the
// layers.
func (s *source) rulesOf(layer int) []weightRule {
	var out []weightRule
	for _, r := range s.rules {
		if strings.Contains(r.to, "%d") != (layer >= 0) || !s.said.holds(r.iff) || layer >= s.cfg.layersOf(r.to) {
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

// pieces are the rules in groups that can be read and processed one by one: the embeddings, what
// lies after the layers, each layer. The large tables come first, while little else is in memory.
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
	for l := range max(s.cfg.NLayers, s.cfg.NEncoderLayers) {
		pieces = append(pieces, s.rulesOf(l))
	}
	return pieces
}

// load reads the weights that rules give into a state dict.
func (s *source) load(rules []weightRule) (StateDict, error) {
	sd := make(StateDict)
	for _, r := range rules {
		if err := s.apply(r, sd); err != nil {
			return nil, err
		}
	}
	return sd, nil
}

func (s *source) apply(r weightRule, sd StateDict) error {
	name, ok := s.find(r)
	if !ok {
		return nil // it may be absent: see [source.missing]
	}
	a, err := s.read(s.members(r, name)...)
	if err != nil {
		return err
	}
	if err := s.arrange(r, a, sd); err != nil {
		return brief.Errorf("tensor %q: %w", name, err)
	}
	return nil
}

// arrange gives the targets of a rule their parts of tensor a, which lies as in the file.
func (s *source) arrange(r weightRule, a *Array, sd StateDict) (err error) {
	if r.skip > 0 {
		if a, err = a.withoutRows(r.skip); err != nil {
			return err
		}
	}
	if r.times != "" {
		if a, err = s.multiplied(a, r.times); err != nil {
			return err
		}
	}
	if r.reorder != nil {
		if a, err = r.reorder(s.cfg, a); err != nil {
			return err
		}
	}
	return s.layOut(r, a, sd)
}

// layOut gives each target of a rule its part of tensor a, in its device layout.
func (s *source) layOut(r weightRule, a *Array, sd StateDict) (err error) {
	targets, pattern := expandBraces(r.to), r.devicePattern()
	move := func(a *Array) (*Array, error) {
		if pattern != "" {
			if a, err = rearrange(a, pattern, s.cfg.axisSizes()); err != nil {
				return nil, err
			}
		}
		if r.adjust != nil {
			r.adjust(s.cfg, a.Data)
		}
		if r.scale != "" {
			a.scale(s.said.factor(r.scale))
		}
		return a, nil
	}
	if !r.sideBySide {
		if a, err = move(a); err != nil {
			return err
		}
		return s.distribute(a, targets, sd)
	}
	if err := s.distributeRows(a, targets, sd); err != nil {
		return err
	}
	for _, target := range targets {
		if sd[target], err = move(sd[target]); err != nil {
			return err
		}
	}
	return nil
}

// devicePattern is the rule's pattern, but for W_Q, W_K and W_V, which it describes in
// TransformerLens' shape [..., head, d_model, d_head], with d_model before the heads: so they are
// laid out once on their way to the device.
func (r weightRule) devicePattern() string {
	switch {
	case !readsResidual(expandBraces(r.to)[0]):
		return r.pattern
	case r.pattern == "":
		return "n d e -> d n e"
	}
	left, right, _ := strings.Cut(r.pattern, "->")
	to := groups(right)
	n := len(to)
	to[n-3], to[n-2] = to[n-2], to[n-3]
	return left + "-> " + ungroup(to)
}

// read reads a tensor, or several alike as one with a new first axis.
func (s *source) read(names ...string) (*Array, error) {
	if len(names) == 1 {
		return s.readOne(names[0])
	}
	var whole *Array
	for i, name := range names {
		a, err := s.readOne(name)
		if err != nil {
			return nil, err
		}
		if whole == nil {
			whole = NewArray(append([]int{len(names)}, a.Shape...)...)
		}
		if !slices.Equal(a.Shape, whole.Shape[1:]) {
			return nil, brief.Errorf("tensor %q has shape %v, %q has %v", name, a.Shape, names[0], whole.Shape[1:])
		}
		copy(whole.Data[i*len(a.Data):], a.Data)
	}
	return whole, nil
}

func (s *source) readOne(name string) (*Array, error) {
	if s.packed[name] {
		return s.readPacked(name)
	}
	t, err := s.file.Tensor(name)
	if err != nil {
		return nil, err
	}
	data, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	a := &Array{Shape: t.Shape, Data: data}
	if err := s.rescale(name, a); err != nil {
		return nil, brief.Errorf("tensor %q: %w", name, err)
	}
	if err := a.finite(); err != nil {
		return nil, brief.Errorf("tensor %q: %w", name, err)
	}
	return a, nil
}

// numbered stands in a rule for every number from 0 on.
const numbered = "#"

// members are the tensors of a rule that reads several, of which name is the first; else name.
func (s *source) members(r weightRule, name string) []string {
	if !strings.Contains(r.from, numbered) {
		return []string{name}
	}
	var names []string
	for {
		next, ok := s.names[strings.ReplaceAll(r.from, numbered, fmt.Sprint(len(names)))]
		if !ok {
			return names
		}
		names = append(names, next)
	}
}

// find is the tensor that a rule reads, or the first of them.
func (s *source) find(r weightRule) (string, bool) {
	for _, name := range strings.Split(strings.ReplaceAll(r.from, numbered, "0"), "|") {
		if full, ok := s.names[name]; ok {
			return full, true
		}
	}
	full, ok := s.names[r.tied]
	return full, ok && s.said.tied
}

// distribute gives each target its part of a: all of it, or one entry of the first axis.
func (s *source) distribute(a *Array, targets []string, sd StateDict) error {
	if len(targets) == 1 {
		sd[targets[0]] = a
		return nil
	}
	return s.share(a, targets, sd, func(target string) []int { return deviceShape(target, s.specs[target].shape) })
}

// distributeRows gives each target as many rows of a, a matrix or a vector, as it fills.
func (s *source) distributeRows(a *Array, targets []string, sd StateDict) error {
	if len(a.Shape) < 1 || len(a.Shape) > 2 || sizeOf(a.Shape) == 0 {
		return brief.Errorf("a tensor of shape %v is no matrix of the rows of %v", a.Shape, targets)
	}
	cols := sizeOf(a.Shape[1:])
	return s.share(a, targets, sd, func(target string) []int {
		return append([]int{sizeOf(s.specs[target].shape) / cols}, a.Shape[1:]...)
	})
}

// share cuts a's values into the shapes of the targets.
func (s *source) share(a *Array, targets []string, sd StateDict, shapeOf func(target string) []int) error {
	data := a.Data
	for _, target := range targets {
		shape := shapeOf(target)
		size := sizeOf(shape)
		if size > len(data) {
			return brief.Errorf("a tensor of shape %v is too small to give %v", a.Shape, targets)
		}
		sd[target] = &Array{Shape: shape, Data: data[:size:size]}
		data = data[size:]
	}
	if len(data) > 0 {
		return brief.Errorf("a tensor of shape %v is larger than %v together", a.Shape, targets)
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
