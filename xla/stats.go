package xla

import "gopherlens/internal/codecache"

// Stats count the programs of a process.
type Stats = codecache.Stats

// CacheStats returns how many programs this process has compiled with XLA so far, and how many it
// took from disk instead, where earlier processes left them. Without cgo, or where the plugin in
// use cannot keep programs, all are 0.
func CacheStats() Stats { return codecache.Counts() }
