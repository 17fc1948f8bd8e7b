//go:build !linux

package sysmem

import "math"

// Total returns 0: it is not known, and no limit is set.
func Total() int64 { return 0 }

// Available sets no limit: it is not known.
func Available() int64 { return math.MaxInt64 / 4 }

// Status knows no figure.
func Status(string) (bytes int64, ok bool) { return 0, false }

// Private returns 0: it is not known.
func Private() int64 { return 0 }
