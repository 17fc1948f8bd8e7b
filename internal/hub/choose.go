package hub

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/weights"
)

// smallFiles are what a model needs beside its weights, where the repository has them.
var smallFiles = []string{
	"config.json", "generation_config.json",
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "chat_template.jinja",
}

// chatTemplates holds the templates that are not in chat_template.jinja.
const chatTemplates = "additional_chat_templates/"

// weightFiles are the forms of weights, best first: one that is there is fetched
// and the others are not. An index brings its shards along.
var weightFiles = []string{
	"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
}

// weightEndings are tried next, each only if exactly one file of the repository has it, or the
// parts of one that is split: converted models, and Neel Nanda's, which end in final.pth.
var weightEndings = []string{".gguf", ".safetensors", "final.pth"}

const indexEnding = ".index.json"

// ChooseFiles picks from the files of a repository those that a model needs; of names the
// repository in messages. An index of weights brings those along that [Shards] lists.
func ChooseFiles(of string, names []string, o Options) ([]string, error) {
	have := map[string]bool{}
	for _, name := range names {
		have[name] = true
	}
	files := slices.DeleteFunc(slices.Clone(smallFiles), func(name string) bool { return !have[name] })
	for _, name := range slices.Sorted(maps.Keys(have)) {
		template, ok := strings.CutPrefix(name, chatTemplates)
		if ok && safeName(template) && strings.HasSuffix(template, ".jinja") {
			files = append(files, name)
		}
	}
	if o.TokenizerOnly {
		return files, nil
	}
	for _, name := range weightFiles {
		if have[name] {
			return append(files, name), nil
		}
	}
	for _, ending := range weightEndings {
		var found []string
		for name := range have {
			if strings.HasSuffix(name, ending) && safeName(name) {
				found = append(found, name)
			}
		}
		if len(found) == 1 || weights.OneGGUF(found) {
			return append(files, slices.Sorted(slices.Values(found))...), nil
		}
	}
	err := fmt.Errorf("hub: %s has no weights in a form that can be read: looked for %s, and one file ending in %s",
		of, strings.Join(weightFiles, ", "), strings.Join(weightEndings, ", "))
	return nil, fault.Mark(err, fault.ErrUnsupportedFile)
}

// Shards lists the files that an index of weights names, each once; none for any other file.
func Shards(path string) ([]string, error) {
	if !strings.HasSuffix(path, indexEnding) {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		err = fmt.Errorf("hub: %s is not the index of a checkpoint: %w", path, err)
		return nil, fault.Mark(err, fault.ErrUnsupportedFile)
	}
	shards := slices.Compact(slices.Sorted(maps.Values(index.WeightMap)))
	for _, name := range shards {
		if !safeName(name) || strings.HasSuffix(name, indexEnding) {
			err := fmt.Errorf("hub: %s names a shard %q that does not lie beside it", path, brief.Text(name))
			return nil, fault.Mark(err, fault.ErrUnsupportedFile)
		}
	}
	return shards, nil
}
