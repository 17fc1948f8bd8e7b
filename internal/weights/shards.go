package weights

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// indexEnding is what an index's name ends in, after that of the whole checkpoint.
const indexEnding = ".index.json"

// maxFileName is the longest name of a file, in bytes, that file systems allow.
const maxFileName = 255

// locateShards reads an index such as model.safetensors.index.json, whose weight_map
// says in which shard each tensor lies.
func locateShards(path string) (checkpoint, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return checkpoint{}, fmt.Errorf("weights: %w", err)
	}
	return parseIndex(path, text)
}

// parseIndex turns an index into the list of its shards, sorted.
func parseIndex(path string, text []byte) (checkpoint, error) {
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return checkpoint{}, damaged(path, "", "it is not the index of a checkpoint (%v)", err)
	}
	if len(index.WeightMap) == 0 {
		return checkpoint{}, damaged(path, "", "it lists no tensors (weight_map is empty or missing)")
	}
	kind := filepath.Ext(strings.TrimSuffix(path, indexEnding))
	c := checkpoint{format: formatOf[kind], shards: index.WeightMap}
	if c.format != Safetensors && c.format != Torch {
		return checkpoint{}, unsupported(path, "", "it is the index of an unknown kind; want .safetensors%[1]s or .bin%[1]s", indexEnding)
	}
	for _, name := range slices.Compact(slices.Sorted(maps.Values(index.WeightMap))) {
		// A shard lies beside its index; an index must not reach other folders.
		if name != filepath.Base(name) || filepath.Ext(name) != kind || len(name) > maxFileName {
			return checkpoint{}, unsupported(path, "", "shard %q is not the name of a %s file beside the index", name, kind)
		}
		c.parts = append(c.parts, filepath.Join(filepath.Dir(path), name))
	}
	return c, nil
}

// checkShards compares the index with what the shards hold, so that a shard left
// over from another download is noticed here and not as a missing tensor later.
func (f *File) checkShards(weightMap map[string]string) error {
	if weightMap == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(weightMap)) {
		i, ok := f.index[name]
		if !ok {
			return damaged(f.path, name, "the index puts it in %s, which does not hold it", weightMap[name])
		}
		if got := filepath.Base(f.tensors[i].path); got != weightMap[name] {
			return damaged(f.path, name, "the index puts it in %s, but it lies in %s", weightMap[name], got)
		}
	}
	return nil
}
