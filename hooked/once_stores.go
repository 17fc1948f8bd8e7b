package hooked

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/tensors"

	"gopherlens/internal/backend"
	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/weights"
	"gopherlens/resident"
)

// A onceStore keeps values beyond the process, the nearest first: the worker, the disk.
type onceStore interface {
	take(c *onceCall) (*packed, error) // nil if there is none of this name, type and function
	put(c *onceCall, p *packed) error
	drop(name string) error
	list() ([]OnceValue, error)
	isDisk() bool
}

// stores are where a value may be kept.
func (c *onceCall) stores() ([]onceStore, error) {
	all, err := allStores()
	if err == nil && len(all) == 1 && !c.onDisk { // without a worker, unless asked for, in the process alone
		return nil, nil
	}
	return all, err
}

// allStores are where values may be kept that are not known yet.
func allStores() ([]onceStore, error) {
	worker, err := workerStore()
	if err != nil {
		return nil, err
	}
	limit, err := onceLimit()
	if err != nil {
		return nil, err
	}
	disk := diskStore{limit}
	if worker == nil {
		return []onceStore{disk}, nil
	}
	return []onceStore{worker, disk}, nil
}

func isOutOfMemory(err error) bool { return errors.Is(err, resident.ErrOutOfMemory) }

// onceWorker keeps values in the resident worker, where tensors are already.
type onceWorker struct{ backend *resident.Backend }

// workerStore is the worker, nil where the process computes without one.
func workerStore() (onceStore, error) {
	choice, err := backend.Choose()
	if err != nil {
		return nil, err
	}
	if choice.Name() != resident.Name {
		return nil, nil
	}
	be, _, err := backend.New()
	if err != nil {
		return nil, err
	}
	b, ok := be.(*resident.Backend)
	if !ok {
		return nil, nil
	}
	return onceWorker{b}, nil
}

func (onceWorker) isDisk() bool { return false }

// workerPrefix begins the keys of values in the worker.
const workerPrefix = "once "

func (w onceWorker) take(c *onceCall) (*packed, error) {
	blob, _, buffers, found, err := w.backend.Attach(workerPrefix + c.name)
	if err != nil || !found {
		return nil, err
	}
	r, ok := readRecord(blob)
	if !ok || r.Type != c.typ.String() || r.Print != c.print {
		return nil, nil
	}
	p := &packed{record: r}
	for _, b := range buffers {
		t, err := tensors.FromBuffer(b)
		if err != nil {
			return nil, err
		}
		p.arrays = append(p.arrays, t)
	}
	return p, nil
}

func (w onceWorker) put(c *onceCall, p *packed) error {
	blob, err := p.record.marshal()
	if err != nil {
		return err
	}
	names, buffers := make([]string, len(p.arrays)), make([]compute.Buffer, len(p.arrays))
	for i, a := range p.arrays {
		names[i] = strconv.Itoa(i)
		if buffers[i], err = onBackend(w.backend, a); err != nil {
			return err
		}
	}
	return w.backend.Keep(workerPrefix+c.name, blob, names, buffers)
}

func (w onceWorker) drop(name string) error { return w.backend.Drop(workerPrefix + name) }

func (w onceWorker) list() (values []OnceValue, err error) {
	state, err := resident.Status()
	if err != nil {
		return nil, err
	}
	for _, k := range state.Kept {
		name, ok := strings.CutPrefix(k.Key, workerPrefix)
		if !ok {
			continue
		}
		blob, found, err := w.backend.Peek(k.Key)
		if err != nil {
			return nil, err
		}
		if r, ok := readRecord(blob); ok && found && r.Name == name {
			values = append(values, OnceValue{name, r.Type, k.Bytes, inWorker, r.Made, r.Took})
		}
	}
	return values, nil
}

// OnceLimitEnv names the environment variable that bounds what [Once] keeps on disk, in gigabytes;
// 0 keeps nothing there.
const OnceLimitEnv = "GOPHERLENS_ONCE_GB"

