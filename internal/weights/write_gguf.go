package weights

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// KeyValue is one piece of a GGUF file's metadata. Its value is a string, a uint32, an int32, a
// float32 or a bool.
type KeyValue struct {
	Key   string
	Value any
}

// WriteGGUF writes a small GGUF file of float32 tensors, version 3, that [Open] and every other
// GGUF reader read: metadata and tensors in the order given, data aligned to 32 bytes. As with
// [WriteSafetensors] the file appears when it is complete.
//
// The key general.alignment is the reader's to default: it is refused.
func WriteGGUF(path string, metadata []KeyValue, tensors []Named) error {
	head, err := ggufHead(metadata, tensors)
	if err != nil {
		return fmt.Errorf("weights: cannot write %s: %w", path, err)
	}
	err = wholefile.Write(path, 0o644, func(w io.Writer) error {
		if _, err := w.Write(padded(head)); err != nil {
			return err
		}
		for _, t := range tensors {
			if err := t.writeTo(w); err != nil {
				return brief.Errorf("tensor %q: %w", t.Name, err)
			}
			size, _ := t.byteSize() // writeTo has checked it
			if _, err := w.Write(make([]byte, aligned(size)-size)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("weights: cannot write %s: %w", path, err)
	}
	return nil
}

// aligned is n, or the next multiple of GGUF's alignment.
func aligned(n int) int { return (n + ggufAlignment - 1) / ggufAlignment * ggufAlignment }

// padded is b with zeros up to GGUF's alignment.
func padded(b []byte) []byte { return append(b, make([]byte, aligned(len(b))-len(b))...) }

// ggufHead is all before the data, without the padding.
func ggufHead(metadata []KeyValue, tensors []Named) ([]byte, error) {
	le := binary.LittleEndian
	b := le.AppendUint32([]byte(ggufMagic), ggufNewest)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(tensors))), uint64(len(metadata)))
	seen := map[string]bool{ggufAlignmentKey: true}
	for _, kv := range metadata {
		if seen[kv.Key] {
			return nil, brief.Errorf("metadata %q are there twice, or are the alignment, which is always %d", kv.Key, ggufAlignment)
		}
		seen[kv.Key] = true
		var err error
		if b, err = appendGGUFValue(appendGGUFText(b, kv.Key), kv.Value); err != nil {
			return nil, brief.Errorf("metadata %q: %w", kv.Key, err)
		}
	}
	offset, names := 0, map[string]bool{}
	for _, t := range tensors {
		size, err := t.byteSize()
		switch {
		case err != nil:
			return nil, brief.Errorf("tensor %q: %w", t.Name, err)
		case t.DType != F32:
			return nil, brief.Errorf("tensor %q is of type %s: only F32 is written to GGUF", t.Name, t.DType)
		case names[t.Name]:
			return nil, brief.Errorf("tensor %q is there twice", t.Name)
		case len(t.Shape) > ggmlMaxDims:
			return nil, brief.Errorf("tensor %q has %d dimensions, and ggml's have at most %d", t.Name, len(t.Shape), ggmlMaxDims)
		}
		names[t.Name] = true
		b = le.AppendUint32(appendGGUFText(b, t.Name), uint32(len(t.Shape)))
		for _, d := range slices.Backward(t.Shape) { // innermost first
			b = le.AppendUint64(b, uint64(d))
		}
		b = le.AppendUint64(le.AppendUint32(b, ggmlF32), uint64(offset))
		offset += aligned(size)
	}
	return b, nil
}

// ggmlF32 is the number of float32 among ggml's types.
const ggmlF32 = 0

func appendGGUFText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// appendGGUFValue appends the number of a value's type and the value, as [cursor.value] reads it.
func appendGGUFValue(b []byte, value any) ([]byte, error) {
	le := binary.LittleEndian
	switch v := value.(type) {
	case string:
		return appendGGUFText(le.AppendUint32(b, ggufString), v), nil
	case uint32:
		return le.AppendUint32(le.AppendUint32(b, 4), v), nil
	case int32:
		return le.AppendUint32(le.AppendUint32(b, 5), uint32(v)), nil
	case float32:
		return le.AppendUint32(le.AppendUint32(b, 6), math.Float32bits(v)), nil
	case bool:
		b = le.AppendUint32(b, 7)
		if v {
			return append(b, 1), nil
		}
		return append(b, 0), nil
	}
	return nil, brief.Errorf("a value of type %T: want a string, uint32, int32, float32 or bool", value)
}
