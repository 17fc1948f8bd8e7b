package activations_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/flock"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/golden"
)

// small is a harvest of 5 shards, the last of which has one row of two.
func small(t *testing.T) (m *hooked.Model, rows corpus.Contexts, c activations.Config) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "store")
	m, rows = tiny(t, golden.PureGo(t)), rowsOf(t, 9, 9)
	c = activations.Config{Folder: folder, Sites: "blocks.1.hook_resid_post", Batch: 1, Shard: 2}
	harvest(t, m, rows, c)
	return m, rows, c
}

// wants complains unless an error has words in it.
func wants(t *testing.T, what string, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: error %v, want %q in it", what, err, word)
			return
		}
	}
}

// with is a harvest with another setting.
func with(c activations.Config, change func(*activations.Config)) activations.Config {
	change(&c)
	return c
}

// TestOtherSettingsAreRefused harvests into a folder with another model, rows or setting than it
// holds: each is named, and the store is as it was.
func TestOtherSettingsAreRefused(t *testing.T) {
	m, rows, c := small(t)
	before := filesOf(t, c.Folder)
	sd, err := m.StateDict()
	if err != nil {
		t.Fatal(err)
	}
	sd["blocks.2.mlp.W_in"].Data[3] += 0.5
	other, err := hooked.FromStateDict(m.Config(), sd, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
	if err != nil {
		t.Fatal(err)
	}
	processed, err := hooked.FromPretrained(llama, hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		m    *hooked.Model
		rows corpus.Contexts
		c    activations.Config
		want string
	}{
		{other, rows, c, "the model's weights"},
		{processed, rows, c, "the model's configuration"},
		{m, rowsOf(t, 8, 9), c, "the rows of tokens"},
		{m, rowsOf(t, 9, 8), c, "the rows of tokens"},
		{m, rows, with(c, func(c *activations.Config) { c.Sites = "resid_post" }), "the sites"},
		{m, rows, with(c, func(c *activations.Config) { c.DType = hooked.BF16 }), "the precision"},
		{m, rows, with(c, func(c *activations.Config) { c.Batch = 2 }), "the rows of a batch"},
		{m, rows, with(c, func(c *activations.Config) { c.Shard = 3 }), "the rows of a shard"},
		{m, rows, with(c, func(c *activations.Config) { c.NoCovariance = true }), "a covariance"},
		{m, rows, with(c, func(c *activations.Config) { c.Tokens = 36 }), "more than the 4 that are asked for"},
	} {
		_, err := activations.Harvest(context.Background(), test.m, test.rows, test.c)
		wants(t, test.want, err, test.want, c.Folder)
	}
	sameFiles(t, "after refusals", c.Folder, before)
	again, err := activations.Harvest(context.Background(), m, rows, with(c, func(c *activations.Config) {
		c.Batch, c.Shard = 0, 0
		c.Progress = func(activations.Progress) { t.Error("something was computed of a store that is complete") }
	}))
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	sameFiles(t, "harvested again", c.Folder, before)
}

// TestShardsThatAreNotTheStores puts something else in the place of a shard: opening it, or if only
// its values are other ones verifying it, names the file; once that is removed a harvest makes it
// again, and it alone.
func TestShardsThatAreNotTheStores(t *testing.T) {
	m, rows, c := small(t)
	want := filesOf(t, c.Folder)
	path := filepath.Join(c.Folder, "shard-00002.safetensors")
	content := want["shard-00002.safetensors"]
	foreign := with(c, func(c *activations.Config) {
		c.Folder = filepath.Join(t.TempDir(), "other")
		c.Sites = hooked.ResidPost.At(0)
	})
	harvest(t, m, rows, foreign)
	flipped := append([]byte{}, content...)
	flipped[len(flipped)-9] ^= 1
	for what, bad := range map[string]struct {
		bytes    []byte
		onVerify bool
		want     string
	}{
		"cut":              {content[:len(content)-8], false, "bytes, the index says"},
		"of another store": {filesOf(t, foreign.Folder)["shard-00002.safetensors"], false, "is not the shard of this store"},
		"another shard":    {want["shard-00001.safetensors"], false, "it is shard 1"},
		"no safetensors":   {make([]byte, len(content)), false, "header"},
		"another value":    {flipped, true, "SHA-256"},
	} {
		if err := os.WriteFile(path, bad.bytes, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := activations.Open(c.Folder)
		if bad.onVerify && err == nil {
			err = s.Verify(t.Context())
			s.Close()
		}
		wants(t, what, err, bad.want, "shard-00002")
		if !errors.Is(err, hooked.ErrUnsupportedFile) {
			t.Errorf("%s: %v is no ErrUnsupportedFile", what, err)
		}
		if !bad.onVerify {
			_, err = activations.Harvest(context.Background(), m, rows, c)
			wants(t, what+", harvested", err, "shard-00002")
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if s, err := activations.Open(c.Folder); err == nil {
		t.Errorf("a store that lacks a shard opens with %d rows", s.Rows())
	}
	computed := 0
	s := harvest(t, m, rows, with(c, func(c *activations.Config) { c.Progress = func(activations.Progress) { computed++ } }))
	if computed != 2 || s.Rows() != 9 {
		t.Errorf("%d batches were computed for a missing shard of 2, and there are %d rows", computed, s.Rows())
	}
	sameFiles(t, "mended", c.Folder, want)
}

// TestStatisticsAreMadeAgain removes the statistics, or has them cover less: they come out the
// same.
func TestStatisticsAreMadeAgain(t *testing.T) {
	m, rows, c := small(t)
	want := filesOf(t, c.Folder)
	path := filepath.Join(c.Folder, "statistics.safetensors")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s, err := activations.Open(c.Folder)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := s.Statistics(resid1); err != nil || st.All.Count != 81 {
		t.Errorf("without their file statistics are of %d activations: %v", st.All.Count, err)
	}
	s.Close()
	harvest(t, m, rows, c)
	sameFiles(t, "statistics made again", c.Folder, want)
}

// TestAStoreIsMadeLonger harvests more tokens into a folder, in steps that end within shards: it
// comes to what one harvest makes.
func TestAStoreIsMadeLonger(t *testing.T) {
	m, rows, c := small(t)
	want := filesOf(t, c.Folder)
	c.Folder = filepath.Join(t.TempDir(), "longer")
	for _, tokens := range []int{10, 30, 40, 70, 81, 0, 500} {
		c.Tokens = tokens
		s := harvest(t, m, rows, c)
		if n := s.Tokens(); tokens > 0 && tokens < 81 && n != tokens/9*9 {
			t.Errorf("asked for %d tokens it has %d", tokens, n)
		}
	}
	sameFiles(t, "made longer", c.Folder, want)
}

// TestTwoHarvestsOfAFolder holds the lock as another process would.
func TestTwoHarvestsOfAFolder(t *testing.T) {
	m, rows, c := small(t)
	lock := flock.New(filepath.Join(c.Folder, ".lock"))
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer lock.Close()
	_, err := activations.Harvest(context.Background(), m, rows, c)
	wants(t, "a second harvest", err, "another harvest is writing", c.Folder)
}

// TestFoldersThatAreNoStores are left alone.
func TestFoldersThatAreNoStores(t *testing.T) {
	m, rows, c := small(t)
	c.Folder = t.TempDir()
	if err := os.WriteFile(filepath.Join(c.Folder, "thesis.tex"), []byte("..."), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := activations.Harvest(context.Background(), m, rows, c)
	wants(t, "a folder with other files", err, "holds thesis.tex")
	_, err = activations.Open(c.Folder)
	wants(t, "opened", err, "holds no activations")
	for text, word := range map[string]string{"{": "unexpected end", `{"format": 7}`: "format 7", `{"format": 1}`: "rows of 0 tokens"} {
		if err := os.WriteFile(filepath.Join(c.Folder, "index.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err = activations.Open(c.Folder)
		wants(t, text, err, word, "index.json")
		_, err = activations.Harvest(context.Background(), m, rows, c)
		wants(t, text+", harvested", err, word, "index.json")
	}
}

// TestValuesThatAreNotFinite are named, whatever comes before them is kept.
func TestValuesThatAreNotFinite(t *testing.T) {
	m := tiny(t, golden.PureGo(t))
	rows, err := corpus.FromTokens([][]int{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		value float32
		site  string
		dtype hooked.DType
		want  string
	}{
		{3e38, "blocks.0.ln1.hook_scale", hooked.F32, "value 0 of 1 is +Inf"},
		{3.4028235e38, "hook_embed", hooked.BF16, "too large for bfloat16"},
		{7e4, "hook_embed", hooked.F16, "too large for float16"},
	} {
		sd, err := m.StateDict()
		if err != nil {
			t.Fatal(err)
		}
		sd["embed.W_E"].Data[11*36+5] = test.value
		broken, err := hooked.FromStateDict(m.Config(), sd, hooked.NoProcessing, hooked.LoadOptions{Backend: golden.PureGo(t)})
		if err != nil {
			t.Fatal(err)
		}
		c := activations.Config{Folder: filepath.Join(t.TempDir(), "store"), Sites: test.site, DType: test.dtype, Batch: 1, Shard: 1}
		_, err = activations.Harvest(context.Background(), broken, rows, c)
		wants(t, string(test.dtype), err, test.site+", row 3, position 1 (token 11)", test.want)
		s, err := activations.Open(c.Folder)
		if err != nil {
			t.Fatal(err)
		}
		if s.Rows() < 2 {
			t.Errorf("%d of the 3 rows before it are kept", s.Rows())
		}
		s.Close()
	}
}

// TestWhatCannotBeKept are sites and settings without a meaning.
func TestWhatCannotBeKept(t *testing.T) {
	m, rows, c := small(t)
	for _, test := range []struct {
		change func(*activations.Config)
		want   string
	}{
		{func(c *activations.Config) { c.Sites = "pattern" }, "has axes [batch head query key]"},
		{func(c *activations.Config) { c.Sites = hooked.TokenIDs }, "has axes [batch pos]"},
		{func(c *activations.Config) { c.Sites = nil }, "Config.Sites is empty"},
		{func(c *activations.Config) { c.Sites = "resid_pots" }, "resid_post"},
		{func(c *activations.Config) { c.Folder = "" }, "Config.Folder is empty"},
		{func(c *activations.Config) { c.DType = "int8" }, "int8"},
		{func(c *activations.Config) { c.Tokens = 8 }, "at least one row of 9"},
		{func(c *activations.Config) { c.Shard, c.Batch = 3, 2 }, "want a multiple"},
		{func(c *activations.Config) { c.Batch = -1 }, "Config.Batch is -1"},
	} {
		_, err := activations.Harvest(context.Background(), m, rows, with(with(c, func(c *activations.Config) { c.Folder = t.TempDir() }), test.change))
		wants(t, test.want, err, test.want)
	}
	_, err := activations.Harvest(context.Background(), m, rowsOf(t, 2, 41), with(c, func(c *activations.Config) { c.Folder = t.TempDir() }))
	wants(t, "long rows", err, "41 tokens, and the model reads at most 40")
	if !errors.Is(err, hooked.ErrOutOfContext) {
		t.Errorf("%v is no ErrOutOfContext", err)
	}
}
