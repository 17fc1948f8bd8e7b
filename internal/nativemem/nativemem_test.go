package nativemem

import "testing"

func TestTrim(t *testing.T) {
	Trim() // nothing is linked yet
	calls := 0
	TrimWith(func() { calls++ })
	Trim()
	if calls != 1 {
		t.Errorf("the native code was asked %d times, want once", calls)
	}
}
