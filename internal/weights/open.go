package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// checkpoint is where the files of one checkpoint lie and how to read them.
type checkpoint struct {
	format Format
	parts  []string          // shards in order
	shards map[string]string // tensor -> base name of its shard; nil for a single file
}

// reader parses one mapped part into tensors and metadata.
type reader func(*mapping) ([]Tensor, map[string]any, error)

var readers = map[Format]reader{
	Safetensors: readSafetensors,
	GGUF:        readGGUF,
	Torch:       readTorch,
}

// formatOf tells the format by the ending of a file's name.
var formatOf = map[string]Format{
	".safetensors": Safetensors,
	".gguf":        GGUF,
	".pt":          Torch,
	".pth":         Torch,
	".bin":         Torch,
}

// Open maps a checkpoint. The path is a .safetensors, .gguf, .pt, .pth or .bin file, or a folder.
// In a folder it takes, in this order, model.safetensors, the shards that
// model.safetensors.index.json lists, pytorch_model.bin or .pt, the shards that
// pytorch_model.bin.index.json lists, the only .gguf file, the only .safetensors file, the only .pt
// or .pth file. Of a GGUF file that is split any part stands for all, which must lie beside it.
//
// Open checks the headers in full: a file that opens has sound names, shapes and
// offsets.
func Open(path string) (*File, error) {
	c, err := locate(path)
	if err != nil {
		return nil, err
	}
	return openAll(path, c, readers)
}

// openAll maps the files of a checkpoint and reads them by a table.
func openAll(path string, c checkpoint, table map[Format]reader) (*File, error) {
	f := &File{path: path, format: c.format, index: map[string]int{}}
	for i, part := range c.parts {
		metadata, err := f.addPart(part, table[f.format])
		if err == nil && f.format == GGUF {
			err = f.checkSplit(part, metadata, i, len(c.parts))
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	err := f.checkShards(c.shards)
	if err == nil && f.format == GGUF {
		err = f.checkSplitTensors(len(c.parts))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// addPart maps and parses one file, and returns its metadata.
func (f *File) addPart(path string, read reader) (map[string]any, error) {
	m, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	tensors, metadata, err := read(m)
	if err == nil {
		err = f.add(m, tensors)
	}
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	if f.metadata == nil { // shards repeat it, or lack it
		f.metadata = metadata
	}
	return metadata, nil
}

// locate finds the files of the checkpoint at path.
func locate(path string) (checkpoint, error) {
	info, err := os.Stat(path)
	if err != nil {
		return checkpoint{}, fmt.Errorf("weights: %w", err)
	}
	if info.IsDir() {
		return locateInFolder(path)
	}
	if strings.HasSuffix(path, indexEnding) {
		return locateShards(path)
	}
	format, ok := formatOf[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return checkpoint{}, unsupported(path, "", "unknown kind of file; want .safetensors, .gguf, .pt, .pth, .bin or a folder")
	}
	if format == GGUF {
		return locateGGUF(path)
	}
	return checkpoint{format: format, parts: []string{path}}, nil
}

// folderPatterns are tried in order. A pattern that matches several files is
// refused: guessing which one is the model would load the wrong one in silence.
var folderPatterns = []string{
	"model.safetensors", "model.safetensors.index.json",
	"pytorch_model.bin", "pytorch_model.pt", "pytorch_model.bin.index.json",
	"*.gguf", "*.safetensors", "*.pt", "*.pth",
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// locateInFolder takes the first of folderPatterns that is there.
func locateInFolder(folder string) (checkpoint, error) {
	for _, pattern := range folderPatterns {
		// The folder's own name may hold the pattern's special characters.
		found, err := matchIn(folder, pattern)
		if err != nil {
			return checkpoint{}, err
		}
		if len(found) > 1 && !OneGGUF(found) {
			err := fmt.Errorf("weights: %s holds several checkpoints (%s): give the path of one", folder, brief.Names(found))
			return checkpoint{}, fault.Mark(err, fault.ErrUnsupportedFile)
		}
		if len(found) > 0 {
			return locate(filepath.Join(folder, found[0]))
		}
	}
	err := fmt.Errorf("weights: %s holds no checkpoint: looked for %s", folder, strings.Join(folderPatterns, ", "))
	return checkpoint{}, fault.Mark(err, fs.ErrNotExist)
}

// matchIn lists the files of a folder whose base name matches pattern, sorted.
func matchIn(folder, pattern string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	var found []string
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok && !e.IsDir() {
			found = append(found, e.Name())
		}
	}
	return found, nil
}
