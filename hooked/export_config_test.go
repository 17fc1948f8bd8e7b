package hooked

import (
	"maps"
	"slices"

	"gopherlens/internal/weights"
)

// ReadConfig reads the configuration of a folder without its weights, for the fuzz test of
// configurations.
func ReadConfig(dir string) (Config, error) {
	_, cfg, _, err := readConfig(dir, new(weights.File))
	if err != nil {
		return cfg, err
	}
	cfg.weightSpecs() // which must be finite
	return cfg, nil
}

// ReadConfigFile reads a configuration of Hugging Face's, whatever the file's name.
func ReadConfigFile(path string) (Config, error) {
	_, cfg, _, err := readConfigFile(path)
	return cfg, err
}

// Defaults is the table of defaults of the family whose class Hugging Face calls so, as "gemma2" or
// "gemma3_text".
func Defaults(modelType string) map[string]any {
	i := slices.IndexFunc(architectures, func(a *architecture) bool { return classOf[modelType] == a.class })
	if i < 0 {
		return nil
	}
	return architectures[i].defaults
}

var classOf = map[string]string{"bert": "BertForMaskedLM", "bloom": "BloomForCausalLM", "gemma": "GemmaForCausalLM",
	"gemma2": "Gemma2ForCausalLM", "gemma3_text": "Gemma3ForCausalLM", "gpt2": "GPT2LMHeadModel", "gpt_neo": "GPTNeoForCausalLM",
	"gpt_neox": "GPTNeoXForCausalLM", "gptj": "GPTJForCausalLM", "llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM",
	"opt": "OPTForCausalLM", "phi": "PhiForCausalLM", "phi3": "Phi3ForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
	"olmo": "OlmoForCausalLM", "olmo2": "Olmo2ForCausalLM", "olmo3": "Olmo3ForCausalLM", "smollm3": "SmolLM3ForCausalLM",
	"cohere": "CohereForCausalLM", "cohere2": "Cohere2ForCausalLM", "stablelm": "StableLmForCausalLM", "starcoder2": "Starcoder2ForCausalLM",
	"gpt_bigcode": "GPTBigCodeForCausalLM", "granite": "GraniteForCausalLM", "glm": "GlmForCausalLM", "glm4": "Glm4ForCausalLM",
	"falcon": "FalconForCausalLM", "mpt": "MptForCausalLM", "mixtral": "MixtralForCausalLM", "qwen2_moe": "Qwen2MoeForCausalLM",
	"qwen3_moe": "Qwen3MoeForCausalLM", "olmoe": "OlmoeForCausalLM", "granitemoe": "GraniteMoeForCausalLM", "phimoe": "PhimoeForCausalLM",
	"gpt_oss": "GptOssForCausalLM", "roberta": "RobertaForMaskedLM", "distilbert": "DistilBertForMaskedLM", "t5": "T5ForConditionalGeneration"}

// ReadGGUF reads the configuration of a GGUF file with some of its metadata changed; nil takes a
// key away.
func ReadGGUF(path string, changes map[string]any) (Config, error) {
	file, err := weights.Open(path)
	if err != nil {
		return Config{}, err
	}
	defer file.Close()
	metadata := maps.Clone(file.Metadata())
	for key, value := range changes {
		if metadata[key] = value; value == nil {
			delete(metadata, key)
		}
	}
	arch, f, err := ggufFields(metadata)
	if err != nil {
		return Config{}, err
	}
	cfg, _, err := arch.read(f)
	return cfg, err
}
