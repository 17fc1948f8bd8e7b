package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// llama.cpp splits large GGUF files into parts that are GGUF files each: NAME-00001-of-00003.gguf
// and so on. The first has the metadata; each says which it is, of how many, and how many tensors
// they hold together (llama.cpp, tools/gguf-split; gguf-py's GGUFWriter).

// The keys of a part.
const (
	splitNumberKey  = "split.no" // from 0 on
	splitCountKey   = "split.count"
	splitTensorsKey = "split.tensors.count"
)

var splitName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// splitParts are the names of all parts of the split file of which name is one; nil if it is none.
func splitParts(name string) []string {
	m := splitName.FindStringSubmatch(name)
	if m == nil {
		return nil
	}
	number, _ := strconv.Atoi(m[2]) // five digits
	count, _ := strconv.Atoi(m[3])
	if number < 1 || number > count {
		return nil
	}
	parts := make([]string, count)
	for i := range parts {
		parts[i] = fmt.Sprintf("%s-%05d-of-%05d.gguf", m[1], i+1, count)
	}
	return parts
}

// OneGGUF reports whether names are one GGUF file, or all parts of one that is split.
func OneGGUF(names []string) bool {
	if len(names) == 0 {
		return false
	}
	parts := splitParts(filepath.Base(names[0]))
	if len(parts) <= 1 {
		return len(names) == 1
	}
	have := map[string]bool{}
	for _, name := range names {
		have[filepath.Base(name)] = true
	}
	return len(have) == len(parts) && !slices.ContainsFunc(parts, func(part string) bool { return !have[part] })
}

// locateGGUF finds the other parts of a file that is one of several.
func locateGGUF(path string) (checkpoint, error) {
	c := checkpoint{format: GGUF, parts: []string{path}}
	parts := splitParts(filepath.Base(path))
	if parts == nil {
		return c, nil
	}
	c.parts = nil
	for i, name := range parts {
		part := filepath.Join(filepath.Dir(path), name)
		if _, err := os.Stat(part); errors.Is(err, fs.ErrNotExist) {
			err := fmt.Errorf("weights: %s: it is one of %d parts, and part %d, %s, does not lie beside it: fetch it", path, len(parts), i+1, brief.Text(name))
			return c, fault.Mark(err, fs.ErrNotExist)
		} else if err != nil {
			return c, fmt.Errorf("weights: %w", err)
		}
		c.parts = append(c.parts, part)
	}
	return c, nil
}

// checkSplit holds what a part says of itself against its place among the parts.
func (f *File) checkSplit(path string, metadata map[string]any, number, count int) error {
	said, isPart := wholeNumber(metadata[splitCountKey])
	switch {
	case count == 1 && said <= 1:
		return nil
	case count == 1:
		return unsupported(path, "", "it is one of %d parts: give all of them their names back, NAME-00001-of-%05[1]d.gguf and so on, by which they are found", said)
	case !isPart || said != count:
		return unsupported(path, "", "its name says that it is one of %d parts, and it says itself that there are %d: fetch the parts of one model", count, said)
	}
	if n, _ := wholeNumber(metadata[splitNumberKey]); n != number {
		return unsupported(path, "", "its name says that it is part %d, and it says itself that it is part %d: fetch the parts anew", number+1, n+1)
	}
	tensors, _ := wholeNumber(metadata[splitTensorsKey])
	if number == 0 {
		f.splitTensors = tensors
	}
	if tensors != f.splitTensors {
		return unsupported(path, "", "it is part of a model of %d tensors, and the first part is of one of %d: fetch the parts of one model", tensors, f.splitTensors)
	}
	return nil
}

// checkSplitTensors counts the tensors of all parts.
func (f *File) checkSplitTensors(parts int) error {
	if parts > 1 && f.splitTensors != len(f.tensors) {
		return damaged(f.path, "", "its %d parts hold %d tensors, and should hold %d", parts, len(f.tensors), f.splitTensors)
	}
	return nil
}

// wholeNumber is a metadata value of any type of whole numbers.
func wholeNumber(v any) (int, bool) {
	switch v := v.(type) {
	case uint8:
		return int(v), true
	case int8:
		return int(v), true
	case uint16:
		return int(v), true
	case int16:
		return int(v), true
	case uint32:
		return int(v), true
	case int32:
		return int(v), true
	case uint64:
		return int(v), true
	case int64:
		return int(v), true
	}
	return 0, false
}
