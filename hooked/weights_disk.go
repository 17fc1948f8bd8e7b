package hooked

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gopherlens/internal/cachedir"
	"gopherlens/internal/weights"
)

// This file keeps processed weights on disk, in the layout of the device, so that the next process
// that loads a model maps them in place of decoding and processing again. `gopherlens models` lists
// them.

// ProcessedLimitEnv names the environment variable that bounds the processed weights on disk, in
// gigabytes; 0 keeps none.
const ProcessedLimitEnv = "GOPHERLENS_PROCESSED_GB"

const (
	defaultProcessedGB = 20
	// leastProcessed is the size below which a model loads as fast as a file is found.
	leastProcessed = 64 << 20
)

// processedFile is where a model's processed weights lie, or would.
func processedFile(name, key string) (string, error) {
	sum := sha256.Sum256([]byte(key))
	base := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:`, r) {
			return '-'
		}
		return r
	}, filepath.Base(name))
	return cachedir.Join("processed", base+"-"+hex.EncodeToString(sum[:8])+".safetensors")
}

// loadProcessed uploads the weights that an earlier process kept. ok is false if there are none, or
// none that fit: a file that was cut short or belongs to another build is as good as absent.
func (s *weightStore) loadProcessed(ctx context.Context, path string) (ok bool, err error) {
	file, err := weights.Open(path)
	if err != nil {
		return false, nil
	}
	defer file.Close()
	if !s.fits(file) {
		return false, nil
	}
	now := time.Now()
	os.Chtimes(path, now, now) // the least recently used are removed first
	names := file.Names()
	return true, inParallel(ctx, len(names), func(i int) error {
		t, err := file.Tensor(names[i])
		if err != nil {
			return err
		}
		values, ok := t.View()
		if !ok {
			if values, err = t.Float32s(); err != nil {
				return err
			}
		}
		return s.upload(names[i], &Array{t.Shape, values})
	})
}

// fits reports whether a file holds exactly this model's weights.
func (s *weightStore) fits(file *weights.File) bool {
	if len(file.Names()) != len(s.shapes) {
		return false
	}
	for name, shape := range s.shapes {
		t, err := file.Tensor(name)
		if err != nil || t.DType != weights.F32 || !slices.Equal(t.Shape, shape) {
			return false
		}
	}
	return true
}

// saveProcessed writes the weights for the next process, if the model is large and there is room.
// It runs beside the first runs of the model; what goes wrong costs the next process a second, and
// nobody else.
func (s *weightStore) saveProcessed(path string, limit int64) error {
	if s.size() < leastProcessed || s.size() > limit {
		return nil
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := makeRoom(dir, limit-s.size()); err != nil {
		return err
	}
	return weights.WriteSafetensors(path, map[string]string{"about": "processed weights, made by gopherlens"}, s.named())
}

// named are the weights as they are written: copied from the device one at a time.
func (s *weightStore) named() []weights.Named {
	var list []weights.Named
	for name, shape := range s.shapes {
		list = append(list, weights.Named{Name: name, DType: weights.F32, Shape: shape, Write: func(w io.Writer) error {
			values, err := s.download(name)
			if err != nil {
				return err
			}
			return weights.FromFloat32s(name, shape, values).Write(w)
		}})
	}
	slices.SortFunc(list, func(a, b weights.Named) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// size is the weights' in bytes.
func (s *weightStore) size() int64 {
	var n int64
	for _, shape := range s.shapes {
		n += 4 * int64(sizeOf(shape))
	}
	return n
}

func processedLimit() (int64, error) {
	gigabytes, err := cachedir.Gigabytes(ProcessedLimitEnv, defaultProcessedGB)
	return int64(gigabytes * (1 << 30)), err
}

// makeRoom makes sure that a folder's files take no more than limit bytes.
func makeRoom(dir string, limit int64) error {
	_, err := cachedir.Trim(dir, limit, limit)
	return err
}
