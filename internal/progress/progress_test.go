package progress_test

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gopherlens/internal/progress"
)

// A log gets a line after two seconds, then every ten; and nothing of a short step.
func TestWatchInALog(t *testing.T) {
	tests := []struct {
		name string
		step time.Duration
		want string
	}{
		{"short", 1900 * time.Millisecond, ""},
		{"long", 13 * time.Second, "  ... building, 2 s, half\n  ... building, 12 s, half\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				stop := progress.New(&log).Watch("building", func() string { return "half" })
				time.Sleep(test.step)
				if elapsed := stop(); elapsed != test.step {
					t.Errorf("stop told %v, want %v", elapsed, test.step)
				}
				if got := log.String(); got != test.want {
					t.Errorf("log = %q, want %q", got, test.want)
				}
			})
		})
	}
}

// Lines written while a step is shown are whole: run with -race.
func TestConcurrentWrites(t *testing.T) {
	var log strings.Builder
	status := progress.New(&log)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() { status.Printf("%s\n", "a line") })
	}
	writers.Wait()
	if got, want := log.String(), strings.Repeat("a line\n", 8); got != want {
		t.Errorf("log = %q, want %q", got, want)
	}
}
