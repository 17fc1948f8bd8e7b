package activations

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/backend"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/wholefile"
)

// The files of a store.
const (
	indexFile      = "index.json"
	statisticsFile = "statistics.safetensors"
	shardPattern   = "shard-%05d.safetensors"
	lockFile       = ".lock"
	storeFormat    = 1
)

// index is what index.json holds. The same harvest writes the same bytes.
type index struct {
	Format int `json:"format"`
	// what every shard of this harvest says of itself
	Key   string `json:"key"`
	About About  `json:"about"`
	// the rows came to their end: there are no more than the shards hold
	Ended  bool    `json:"ended"`
	Shards []entry `json:"shards"`
}

// entry is a shard in the index; without a checksum it is not there yet.
type entry struct {
	Rows   int    `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (e entry) present() bool { return e.SHA256 != "" }

// About says what a store holds, and what it was computed with.
type About struct {
	Model      hooked.Config `json:"model"`
	Processing string        `json:"processing"`
	Weights    string        `json:"weights"` // [hooked.Model.WeightsHash]
	Backend    string        `json:"backend"`
	Corpus     string        `json:"corpus"`  // the key of the rows
	Context    int           `json:"context"` // tokens in a row
	Sites      []Site        `json:"sites"`   // in the order of the forward pass
	DType      hooked.DType  `json:"dtype"`
	Batch      int           `json:"batch"` // rows that were computed together
	Shard      int           `json:"shard"` // rows in each shard but the last
	Covariance bool          `json:"covariance"`
}

// aboutOf says what a harvest of a model is to be.
func aboutOf(m *hooked.Model, key string, length int, sites []Site, c Config) (About, error) {
	hash, err := m.WeightsHash()
	if err != nil {
		return About{}, err
	}
	cfg := m.Config()
	return About{Model: cfg, Processing: m.Applied().String(), Weights: hash, Backend: backend.Kind(m.Backend().Description()), Corpus: key,
		Context: length, Sites: sites, DType: c.DType, Batch: c.Batch, Shard: c.Shard, Covariance: !c.NoCovariance}, nil
}

// key names a harvest: the same key, the same bytes in every shard.
func (a About) key() string {
	a.Model.ModelName = "" // the same model may be loaded from elsewhere
	text, err := json.Marshal(a)
	if err != nil {
		return "" // of numbers and texts there is none
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// same tells in what another harvest differs.
func (a About) same(other About) error {
	a.Model.ModelName, other.Model.ModelName = "", ""
	for _, field := range []struct {
		what       string
		mine, want any
	}{
		{"the model's configuration", a.Model, other.Model},
		{"the processing of the weights", a.Processing, other.Processing},
		{"the model's weights", a.Weights, other.Weights},
		{"the backend", a.Backend, other.Backend},
		{"the rows of tokens", a.Corpus, other.Corpus},
		{"the number of tokens in a row", a.Context, other.Context},
		{"the sites", names(a.Sites), names(other.Sites)},
		{"the precision", a.DType, other.DType},
		{"the rows of a batch", a.Batch, other.Batch},
		{"the rows of a shard", a.Shard, other.Shard},
		{"whether there is a covariance", a.Covariance, other.Covariance},
	} {
		if !reflect.DeepEqual(field.mine, field.want) {
			return brief.Errorf("it was harvested with another setting than is asked for now: %s (it has %v, asked for is %v); harvest into another folder, or as before",
				field.what, field.mine, field.want)
		}
	}
	return nil
}

// HarvestedFrom reports that the store's activations are not this model's: it names what differs of
// processing and weights. The backend may be another.
func (s *Store) HarvestedFrom(m *hooked.Model) error {
	about, err := s.About()
	if err != nil {
		return err
	}
	hash, err := m.WeightsHash()
	if err != nil {
		return err
	}
	for _, field := range [][3]string{{"processing", about.Processing, m.Applied().String()}, {"weights (SHA-256)", about.Weights, hash}} {
		if what, stored, mine := field[0], field[1], field[2]; stored != mine {
			return brief.Errorf("the store was harvested from a model of other %s: %s, the model's are %s: load the model as it was, or harvest it", what, stored, mine)
		}
	}
	return nil
}

func names(sites []Site) []string {
	var out []string
	for _, s := range sites {
		out = append(out, s.Name)
	}
	return out
}

// site is the place of a site among those of the store.
func (a About) site(at hooked.Selector) (int, error) {
	found, err := a.Model.Select(at)
	if err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, brief.Errorf("%v means %d sites: want one, such as hooked.ResidPost.At(12)", at, len(found))
	}
	i := slices.IndexFunc(a.Sites, func(s Site) bool { return s.Name == found[0].Name() })
	if i < 0 {
		return 0, brief.Errorf("%s was not harvested: the store has %s", found[0], brief.Names(names(a.Sites)))
	}
	return i, nil
}

// rows is the number of rows of the shards that are there.
func (x *index) rows() int {
	n := 0
	for _, e := range x.Shards {
		n += e.Rows
	}
	return n
}

// shardPath is where a shard lies.
func shardPath(folder string, number int) string {
	return filepath.Join(folder, fmt.Sprintf(shardPattern, number))
}

// readIndex reads a folder's index; its error is fs.ErrNotExist if there is none.
func readIndex(folder string) (*index, error) {
	path := filepath.Join(folder, indexFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, brief.Errorf("%s holds no activations, as there is no %s: harvest some into it: %w", folder, indexFile, err)
	}
	if err != nil {
		return nil, err
	}
	var x index
	if err := json.Unmarshal(text, &x); err != nil {
		return nil, fault.Mark(brief.Errorf("%s: %w", path, err), fault.ErrUnsupportedFile)
	}
	if x.Format != storeFormat {
		return nil, fault.Mark(brief.Errorf("%s has format %d, and this version reads %d", path, x.Format, storeFormat), fault.ErrUnsupportedFile)
	}
	if err := x.check(); err != nil {
		return nil, fault.Mark(brief.Errorf("%s: %w", path, err), fault.ErrUnsupportedFile)
	}
	return &x, nil
}

// check refuses an index that contradicts itself: it may have been edited.
func (x *index) check() error {
	a := x.About
	_, known := codecs[a.DType]
	switch {
	case a.Context < 1 || a.Batch < 1 || a.Shard < a.Batch || a.Shard%a.Batch != 0:
		return brief.Errorf("rows of %d tokens, batches of %d rows and shards of %d cannot be", a.Context, a.Batch, a.Shard)
	case !known:
		return brief.Errorf("the precision %q is not known", a.DType)
	case len(a.Sites) == 0:
		return brief.Errorf("it has no sites")
	}
	for _, s := range a.Sites {
		if len(s.Axes) != len(s.Shape) || s.Width() < 1 || s.Width() > 1<<30 {
			return brief.Errorf("site %q has axes %v and shape %v", s.Name, s.Axes, s.Shape)
		}
	}
	for i, e := range x.Shards {
		if e.present() && (e.Rows < 1 || e.Rows > a.Shard || e.Rows < a.Shard && i < len(x.Shards)-1) {
			return brief.Errorf("shard %d has %d rows, want %d", i, e.Rows, a.Shard)
		}
	}
	return nil
}

// write replaces a folder's index.
func (x *index) write(folder string) error {
	text, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	return wholefile.WriteBytes(filepath.Join(folder, indexFile), 0o644, append(text, '\n'))
}