const defaultOnceGB = 10

func onceLimit() (int64, error) {
	gigabytes, err := cachedir.Gigabytes(OnceLimitEnv, defaultOnceGB)
	return int64(gigabytes * (1 << 30)), err
}

// diskStore keeps values as safetensors files in the cache folder, named after a hash of the name
// and one of all that must be the same.
type diskStore struct{ limit int64 } // bytes of all files together

func (diskStore) isDisk() bool { return true }

const onceFolder = "once"

func (diskStore) path(c *onceCall) (string, error) {
	return cachedir.Join(onceFolder, shortHash(c.name)+"-"+shortHash(fmt.Sprint(onceVersion, c.typ, c.print))+".safetensors")
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8])
}

// hashOfFile is a hash of what a file holds.
func hashOfFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// recordName is the record's name among the arrays of a file.
const recordName = "record"

func (s diskStore) take(c *onceCall) (*packed, error) {
	path, err := s.path(c)
	if err != nil {
		return nil, err
	}
	p := readPacked(path)
	if p == nil || p.record.Name != c.name || p.record.Type != c.typ.String() || p.record.Print != c.print {
		return nil, nil
	}
	now := time.Now()
	os.Chtimes(path, now, now) // the least recently used are removed first
	return p, nil
}

// readPacked reads a file; nil if it is not there or damaged.
func readPacked(path string) *packed {
	file, err := weights.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	r, ok := recordIn(file)
	if !ok {
		return nil
	}
	p := &packed{record: r}
	for i := range len(file.Names()) - 1 {
		t, err := file.Tensor(strconv.Itoa(i))
		if err != nil {
			return nil
		}
		kind, ok := storedTypes[t.DType]
		if !ok {
			return nil
		}
		a, err := tensors.FromRaw(nil, 0, shapes.Make(kind, t.Shape...), t.Raw()) // it may be empty
		if err != nil {
			return nil
		}
		p.arrays = append(p.arrays, a)
	}
	return p
}

func recordIn(file *weights.File) (onceRecord, bool) {
	t, err := file.Tensor(recordName)
	if err != nil {
		return onceRecord{}, false
	}
	return readRecord(t.Raw())
}

func (s diskStore) put(c *onceCall, p *packed) error {
	path, err := s.path(c)
	if err != nil {
		return err
	}
	record, err := p.record.marshal()
	if err != nil {
		return err
	}
	size := p.size() + int64(len(record))
	if size > s.limit {
		if c.onDisk {
			return brief.Errorf("it takes %d MB, and %s allows %d on disk", size>>20, OnceLimitEnv, s.limit>>20)
		}
		return nil
	}
	named := []weights.Named{{Name: recordName, DType: weights.U8, Shape: []int{len(record)}, Write: func(w io.Writer) error {
		_, err := w.Write(record)
		return err
	}}}
	for i, a := range p.arrays {
		n, err := storedArray(strconv.Itoa(i), a)
		if err != nil {
			return err
		}
		named = append(named, n)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := makeRoom(dir, s.limit-size); err != nil {
		return err
	}
	return weights.WriteSafetensors(path, map[string]string{"about": "a value of hooked.Once, made by gopherlens"}, named)
}

func (diskStore) files(pattern string) ([]string, error) {
	dir, err := cachedir.Join(onceFolder)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var paths []string
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}

func (s diskStore) drop(name string) error {
	paths, err := s.files(shortHash(name) + "-*.safetensors")
	for _, path := range paths {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func (s diskStore) list() (values []OnceValue, err error) {
	paths, err := s.files("*-*.safetensors")
	for _, path := range paths {
		file, err := weights.Open(path)
		if err != nil {
			continue
		}
		r, ok := recordIn(file)
		file.Close()
		if info, err := os.Stat(path); ok && err == nil {
			values = append(values, OnceValue{r.Name, r.Type, info.Size(), onDisk, r.Made, r.Took})
		}
	}
	return values, err
}
