package worker

import (
	"math"
	"testing"

	"gopherlens/internal/nativemem"
)

// TestTidy sees native memory go back once, some time after the last client has left.
func TestTidy(t *testing.T) {
	trimmed := 0
	nativemem.Use(nativemem.Allocator{Trim: func() { trimmed++ }, Used: func() int64 { return math.MaxInt64 }})
	s := newServer("a build", 0)
	s.leave(s.join("a cell"))
	if s.tidy(); trimmed != 0 {
		t.Error("memory went back at once, which the next cell would use")
	}
	s.lastSeen = s.lastSeen.Add(-tidyAfter)
	s.tidy()
	if s.tidy(); trimmed != 1 {
		t.Errorf("memory went back %d times, want once", trimmed)
	}
}
