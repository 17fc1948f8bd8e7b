package activations

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/underway"
	"gopherlens/internal/wholefile"
)

// Harvest runs a model over rows of tokens up to the last of the sites, keeps their activations in
// a folder, and opens it. The folder is new, or that of an earlier harvest of the same model, rows,
// sites and settings, which then goes on at its first missing shard. Nothing is computed where
// nothing is missing.
//
// An error, an interruption and a killed process leave the shards that are complete. Values that
// are not finite are an error that names the first.
func Harvest(ctx context.Context, m *hooked.Model, contexts corpus.Contexts, c Config) (*Store, error) {
	h, err := newHarvest(m, contexts, c)
	if err != nil {
		return nil, brief.Errorf("harvest: %w", err)
	}
	if err := h.inFolder(ctx); err != nil {
		return nil, brief.Errorf("harvest into %s: %w", c.Folder, withAdvice(err))
	}
	return Open(c.Folder)
}

// withAdvice says of a disk that has no room that nothing is lost.
func withAdvice(err error) error {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if errors.Is(err, full) {
			return brief.Errorf("%w; the shards so far are whole: make room and harvest again to go on", err)
		}
	}
	return err
}

// harvest is a harvest under way.
type harvest struct {
	m        *hooked.Model
	contexts corpus.Contexts
	cfg      Config
	sites    []hooked.Site
	want     int // rows; 0 for all

	index   *index
	kept    int          // how many shards there were when it began, those that are missing too
	missing map[int]bool // of these
	grows   bool         // the index on the disk lists one more, a short one that is to become longer

	started time.Time
	done    Progress
	step    *underway.Step
	ended   bool // the rows came to their end
}

func newHarvest(m *hooked.Model, contexts corpus.Contexts, c Config) (*harvest, error) {
	if err := c.check(m, contexts); err != nil {
		return nil, err
	}
	var found []hooked.Site
	var kept []Site
	err := hooked.Try(func() {
		var err error
		if found, kept, err = sitesOf(m.Config(), c.Sites); err != nil {
			panic(err)
		}
	})
	if err != nil {
		return nil, err
	}
	length := contexts.Length()
	if n := m.Config().NCtx; length > n {
		return nil, fault.Mark(brief.Errorf("the contexts have rows of %d tokens, and the model reads at most %d", length, n), fault.ErrOutOfContext)
	}
	if c, err = c.keeping().settled(length, kept); err != nil {
		return nil, err
	}
	about, err := aboutOf(m, contexts.Key(), length, kept, c)
	if err != nil {
		return nil, err
	}
	if c.On != nil && c.On.Backend() != "" {
		about.Backend = c.On.Backend()
	}
	return &harvest{m: m, contexts: contexts, cfg: c, sites: found, want: c.Tokens / length,
		index: &index{Format: storeFormat, Key: about.key(), About: about}}, nil
}

// keeping is the configuration with the sizes of a harvest that the folder holds already, where it
// names none: what a later version would choose does not matter then.
func (c Config) keeping() Config {
	x, err := readIndex(c.Folder)
	if err != nil {
		return c // whoever needs the index tells
	}
	if c.Batch == 0 && (c.Shard == 0 || c.Shard == x.About.Shard) {
		c.Batch = x.About.Batch
	}
	if c.Shard == 0 && c.Batch == x.About.Batch {
		c.Shard = x.About.Shard
	}
	return c
}

// inFolder harvests what the folder lacks, while it is locked.
func (h *harvest) inFolder(ctx context.Context) error {
	if err := os.MkdirAll(h.cfg.Folder, 0o755); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(h.cfg.Folder, lockFile))
	locked, err := lock.TryLock()
	if err != nil {
		return err
	}
	if !locked {
		return brief.Errorf("another harvest is writing into this folder: wait for it, or take another folder")
	}
	defer lock.Close()
	if err := h.begin(); err != nil {
		return err
	}
	if h.cfg.On != nil {
		return h.elsewhere(ctx)
	}
	return h.run(ctx)
}

// begin takes over what the folder holds, or makes it a new store.
func (h *harvest) begin() error {
	there, err := readIndex(h.cfg.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		if err := mayBegin(h.cfg.Folder); err != nil {
			return err
		}
		return h.index.write(h.cfg.Folder)
	}
	if err != nil {
		return err
	}
	if err := there.About.same(h.index.About); err != nil {
		return err
	}
	if n := there.rows(); h.want > 0 && n > h.want {
		return brief.Errorf("it holds %d rows, more than the %d that are asked for: open it as it is (activations.Open), or take another folder", n, h.want)
	}
	h.index = there
	wholefile.Sweep(h.cfg.Folder)
	return h.lookAtShards()
}

// mayBegin refuses a folder with anything in it.
func mayBegin(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			return brief.Errorf("the folder holds %s and no %s: take an empty or a new one", brief.Text(e.Name()), indexFile)
		}
	}
	return nil
}

// lookAtShards finds which shards are to be computed: those whose files are gone, and a last one
// that is to become longer. One that is there and is another's is an error.
func (h *harvest) lookAtShards() error {
	x := h.index
	for i := range x.Shards {
		if !x.Shards[i].present() {
			continue
		}
		s, err := openShard(h.cfg.Folder, x, i)
		if errors.Is(err, fs.ErrNotExist) {
			x.Shards[i] = entry{}
			continue
		}
		if err != nil {
			return err
		}
		if err := s.close(); err != nil {
			return err
		}
	}
	if n := len(x.Shards); n > 0 && x.Shards[n-1].Rows < x.About.Shard && !x.Ended && x.rows() != h.want {
		x.Shards, h.grows = x.Shards[:n-1], true
	}
	h.kept, h.missing = len(x.Shards), make(map[int]bool)
	for i, e := range x.Shards {
		h.missing[i] = !e.present()
	}
	return nil
}

// Progress tells how far a harvest is.
type Progress struct {
	Tokens, Of int // harvested so far, those of earlier calls too, and wanted; Of is 0 if that is not known
	Fresh      int // those of this call
	Elapsed    time.Duration
	Workers    int // of the fleet; 0 where there is none
}

// PerSecond is the number of tokens of this call in a second.
func (p Progress) PerSecond() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Fresh) / p.Elapsed.Seconds()
}

// String is "12288 of 1000000 tokens, 1100 tokens/s, 15m0s left".
func (p Progress) String() string {
	text := fmt.Sprintf("%d tokens", p.Tokens)
	if p.Of > 0 {
		text = fmt.Sprintf("%d of %d tokens", p.Tokens, p.Of)
	}
	rate := p.PerSecond()
	if rate > 0 {
		text += fmt.Sprintf(", %.0f tokens/s", rate)
	}
	if p.Workers > 0 {
		text += fmt.Sprintf(", %d workers", p.Workers)
	}
	if rate > 0 && p.Of > p.Tokens {
		left := time.Duration(float64(p.Of-p.Tokens) / rate * float64(time.Second))
		text += fmt.Sprintf(", %s left", left.Round(time.Second))
	}
	return text
}
