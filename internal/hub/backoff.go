package hub

import "time"

// backoff is how long to wait between attempts: first, then twice as long each time.
type backoff struct {
	first, longest time.Duration
	attempts       int
	silence        time.Duration // a download without a byte for so long has failed
}

var defaultBackoff = backoff{first: time.Second, longest: 30 * time.Second, attempts: 6, silence: time.Minute}
