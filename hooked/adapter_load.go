package hooked

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
	"gopherlens/internal/weights"
)

// The files of a PEFT adapter's folder.
const (
	adapterConfigFile  = "adapter_config.json"
	adapterWeightsFile = "adapter_model.safetensors"
	adapterOldFile     = "adapter_model.bin"
)

// LoadAdapter reads a LoRA adapter: a folder of PEFT's (adapter_config.json with
// adapter_model.safetensors or .bin), a model on the Hugging Face hub with these files, or a GGUF
// file as llama.cpp's convert_lora_to_gguf.py writes it. Kinds that are no sum of products (DoRA
// and others), and those that change their base before the training (PiSSA, OLoRA, CorDA, LoftQ),
// are refused by name.
//
// Of options Revision, Offline, Context and Progress are read; others are refused.
func LoadAdapter(name string, options ...LoadOptions) (a *Adapter, err error) {
	defer guard(&err)
	o, err := oneOption(options)
	if err != nil {
		return nil, err
	}
	if err := o.findsOnly("LoadAdapter"); err != nil {
		return nil, err
	}
	where := name
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		sets := [][]string{{adapterConfigFile, adapterWeightsFile}, {adapterConfigFile, adapterOldFile}}
		source, err := hub.ResolveFolder(o.context(), name, sets, hub.Options{Revision: o.Revision, Offline: o.Offline, Progress: o.progress()})
		if err != nil {
			return nil, err
		}
		where = source.Path
	}
	a = &Adapter{name: name}
	if err := a.read(where); err != nil {
		return nil, fault.Mark(brief.Errorf("loading the adapter %s: %w", name, err), ErrUnsupportedFile)
	}
	slices.SortFunc(a.modules, func(x, y adapterModule) int { return strings.Compare(x.tensor, y.tensor) })
	return a, nil
}

// read reads a folder or a GGUF file.
func (a *Adapter) read(where string) error {
	if strings.HasSuffix(where, ".gguf") {
		return a.readGGUF(where)
	}
	f, err := readConfigJSON(filepath.Join(where, adapterConfigFile))
	if err != nil {
		return brief.Errorf("a folder of PEFT's has an %s: %w", adapterConfigFile, err)
	}
	c := readLoraConfig(f)
	if err := f.err(loraIgnored); err != nil {
		return err
	}
	path := filepath.Join(where, adapterWeightsFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(where, adapterOldFile)
	}
	return a.readTensors(path, func(file *weights.File) error { return a.readPEFT(file, c) })
}

// readTensors opens a file, lets f read it, and makes sure that it had something.
func (a *Adapter) readTensors(path string, f func(*weights.File) error) error {
	file, err := weights.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := f(file); err != nil {
		return err
	}
	if len(a.modules) == 0 {
		return brief.Errorf("%s holds no factors", filepath.Base(path))
	}
	return nil
}

// loraConfig is what an adapter_config.json says.
type loraConfig struct {
	rank          int
	alpha         float64
	root          bool               // alpha is divided by the rank's root
	ranks, alphas map[string]float64 // of the modules whose names end so
	transposed    bool
}

// loraIgnored are fields that change nothing of a trained adapter: how it was made, and which
// modules it has, which its tensors tell.
var loraIgnored = []string{"alora_config", "auto_mapping", "base_model_name_or_path", "bias", "corda_config", "ensure_weight_tying", "eva_config",
	"exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config", "lora_dropout", "lora_ga_config", "megatron_core",
	"modules_to_save", "peft_version", "qalora_group_size", "revision", "runtime_config", "target_modules", "task_type"}

// readLoraConfig reads PEFT's configuration (peft/tuners/lora/config.py). What nobody reads is
// refused.
func readLoraConfig(f *fields) loraConfig {
	f.want("peft_type", "LORA")
	f.want("use_dora", false)
	f.want("init_lora_weights", true, false, "gaussian", "eva", "orthogonal")
	c := loraConfig{
		rank: f.IntOr("r", 8), alpha: f.FloatOr("lora_alpha", 8), root: f.BoolOr("use_rslora", false),
		transposed: f.BoolOr("fan_in_fan_out", false),
		ranks:      f.numbers("rank_pattern"), alphas: f.numbers("alpha_pattern"),
	}
	for name, rank := range c.ranks {
		if f.whole("rank_pattern", rank) < 1 {
			f.fail("field %q: %q has the rank %v", "rank_pattern", name, rank)
		}
	}
	return c
}

// numbers is an object of numbers; nil where it is absent.
func (f *fields) numbers(name string) map[string]float64 {
	sub := f.sub(name)
	if sub == nil {
		return nil
	}
	out := make(map[string]float64)
	for key := range sub.values {
		out[key] = sub.Float(key)
		if _, err := regexp.Compile(key); err != nil {
			sub.fail("field %q: %q is no pattern: %v", name, key, err)
		}
	}
	f.adopt(name, sub)
	return out
}

// of is the rank and the factor of a module.
func (c loraConfig) of(module string) (rank int, scale float64) {
	rank, alpha := c.rank, c.alpha
	if r, ok := patterned(c.ranks, module); ok {
		rank = int(r)
	}
	if v, ok := patterned(c.alphas, module); ok {
		alpha = v
	}
	if c.root {
		return rank, alpha / math.Sqrt(float64(rank))
	}
	return rank, alpha / float64(rank)
}

// patterned is the entry whose pattern is the module's name or the end of it after a point, as
// PEFT's get_pattern_key finds it; of several, the longest, since the order of the file is lost.
func patterned(table map[string]float64, module string) (float64, bool) {
	keys := slices.SortedFunc(maps.Keys(table), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b))
	})
	for _, key := range keys {
		if ok, _ := regexp.MatchString(`^(?:.*\.)?(?:`+key+`)$`, module); ok {
			return table[key], true
		}
	}
	return 0, false
}

