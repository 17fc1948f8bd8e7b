package activations

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
)

// sums are the moments of all sites over the first shards of a store. They are a function of the
// shards and of their order alone: what a file lacks is made of the shards again, and so a killed
// harvest comes to the same.
type sums struct {
	covered int
	key     string // of the shards that are covered
	sites   []siteSums

	saved int // covered, by the file
}

type siteSums struct{ first, rest *moments }

func newSums(a *About) *sums {
	s := &sums{}
	for i, site := range a.Sites {
		width, scatter := site.Width(), a.covers(i)
		s.sites = append(s.sites, siteSums{newMoments(width, scatter), newMoments(width, scatter)})
	}
	return s
}

// chained is the key of some shards and one more.
func chained(key string, e entry) string {
	sum := sha256.Sum256([]byte(key + e.SHA256))
	return hex.EncodeToString(sum[:])
}

// advance adds the shards that follow and are there.
func (s *sums) advance(folder string, x *index) error {
	for s.covered < len(x.Shards) && x.Shards[s.covered].present() {
		if err := s.addShard(folder, x, s.covered); err != nil {
			return err
		}
		if s.covered-s.saved >= s.every(x) {
			if err := s.save(folder, x); err != nil {
				return err
			}
		}
	}
	return nil
}

// sumsShare is how many times as much as its sums a harvest writes of shards between two writings
// of them.
var sumsShare = 4

// every is how many shards are summed up before the sums are written.
func (s *sums) every(x *index) int {
	bytes := 0
	for i, site := range x.About.Sites {
		bytes += 16 * (site.Width() + bins)
		if x.About.covers(i) {
			bytes += 16 * triangle(site.Width())
		}
	}
	return max(1, sumsShare*bytes/int(max(1, x.Shards[0].Bytes)))
}

func (s *sums) addShard(folder string, x *index, number int) (err error) {
	sh, err := openShard(folder, x, number)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sh.close()) }()
	s.fold(sh, x)
	return nil
}

// fold adds the next shard.
func (s *sums) fold(sh *shard, x *index) {
	for i := range s.sites {
		first, rest := ofShard(sh, &x.About, i)
		s.sites[i].first.merge(first)
		s.sites[i].rest.merge(rest)
	}
	s.key = chained(s.key, x.Shards[s.covered])
	s.covered++
}

// Metadata of the statistics' file.
const (
	metaCovered = "gopherlens.shards"
	metaKey     = "gopherlens.shards.key"
)

// save replaces the file.
func (s *sums) save(folder string, x *index) error {
	if s.saved == s.covered {
		return nil
	}
	var named []weights.Named
	for i, site := range x.About.Sites {
		named = append(named, s.sites[i].first.named(site.Name+"/first/")...)
		named = append(named, s.sites[i].rest.named(site.Name+"/rest/")...)
	}
	metadata := map[string]string{"format": "pt", metaHarvest: x.Key, metaCovered: strconv.Itoa(s.covered), metaKey: s.key}
	if err := weights.WriteSafetensors(filepath.Join(folder, statisticsFile), metadata, named); err != nil {
		return err
	}
	s.saved = s.covered
	return nil
}

// named are the moments as tensors of a file.
func (m *moments) named(prefix string) []weights.Named {
	out := []weights.Named{
		weights.FromInt64s(prefix+"count", []int{1}, []int64{m.count}),
		fromFloat64s(prefix+"mean", m.mean),
		fromFloat64s(prefix+"norms", m.norms[:]),
		weights.FromInt64s(prefix+"histogram", []int{len(m.histogram)}, m.histogram),
	}
	if m.scatter != nil {
		out = append(out, fromFloat64s(prefix+"scatter", m.scatter))
	}
	return out
}

func fromFloat64s(name string, values []float64) weights.Named {
	return weights.Named{Name: name, DType: weights.F64, Shape: []int{len(values)}, Write: func(w io.Writer) error {
		for piece := range slices.Chunk(values, 1<<12) {
			out := make([]byte, 0, 8*len(piece))
			for _, v := range piece {
				out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
			}
			if _, err := w.Write(out); err != nil {
				return err
			}
		}
		return nil
	}}
}

// loadSums reads the file, and nothing of one that is not of the first shards of the index.
func loadSums(folder string, x *index) (s *sums, err error) {
	s = newSums(&x.About)
	path := filepath.Join(folder, statisticsFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	file, err := weights.Open(path)
	if err != nil {
		return nil, brief.Errorf("%w; or remove it: it is made of the shards again", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	covered, key := x.covered(file)
	if covered == 0 {
		return s, nil
	}
	for i, site := range x.About.Sites {
		for prefix, m := range map[string]*moments{"/first/": s.sites[i].first, "/rest/": s.sites[i].rest} {
			if err := m.read(file, site.Name+prefix); err != nil {
				return nil, err
			}
		}
	}
	s.covered, s.saved, s.key = covered, covered, key
	return s, nil
}

// covered is how many shards a statistics' file covers, 0 if these are not the first of the index.
func (x *index) covered(file *weights.File) (n int, key string) {
	text, _ := file.Metadata()[metaCovered].(string)
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > len(x.Shards) || file.Metadata()[metaHarvest] != x.Key {
		return 0, ""
	}
	for _, e := range x.Shards[:n] {
		if !e.present() {
			return 0, ""
		}
		key = chained(key, e)
	}
	if file.Metadata()[metaKey] != key {
		return 0, ""
	}
	return n, key
}

// read reads the moments from a file.
func (m *moments) read(file *weights.File, prefix string) error {
	count := make([]int64, 1)
	for _, part := range []struct {
		name string
		into []float64
	}{{"mean", m.mean}, {"norms", m.norms[:]}, {"scatter", m.scatter}} {
		if part.into == nil {
			continue
		}
		if err := readFloat64s(file, prefix+part.name, part.into); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		name string
		into []int64
	}{{"count", count}, {"histogram", m.histogram}} {
		if err := readInt64s(file, prefix+part.name, part.into); err != nil {
			return err
		}
	}
	m.count = count[0]
	return nil
}

func readFloat64s(file *weights.File, name string, into []float64) error {
	t, err := file.Tensor(name)
	if err != nil {
		return err
	}
	if t.DType != weights.F64 || t.Size() != len(into) {
		return brief.Errorf("tensor %q is %s with %d values, want %d of F64", name, t.DType, t.Size(), len(into))
	}
	raw := t.Raw()
	for i := range into {
		into[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
	}
	return nil
}

func readInt64s(file *weights.File, name string, into []int64) error {
	t, err := file.Tensor(name)
	if err != nil {
		return err
	}
	values, err := t.Int64s()
	if err != nil {
		return err
	}
	if len(values) != len(into) {
		return brief.Errorf("tensor %q has %d values, want %d", name, len(values), len(into))
	}
	copy(into, values)
	return nil
}
