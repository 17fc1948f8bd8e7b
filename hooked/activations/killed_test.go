package activations_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/internal/golden"
)

// Environment of this program where a test runs it as the process that is to die: the folder, and
// the size of file that it may write at most.
const (
	childFolder = "GOPHERLENS_TEST_HARVEST"
	childLimit  = "GOPHERLENS_TEST_HARVEST_LIMIT"
)

// longHarvest is one that a test can kill: 60 shards of 2 batches.
func longHarvest(t testing.TB, folder string) (*hooked.Model, activations.Config) {
	return tiny(t, golden.PureGo(t)), activations.Config{Folder: folder, Sites: []string{"resid_post", "blocks.1.attn.hook_z"},
		DType: hooked.BF16, Batch: 2, Shard: 4}
}

// TestChild is what the other tests kill, or leave without room on the disk.
func TestChild(t *testing.T) {
	folder := os.Getenv(childFolder)
	if folder == "" {
		t.Skip("other tests run it")
	}
	if text := os.Getenv(childLimit); text != "" {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		fmt.Sscan(text, &limit.Cur)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	activations.SumEveryShard()
	m, c := longHarvest(t, folder)
	c.Progress = func(activations.Progress) { time.Sleep(2 * time.Millisecond) }
	if _, err := activations.Harvest(context.Background(), m, rowsOf(t, 238, 9), c); err != nil {
		t.Fatal(err)
	}
}

// child runs TestChild in a process of its own.
func child(folder string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(append(os.Environ(), childFolder+"="+folder), env...)
	return cmd
}

// filesOf are the files of a folder; what is hidden is the lock alone.
func filesOf(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, e := range entries {
		if e.Name() == ".lock" {
			continue
		}
		if files[e.Name()], err = os.ReadFile(filepath.Join(folder, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// sameFiles compares a folder with an unbroken harvest's, byte for byte.
func sameFiles(t *testing.T, what, folder string, want map[string][]byte) {
	t.Helper()
	got := filesOf(t, folder)
	for name := range got {
		if want[name] == nil {
			t.Errorf("%s: %s is left over", what, name)
		}
	}
	for name, content := range want {
		if !bytes.Equal(got[name], content) {
			t.Errorf("%s: %s is another than the unbroken harvest's (%d bytes, %d there)", what, name, len(got[name]), len(content))
		}
	}
}

// shardsIn counts the shards that an index lists.
func shardsIn(folder string) int {
	text, err := os.ReadFile(filepath.Join(folder, "index.json"))
	if err != nil {
		return 0
	}
	var index struct{ Shards []any }
	json.Unmarshal(text, &index)
	return len(index.Shards)
}

var unbrokenFiles map[string][]byte

// unbroken are the files of a harvest without interruption.
func unbroken(t *testing.T) map[string][]byte {
	t.Helper()
	if unbrokenFiles == nil {
		folder := filepath.Join(t.TempDir(), "unbroken")
		m, c := longHarvest(t, folder)
		s := harvest(t, m, rowsOf(t, 238, 9), c)
		if n := shardsIn(folder); n != 60 || s.Rows() != 238 {
			t.Fatalf("%d shards with %d rows", n, s.Rows())
		}
		unbrokenFiles = filesOf(t, folder)
	}
	return unbrokenFiles
}

// TestKilled kills a harvest's process at ten random moments, lets it go on each time, and compares
// every byte with an unbroken one's.
func TestKilled(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "killed")
	for kill := range 10 {
		cmd := child(folder)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before := shardsIn(folder)
		for start := time.Now(); shardsIn(folder) < min(before+3, 50) && time.Since(start) < time.Minute; {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
		if n := shardsIn(folder); n == 0 || n == 60 {
			t.Fatalf("kill %d came when %d of 60 shards were there", kill, n)
		}
	}
	if out, err := child(folder).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sameFiles(t, "killed ten times", folder, unbroken(t))
}

// TestKilledAtLongerShard ends a harvest when a short last shard has become a longer file, and the
// index is not written yet: it goes on to the same bytes.
func TestKilledAtLongerShard(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "grown")
	m, c := longHarvest(t, folder)
	c.Tokens = 6 * 9 // a shard of 4 rows and one of 2
	harvest(t, m, rowsOf(t, 238, 9), c)
	c.Tokens = 0
	restore := activations.AfterShard(func(number int) {
		if number == 1 {
			panic("killed")
		}
	})
	defer restore()
	if _, err := activations.Harvest(t.Context(), m, rowsOf(t, 238, 9), c); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatal(err)
	}
	s, err := activations.Open(folder)
	if err != nil || s.Rows() != 4 {
		t.Fatalf("after the end: %v rows, error %v", s.Rows(), err)
	}
	s.Close()
	restore()
	harvest(t, m, rowsOf(t, 238, 9), c)
	sameFiles(t, "killed at a longer shard", folder, unbroken(t))
}

// TestFullDisk leaves no room for a shard, then none for the statistics: the error says so, what is
// there is whole, and with room the harvest goes on to the same bytes.
func TestFullDisk(t *testing.T) {
	want := unbroken(t)
	for _, limit := range []string{"8000", "100000"} { // a shard has 11 kB, the statistics 400
		folder := filepath.Join(t.TempDir(), "full")
		out, err := child(folder, childLimit+"="+limit).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "make room and harvest again") {
			t.Errorf("files of %s bytes at most: %v\n%s", limit, err, out)
		}
		for name := range filesOf(t, folder) {
			if strings.HasPrefix(name, ".") {
				t.Errorf("files of %s bytes at most: %s is left over", limit, name)
			}
		}
		m, c := longHarvest(t, folder)
		harvest(t, m, rowsOf(t, 238, 9), c)
		sameFiles(t, "without room for "+limit+" bytes", folder, want)
	}
}

// TestInterrupted ends a harvest by its context, and goes on.
func TestInterrupted(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "interrupted")
	m, c := longHarvest(t, folder)
	ctx, cancel := context.WithCancel(context.Background())
	c.Progress = func(p activations.Progress) {
		if p.Tokens > 1000 {
			cancel()
		}
	}
	_, err := activations.Harvest(ctx, m, rowsOf(t, 238, 9), c)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "harvest again to go on") {
		t.Fatal(err)
	}
	if n := shardsIn(folder); n < 20 || n > 40 {
		t.Errorf("%d shards after 1000 of 2142 tokens", n)
	}
	c.Progress = nil
	harvest(t, m, rowsOf(t, 238, 9), c)
	sameFiles(t, "interrupted", folder, unbroken(t))
}
