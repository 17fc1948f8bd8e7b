package hub

import "time"

// Impatient makes attempts follow each other at once, and silence short.
func (o Options) Impatient() Options {
	o.backoff = backoff{first: time.Millisecond, longest: 5 * time.Millisecond, attempts: 3, silence: 200 * time.Millisecond}
	return o
}
