package worker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopherlens/resident/internal/wire"
)

// sharers are two workers' stores that have 1,000 MiB together.
func sharers(t *testing.T) (first, second *store) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "workers")
	for _, s := range []**store{&first, &second} {
		*s = newStore(1000 * mega)
		var err error
		if (*s).share, err = openShare(dir, 1000*mega); err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*s).share.close)
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
	dir := filepath.Dir(first.share.path)
	gone, err := openShare(dir, 1000*mega)
	if err != nil {
		t.Fatal(err)
	}
	gone.say(stake{900 * mega, 900 * mega})
	if held := first.share.others().Held; held != 900*mega {
		t.Errorf("%d bytes are held by others, want 900 MiB", held)
	}
	gone.file.Close() // as when its process is killed
	if err := os.WriteFile(filepath.Join(dir, "notes"), []byte("0123456789abcdef"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := first.charge(990 * mega); err != nil {
		t.Errorf("990 MiB of 1000, alone: %v", err)
	}
	if _, err := os.Stat(gone.path); !os.IsNotExist(err) {
		t.Errorf("the file of a worker that is gone is left: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "notes")); err != nil {
		t.Errorf("a file that is no worker's: %v", err)
	}
}

// TestShareOfTheDamaged takes a file that makes no sense for one of a worker that holds nothing.
func TestShareOfTheDamaged(t *testing.T) {
	first, second := sharers(t)
	for _, text := range []string{"", "{", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if err := os.WriteFile(second.share.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if others := first.share.others(); others != (stake{}) {
			t.Errorf("%q is read as %v", text, others)
		}
	}
}
