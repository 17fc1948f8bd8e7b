package devices

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"

	"gopherlens/internal/brief"
)

// A Keeper is a backend whose buffers outlive the process, as package resident's do.
type Keeper interface {
	Keep(key string, blob []byte, names []string, buffers []compute.Buffer) error
	Attach(key string) (blob []byte, names []string, buffers []compute.Buffer, ok bool, err error)
}

// Keeper keeps the backend's buffers where they lie; ok is false if the backend whose devices they
// are keeps none.
func (b *Backend) Keeper() (k Keeper, ok bool) {
	of, ok := b.Backend.(Keeper)
	return keeping{b, of}, ok
}

type keeping struct {
	backend *Backend
	of      Keeper
}

// A keptRecord is what is kept beside the parts of buffers.
type keptRecord struct {
	Blob    []byte
	Buffers []keptBuffer
}

// A keptBuffer is a buffer but for its parts.
type keptBuffer struct {
	Name  string
	DType dtypes.DType
	Dims  []int
	Grid  Grid
	Cuts  []byte
	Parts int
}

// key is another for each grid: what is kept for one lies elsewhere for another.
func (k keeping) key(key string) string { return fmt.Sprint(key, " on ", k.backend.grid) }

// Keep implements [Keeper].
func (k keeping) Keep(key string, blob []byte, names []string, buffers []compute.Buffer) error {
	record := keptRecord{Blob: blob}
	var partNames []string
	var all []compute.Buffer
	for i, each := range buffers {
		own, ok := each.(*buffer)
		if !ok || own.backend != k.backend {
			return brief.Errorf("a buffer of another backend (to keep under %q)", key)
		}
		lies, parts := own.now()
		record.Buffers = append(record.Buffers, keptBuffer{names[i], own.shape.DType, own.shape.Dimensions, lies.grid, []byte(lies.cuts), len(parts)})
		for d, part := range parts {
			partNames, all = append(partNames, fmt.Sprint(names[i], " on device ", d)), append(all, part)
		}
	}
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return k.of.Keep(k.key(key), text, partNames, all)
}

// Attach implements [Keeper].
func (k keeping) Attach(key string) (blob []byte, names []string, buffers []compute.Buffer, ok bool, err error) {
	text, _, parts, ok, err := k.of.Attach(k.key(key))
	if err != nil || !ok {
		return nil, nil, nil, false, err
	}
	var record keptRecord
	if err := json.Unmarshal(text, &record); err != nil {
		return nil, nil, nil, false, brief.Errorf("what is kept under %q cannot be read: %w", key, err)
	}
	for _, r := range record.Buffers {
		if r.Parts > len(parts) {
			return nil, nil, nil, false, brief.Errorf("of what is kept under %q some is gone", key)
		}
		names = append(names, r.Name)
		buffers = append(buffers, &buffer{backend: k.backend, shape: shapes.Make(r.DType, r.Dims...),
			lies: layout{r.Grid, string(r.Cuts)}, parts: slices.Clone(parts[:r.Parts])})
		parts = parts[r.Parts:]
	}
	return record.Blob, names, buffers, true, nil
}
