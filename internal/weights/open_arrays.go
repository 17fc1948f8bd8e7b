package weights

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// The formats that hold arrays and are no model's.
const (
	Npy Format = "npy"
	Npz Format = "npz"
)

// arrayFormatOf tells the formats of [OpenArrays] by the ending of a file's name.
var arrayFormatOf = with(formatOf, map[string]Format{".npy": Npy, ".npz": Npz})

// arrayReaders read arrays of any kind, not state dicts only.
var arrayReaders = with(readers, map[Format]reader{Npy: readNpy, Npz: readNpz, Torch: readTorchArrays})

func with[K comparable, V any](table, more map[K]V) map[K]V {
	out := maps.Clone(table)
	maps.Copy(out, more)
	return out
}

// OpenArrays maps a file of arrays: one that [Open] opens, NumPy's .npy, whose array is called
// after the file, or .npz, or what torch.save has saved of a tensor alone or of tensors in dicts
// and lists.
func OpenArrays(path string) (*File, error) {
	ending := strings.ToLower(filepath.Ext(path))
	format, ok := arrayFormatOf[ending]
	if !ok {
		return openArraysIn(path)
	}
	return openAll(path, checkpoint{format: format, parts: []string{path}}, arrayReaders)
}

// openArraysIn opens a folder or an index of shards.
func openArraysIn(path string) (*File, error) {
	if isFile(path) && !strings.HasSuffix(path, indexEnding) {
		endings := slices.Sorted(maps.Keys(arrayFormatOf))
		return nil, unsupported(path, "", "unknown kind of file; want one of %s, or a folder", strings.Join(endings, " "))
	}
	c, err := locate(path)
	if err != nil {
		return nil, err
	}
	return openAll(path, c, arrayReaders)
}
