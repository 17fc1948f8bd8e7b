package worker

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopherlens/resident/internal/wire"
)

// sharers are two workers' stores that have 1,000 MiB together. The second's process does nothing.
func sharers(t *testing.T) (first, second *store) {
	t.Helper()
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Process.Kill(); other.Wait() })
	dir := filepath.Join(t.TempDir(), "workers")
	for i, pid := range []int{os.Getpid(), other.Process.Pid} {
		s := newStore(1000 * mega)
		var err error
		if s.share, err = openShare(dir, 1000*mega); err != nil {
			t.Fatal(err)
		}
		s.share.pid = pid
		if i == 0 {
			first = s
		} else {
			second = s
		}
	}
	return first, second
}

// compiled gives a store programs that hold so many MiB and can be made again.
func compiled(t *testing.T, s *store, sizes ...int64) {
	t.Helper()
	for i, size := range sizes {
		p := s.programs.findOrAdd(programKey{hash: [32]byte{byte(i + 1)}})
		if err := s.charge(size * mega); err != nil || !s.programs.bear(p, size*mega) {
			t.Fatal(err)
		}
	}
}

// TestShare has a worker that computes take what one that rests can give, and no more.
func TestShare(t *testing.T) {
	first, second := sharers(t)
	compiled(t, second, 300, 300, 300)
	second.share.active = time.Now().Add(-time.Minute)
	done := make(chan error, 1)
	go func() { done <- first.charge(350 * mega) }()
	for waiting := true; waiting; {
		select {
		case err := <-done:
			if waiting = false; err != nil {
				t.Fatalf("350 MiB beside 900 of 1000 that can be made again: %v", err)
			}
		case <-time.After(10 * time.Millisecond):
			second.give()
		}
	}
	if second.live != 600*mega || first.live != 350*mega {
		t.Errorf("%d and %d MiB are held, want 350 and 600", first.live/mega, second.live/mega)
	}
	if second.give() {
		t.Error("it gives though nobody lacks any")
	}
}

// TestShareOfTheBusy refuses what a worker that computes holds, and does not wait for it twice.
func TestShareOfTheBusy(t *testing.T) {
	first, second := sharers(t)
	compiled(t, second, 900)
	begun := time.Now()
	first.share.now = func() time.Time { return begun.Add(20 * time.Since(begun)) } // waits a twentieth
	compiled(t, first, 90)
	for range 2 {
		err := first.charge(350 * mega)
		if second.give() || !errors.Is(err, wire.ErrOutOfMemory) || !strings.Contains(err.Error(), "900.0 MiB in your other workers") {
			t.Fatalf("350 MiB beside 900 of 1000 that are in use: %v", err)
		}
		if first.share.waits(first.share.now()) {
			t.Error("it waits again for who gave nothing")
		}
	}
	if first.live != 0 || second.live != 900*mega {
		t.Errorf("%d and %d MiB are held: what can be made again goes first", first.live/mega, second.live/mega)
	}
	if err := first.charge(90 * mega); err != nil {
		t.Errorf("90 MiB beside 900 of 1000: %v", err)
	}
}

// TestShareOfTheDead does not count who is gone, nor files that are none of a worker's.
func TestShareOfTheDead(t *testing.T) {
	first, _ := sharers(t)
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{strconv.Itoa(gone.Process.Pid): `{"held": 1000000000, "wants": 1000000000}`, "1": "{", "notes": `{"held": 1000000000, "wants": 1000000000}`} {
		if err := os.WriteFile(filepath.Join(first.share.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.charge(990 * mega); err != nil {
		t.Errorf("990 MiB of 1000, alone: %v", err)
	}
	if _, err := os.Stat(filepath.Join(first.share.dir, strconv.Itoa(gone.Process.Pid))); !os.IsNotExist(err) {
		t.Errorf("the file of a process that is gone is left: %v", err)
	}
}