// peftPrefix is what PEFT puts before the names of its model.
const peftPrefix = "base_model.model."

// frozenSuffix ends the names of tables that PEFT saves beside the factors of an embedding: they
// are the base model's own. A bias of the base layer was trained.
const frozenSuffix = ".base_layer.weight"

// loraTensor matches a factor's name: the module, A or B, and whether it is an embedding's.
var loraTensor = regexp.MustCompile(`^(.*)\.lora_(embedding_)?([AB])(?:\.(?:default\.)?weight|\.default)?$`)

// readPEFT pairs the factors of a PEFT file.
func (a *Adapter) readPEFT(file *weights.File, c loraConfig) error {
	factors := make(map[string]*adapterModule)
	for t, err := range file.Tensors() {
		if err != nil {
			return err
		}
		name, ok := strings.CutPrefix(t.Name, peftPrefix)
		if !ok {
			return brief.Errorf("tensor %q does not begin with %q, as PEFT's do", t.Name, peftPrefix)
		}
		array, err := arrayOf(t)
		if err != nil {
			return err
		}
		if strings.Contains(name, ".lora_") {
			if err := addPEFT(factors, t.Name, name, array, c); err != nil {
				return err
			}
			continue
		}
		if strings.HasSuffix(name, frozenSuffix) {
			continue
		}
		name = strings.Replace(name, ".base_layer.", ".", 1)
		a.modules = append(a.modules, adapterModule{tensor: name, whole: array})
	}
	return a.pair(factors)
}

// addPEFT files a factor under its module.
func addPEFT(factors map[string]*adapterModule, full, name string, array *Array, c loraConfig) error {
	match := loraTensor.FindStringSubmatch(name)
	if match == nil || len(array.Shape) != 2 {
		return brief.Errorf("tensor %q of shape %v is no factor of LoRA's that can be used: those are matrices lora_A and lora_B", full, array.Shape)
	}
	module, embedding := match[1], match[2] != ""
	rank, scale := c.of(module)
	m := factors[module]
	if m == nil {
		// an embedding's table is [entry, width], and PEFT looks rows of A up
		m = &adapterModule{tensor: module + ".weight", scale: scale, transposed: c.transposed || embedding}
		factors[module] = m
	}
	at := 0
	if match[3] == "A" {
		m.a = array
	} else {
		m.b, at = array, 1
	}
	if array.Shape[at] != rank {
		return brief.Errorf("tensor %q of shape %v has not the rank %d that %s says", full, array.Shape, rank, adapterConfigFile)
	}
	return nil
}

// pair appends the modules of which both factors are there.
func (a *Adapter) pair(factors map[string]*adapterModule) error {
	for _, name := range slices.Sorted(maps.Keys(factors)) {
		m := factors[name]
		switch {
		case m.a == nil || m.b == nil:
			return brief.Errorf("of the two factors of %q one is missing", name)
		case m.a.Shape[0] != m.b.Shape[1]:
			return brief.Errorf("the factors of %q, of shapes %v and %v, have not one rank", name, m.a.Shape, m.b.Shape)
		}
		a.modules = append(a.modules, *m)
	}
	return nil
}

// What llama.cpp writes (convert_lora_to_gguf.py).
const (
	ggufLoraA, ggufLoraB = ".lora_a", ".lora_b"
	ggufAlphaKey         = "adapter.lora.alpha"
)

// readGGUF reads a GGUF adapter.
func (a *Adapter) readGGUF(path string) error {
	return a.readTensors(path, func(file *weights.File) error {
		metadata := file.Metadata()
		for _, is := range [][2]string{{"general.type", "adapter"}, {"adapter.type", "lora"}} {
			if got, _ := metadata[is[0]].(string); got != is[1] {
				return brief.Errorf("its %s is %q, and a LoRA adapter's is %q", is[0], got, is[1])
			}
		}
		for _, key := range slices.Sorted(maps.Keys(metadata)) {
			if strings.HasPrefix(key, "adapter.") && key != "adapter.type" && key != ggufAlphaKey {
				return brief.Errorf("its %s = %v is not supported", key, metadata[key])
			}
		}
		alpha, ok := metadata[ggufAlphaKey].(float32)
		if !ok {
			return brief.Errorf("it does not say %s", ggufAlphaKey)
		}
		a.gguf = true
		a.family, _ = metadata["general.architecture"].(string)
		factors := make(map[string]*adapterModule)
		for t, err := range file.Tensors() {
			if err == nil {
				err = addGGUF(factors, t, float64(alpha))
			}
			if err != nil {
				return err
			}
		}
		return a.pair(factors)
	})
}

// addGGUF files a factor under its tensor. An alpha of 0 means a factor of 1.
func addGGUF(factors map[string]*adapterModule, t weights.Tensor, alpha float64) error {
	name, isA := strings.CutSuffix(t.Name, ggufLoraA)
	name, isB := strings.CutSuffix(name, ggufLoraB)
	if isA == isB || len(t.Shape) != 2 || strings.HasPrefix(name, "token_embd") {
		return brief.Errorf("tensor %q of shape %v is no factor of LoRA's that can be used: those are matrices %s and %s, and not the embedding's",
			t.Name, t.Shape, ggufLoraA, ggufLoraB)
	}
	array, err := arrayOf(t)
	if err != nil {
		return err
	}
	m := factors[name]
	if m == nil {
		m = &adapterModule{tensor: name, scale: 1}
		factors[name] = m
	}
	if isA {
		m.a = array
		if alpha != 0 {
			m.scale = alpha / float64(array.Shape[0])
		}
	} else {
		m.b = array
	}
	return nil
}
