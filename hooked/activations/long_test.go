package activations_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/internal/sysmem"
)

// longEnv says how many tokens [TestFlatMemory] harvests, such as 1000000; without it there is
// none.
const longEnv = "GOPHERLENS_TEST_HARVEST_TOKENS"

// endless are rows that are made when they are read.
type endless struct{ rows int }

func (e endless) Length() int { return 40 }
func (e endless) Key() string { return "rows that a test makes" }
func (e endless) From(row int) iter.Seq2[[]int, error] {
	return func(yield func([]int, error) bool) {
		for ; row < e.rows; row++ {
			state, ids := uint32(row), make([]int, 40)
			for i := range ids {
				state = state*1664525 + 1013904223
				ids[i] = int(state>>16) % 336
			}
			if !yield(ids, nil) {
				return
			}
		}
	}
}

// TestFlatMemory harvests so many tokens of all residual streams, and reads them shuffled: what the
// process holds after a tenth it holds at the end, files that are mapped apart.
func TestFlatMemory(t *testing.T) {
	tokens, _ := strconv.Atoi(os.Getenv(longEnv))
	if tokens == 0 {
		t.Skipf("%s says how many tokens", longEnv)
	}
	m, err := hooked.FromPretrained(llama, hooked.NoProcessing)
	if err != nil {
		t.Fatal(err)
	}
	early, late := 0, 0
	c := activations.Config{Folder: filepath.Join(t.TempDir(), "store"), Sites: "resid_post", DType: hooked.BF16, Shard: 2500,
		Progress: func(p activations.Progress) {
			if held := anonymous(t); p.Tokens < p.Of/5 {
				early = max(early, held)
			} else {
				late = max(late, held)
			}
		}}
	s, err := activations.Harvest(context.Background(), m, endless{tokens / 40}, with(c, func(c *activations.Config) { c.Tokens = tokens }))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	t.Logf("%d tokens: %d kB at most in the first fifth, %d kB after it", s.Tokens(), early, late)
	if late > early+64<<10 {
		t.Errorf("%d kB more are held at the end", late-early)
	}
	before := anonymous(t)
	n := 0
	for b, err := range s.Batches(resid1, activations.Reading{Size: 4096, Shuffle: true, Seed: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		n += len(b.Tokens)
	}
	t.Logf("%d activations read shuffled: %d kB held before, %d kB after", n, before, anonymous(t))
	if after := anonymous(t); after > before+64<<10 {
		t.Errorf("%d kB more are held after reading", after-before)
	}
}

// anonymous is the process's memory that is no file's, in kB.
func anonymous(t *testing.T) int {
	n, ok := sysmem.Status("RssAnon")
	if !ok {
		t.Skip("the system does not tell")
	}
	return int(n >> 10)
}
