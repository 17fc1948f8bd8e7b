package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"gopherlens/internal/brief"
)

// A safetensors file is the length of its header (8 bytes, little-endian), the
// header (JSON: name -> dtype, shape, data_offsets; padded with spaces), and the
// data, to which the offsets are relative.

// maxHeader is the reference implementation's limit for a header. The largest
// checkpoints stay far below it.
const maxHeader = 100_000_000

// metadataKey is the one entry of a header that is not a tensor.
const metadataKey = "__metadata__"

// headerEntry describes one tensor in the header.
type headerEntry struct {
	DType       DType `json:"dtype"`
	Shape       []int `json:"shape"`
	DataOffsets []int `json:"data_offsets"`
}

// readSafetensors is the [reader] of safetensors. Like the reference implementation
// it wants the tensors to cover the data without gap or overlap, which leaves no room
// for anything hidden.
func readSafetensors(m *mapping) ([]Tensor, map[string]any, error) {
	header, data, err := splitSafetensors(m)
	if err != nil {
		return nil, nil, err
	}
	entries, metadata, err := parseHeader(header)
	if err != nil {
		return nil, nil, damaged(m.path, "", "its header is not a safetensors header (%v)", err)
	}
	tensors := make([]Tensor, 0, len(entries))
	end := 0
	for _, e := range entries {
		t, err := e.tensor(m.path, data, end)
		if err != nil {
			return nil, nil, err
		}
		tensors = append(tensors, t)
		end = e.DataOffsets[1]
	}
	if end != len(data) {
		return nil, nil, damaged(m.path, "", "%d bytes of data are described and %d are there", end, len(data))
	}
	return tensors, metadata, nil
}

// splitSafetensors cuts the file into header and data.
func splitSafetensors(m *mapping) (header, data []byte, err error) {
	if len(m.bytes) < 8 {
		return nil, nil, damaged(m.path, "", "%d bytes are too few for a safetensors file", len(m.bytes))
	}
	n := binary.LittleEndian.Uint64(m.bytes)
	rest := m.bytes[8:]
	if n > uint64(len(rest)) || n > maxHeader {
		return nil, nil, damaged(m.path, "", "it says that its header takes %d bytes, and only %d follow (the limit is %d)",
			n, len(rest), maxHeader)
	}
	return rest[:n], rest[n:], nil
}

// namedEntry is a headerEntry under its name.
type namedEntry struct {
	name string
	headerEntry
}

// parseHeader reads the header's object key by key, because decoding into a map
// would let the second of two equal names win in silence. The entries are returned
// in the order of their data.
func parseHeader(header []byte) ([]namedEntry, map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(header))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, nil, errors.Join(errors.New("it does not begin with an object"), err)
	}
	var entries []namedEntry
	var metadata map[string]any
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		name := key.(string) // a key of an object always is
		if name == metadataKey {
			metadata, err = parseMetadata(dec)
		} else {
			var e namedEntry
			e, err = parseEntry(dec, name)
			entries = append(entries, e)
		}
		if err != nil {
			return nil, nil, brief.Errorf("%q: %w", name, err)
		}
	}
	slices.SortStableFunc(entries, func(a, b namedEntry) int { return slices.Compare(a.DataOffsets, b.DataOffsets) })
	return entries, metadata, parseEnd(dec)
}

// parseEntry reads one tensor's description. encoding/json would take a pair of
// offsets of any length for an array of two, so they are a slice until here.
func parseEntry(dec *json.Decoder, name string) (namedEntry, error) {
	e := namedEntry{name: name}
	if err := dec.Decode(&e.headerEntry); err != nil {
		return e, err
	}
	if len(e.DataOffsets) != 2 {
		return e, errors.New("data_offsets must be two numbers")
	}
	if e.Shape == nil { // a scalar's is [], not left out
		return e, errors.New("shape is missing")
	}
	return e, nil
}

// parseMetadata reads __metadata__, which may hold text only.
func parseMetadata(dec *json.Decoder) (map[string]any, error) {
	var texts map[string]string
	if err := dec.Decode(&texts); err != nil {
		return nil, err
	}
	metadata := make(map[string]any, len(texts))
	for k, v := range texts {
		metadata[k] = v
	}
	return metadata, nil
}

// parseEnd checks that the object closes and that only the padding follows.
func parseEnd(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

// tensor checks an entry against the data. end is where the previous tensor ended.
func (e namedEntry) tensor(path string, data []byte, end int) (Tensor, error) {
	l, ok := layouts[e.DType]
	if !ok || l.block > 1 { // ggml's block types have no meaning here
		return Tensor{}, unsupported(path, e.name, "type %q is not supported; convert it to one of F32, F16, BF16, F8_E4M3", e.DType)
	}
	from, to := e.DataOffsets[0], e.DataOffsets[1]
	if from != end {
		return Tensor{}, damaged(path, e.name, "its data begin at %d, but the tensor before it ends at %d", from, end)
	}
	if to < from || to > len(data) {
		return Tensor{}, damaged(path, e.name, "its data lie at %d to %d of %d bytes", from, to, len(data))
	}
	size, ok := l.byteSize(e.Shape)
	if !ok || size != to-from {
		return Tensor{}, damaged(path, e.name, "%s values of shape %v do not fill its %d bytes", e.DType, e.Shape, to-from)
	}
	return Tensor{Name: e.name, DType: e.DType, Shape: e.Shape, data: data[from:to:to], path: path}, nil
}
