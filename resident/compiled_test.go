package resident_test

import (
	"testing"

	realbackend "gopherlens/internal/backend"
	"gopherlens/resident"
)

// What one worker compiles with XLA, the next takes from disk, and both tell so.
func TestCompiledByAnotherWorker(t *testing.T) {
	plugin, ok := realbackend.FindPlugin()
	if !ok {
		t.Skip("no PJRT plugin is installed, so XLA is not tested: run `make setup`")
	}
	newSession(t)
	t.Setenv("GOPHERLENS_CACHE", t.TempDir())
	work := func() resident.State {
		t.Helper()
		if sum, err := squares(connect(t, "xla:"+plugin.Path), []float32{3, 4}); err != nil || sum != 25 {
			t.Fatal(sum, err)
		}
		return status(t)
	}
	first := work()
	if first.Compiled == 0 || first.FromDisk != 0 {
		t.Errorf("the first worker compiled %d programs and took %d from disk", first.Compiled, first.FromDisk)
	}
	if err := resident.Stop(); err != nil {
		t.Fatal(err)
	}
	if second := work(); second.PID == first.PID || second.Compiled != 0 || second.FromDisk != first.Compiled {
		t.Errorf("the second worker compiled %d programs and took %d of %d from disk", second.Compiled, second.FromDisk, first.Compiled)
	}
}
