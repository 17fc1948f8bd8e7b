package activations

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/weights"
	"gopherlens/internal/wholefile"
)

// tokensTensor is the name of the token ids in a shard.
const tokensTensor = "tokens"

// Metadata of a shard, by which one of another harvest is told.
const (
	metaHarvest = "gopherlens.harvest"
	metaShard   = "gopherlens.shard"
)

// filling is a shard in memory that is being filled, encoded as it will lie on disk.
type filling struct {
	about  *About
	key    string
	codec  codec
	number int
	rows   int
	tokens []byte   // [row, pos] int32
	values [][]byte // of each site, [row * pos, width]
}

// again is the memory of f, or new memory if that is nil, for the shard of another number.
func (f *filling) again(x *index, number int) *filling {
	if f == nil {
		f = newFilling(x)
	}
	f.number, f.rows = number, 0
	return f
}

func newFilling(x *index) *filling {
	a := &x.About
	f := &filling{about: a, key: x.Key, codec: codecs[a.DType]}
	n := a.Shard * a.Context
	f.tokens = make([]byte, 4*n)
	for _, s := range a.Sites {
		f.values = append(f.values, make([]byte, n*s.Width()*f.codec.size))
	}
	return f
}

// add appends the rows of a batch; values are each site's, [row * pos, width].
func (f *filling) add(rows [][]int, values [][]float32) error {
	length := f.about.Context
	f.setTokens(f.rows, rows)
	for i, s := range f.about.Sites {
		per := s.Width() * length * f.codec.size
		if bad := f.codec.encode(f.values[i][f.rows*per:(f.rows+len(rows))*per], values[i]); bad >= 0 {
			return f.notFinite(s, rows, bad, values[i][bad])
		}
	}
	f.rows += len(rows)
	return nil
}

// setTokens puts rows of tokens in their place, from a row of the shard on.
func (f *filling) setTokens(from int, rows [][]int) {
	for i, row := range rows {
		for p, id := range row {
			binary.LittleEndian.PutUint32(f.tokens[4*((from+i)*f.about.Context+p):], uint32(id))
		}
	}
}

// notFinite names a value that cannot be kept.
func (f *filling) notFinite(s Site, rows [][]int, at int, value float32) error {
	place := at / s.Width()
	row, pos := place/f.about.Context, place%f.about.Context
	what := brief.Sprintf("%s, row %d, position %d (token %d): value %d of %d is %v", s.Name, f.number*f.about.Shard+f.rows+row, pos,
		rows[row][pos], at%s.Width(), s.Width(), value)
	if value-value == 0 {
		return brief.Errorf("%s, which is too large for %s: harvest in float32 or bfloat16", what, f.about.DType)
	}
	return brief.Errorf("%s, and no statistics can be made of that: look at the model there (Model.Verify), or choose other rows", what)
}

// write writes the shard and tells what the index has to know of it.
func (f *filling) write(folder string) (entry, error) {
	path := shardPath(folder, f.number)
	if err := weights.WriteSafetensors(path, shardMetadata(f.key, f.number), f.named()); err != nil {
		return entry{}, err
	}
	bytes, sum, err := wholefile.Sum(path)
	return entry{Rows: f.rows, Bytes: bytes, SHA256: sum}, err
}

// named are the shard's tensors.
func (f *filling) named() []weights.Named {
	n := f.rows * f.about.Context
	named := []weights.Named{{Name: tokensTensor, DType: weights.I32, Shape: []int{f.rows, f.about.Context}, Write: bytesOf(f.tokens[:4*n])}}
	for i, s := range f.about.Sites {
		named = append(named, weights.Named{Name: s.Name, DType: f.codec.stored, Shape: append([]int{n}, s.Shape...),
			Write: bytesOf(f.values[i][:n*s.Width()*f.codec.size])})
	}
	return named
}

func bytesOf(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

func shardMetadata(key string, number int) map[string]string {
	return map[string]string{"format": "pt", metaHarvest: key, metaShard: strconv.Itoa(number)}
}

// shard is a shard on disk, mapped into memory.
type shard struct {
	file   *weights.File
	rows   int
	tokens []byte
	values [][]byte // of each site
}

// openShard maps a shard and holds its header against the index.
func openShard(folder string, x *index, number int) (s *shard, err error) {
	path := shardPath(folder, number)
	e := x.Shards[number]
	info, err := os.Stat(path)
	if err != nil {
		return nil, brief.Errorf("shard %d: %w", number, err)
	}
	if info.Size() != e.Bytes {
		return nil, unlike(path, "it has %d bytes, the index says %d", info.Size(), e.Bytes)
	}
	file, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if got := file.Metadata()[metaHarvest]; got != x.Key {
		return nil, unlike(path, "another harvest wrote it")
	}
	if got := file.Metadata()[metaShard]; got != strconv.Itoa(number) {
		return nil, unlike(path, "it is shard %v", got)
	}
	s = &shard{file: file, rows: e.Rows}
	n := e.Rows * x.About.Context
	if s.tokens, err = rawOf(file, path, tokensTensor, weights.I32, []int{e.Rows, x.About.Context}); err != nil {
		return nil, err
	}
	for _, site := range x.About.Sites {
		raw, err := rawOf(file, path, site.Name, codecs[x.About.DType].stored, append([]int{n}, site.Shape...))
		if err != nil {
			return nil, err
		}
		s.values = append(s.values, raw)
	}
	return s, nil
}

func rawOf(file *weights.File, path, name string, dtype weights.DType, shape []int) ([]byte, error) {
	t, err := file.Tensor(name)
	if err != nil {
		return nil, fault.Mark(err, fault.ErrUnsupportedFile)
	}
	if t.DType != dtype || !slices.Equal(t.Shape, shape) {
		return nil, unlike(path, "%s is %s %v, want %s %v", name, t.DType, t.Shape, dtype, shape)
	}
	return t.Raw(), nil
}

// unlike is the error about a shard that is not the one of the index.
func unlike(path, format string, args ...any) error {
	err := brief.Errorf("%s is not the shard of this store: %w; remove it and harvest again: that shard alone is computed", path, brief.Errorf(format, args...))
	return fault.Mark(err, fault.ErrUnsupportedFile)
}

func (s *shard) close() error { return s.file.Close() }

// token is the id of a token of the shard.
func (s *shard) token(i int) int { return int(int32(binary.LittleEndian.Uint32(s.tokens[4*i:]))) }
