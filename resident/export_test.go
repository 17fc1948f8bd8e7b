package resident

import (
	"testing"
	"time"
)

// Impatient shortens what a test would otherwise wait for.
func Impatient(t testing.TB, hello, beat, limit, lock time.Duration) {
	before := []time.Duration{helloTimeout, heartbeat, silenceLimit, lockTimeout}
	helloTimeout, heartbeat, silenceLimit, lockTimeout = hello, beat, limit, lock
	t.Cleanup(func() {
		helloTimeout, heartbeat, silenceLimit, lockTimeout = before[0], before[1], before[2], before[3]
	})
}
