package nativemem

import (
	"testing"
	"time"

	"gopherlens/internal/sysmem"
)

func TestTrim(t *testing.T) {
	Trim() // nothing is linked yet
	calls := 0
	Use(Allocator{Trim: func() { calls++ }})
	defer allocator.Store(nil)
	Trim()
	if calls != 1 {
		t.Errorf("the native code was asked %d times, want once", calls)
	}
}

// TestTidy has an allocator that gives out all of the process' memory, and then one that keeps more
// than the slack.
func TestTidy(t *testing.T) {
	if sysmem.Private() == 0 {
		t.Skip("this system does not tell how much memory a process has")
	}
	trimmed, used := 0, sysmem.Private()
	Use(Allocator{Trim: func() { trimmed++ }, Used: func() int64 { return used }})
	defer allocator.Store(nil)
	look := func() {
		looked.at = time.Time{}
		Tidy()
	}
	if look(); trimmed != 0 {
		t.Error("memory that is in use was given back")
	}
	used -= 2 * slack
	if look(); trimmed != 1 {
		t.Errorf("trimmed %d times, want once", trimmed)
	}
	if Tidy(); trimmed != 1 {
		t.Error("looked again at once")
	}
}
