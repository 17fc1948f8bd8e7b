package backend

import "strings"

// debugEnv is the variable that a Go program reads its run-time settings from.
const debugEnv = "GODEBUG"

// WithoutFMA is a setting under which GoMLX's pure Go backend, built with GOEXPERIMENT=simd,
// computes exponentials a hundred times faster. Its products leave the upper halves of vector
// registers in use, as compute v0.1.6 never calls archsimd.ClearAVXUpperBits, and math.Exp mixes
// two kinds of instructions of which one then waits for the other: 1600 ns a number on a Xeon of
// 2023, 10 ns in a clean state, 8 ns without fused multiplication. The products do not look at the
// setting. A program reads it when it starts, so that it can only be given to it.
const WithoutFMA = "cpu.fma=off"

// WithDebug returns an environment whose GODEBUG holds WithoutFMA beside what it held. What it says
// of FMA already stays.
func WithDebug(env []string) []string {
	var out []string
	value := ""
	for _, entry := range env {
		if rest, ok := strings.CutPrefix(entry, debugEnv+"="); ok {
			value = rest // the last one counts
			continue
		}
		out = append(out, entry)
	}
	return append(out, debugEnv+"="+AddDebug(value))
}

// AddDebug adds WithoutFMA to a value of GODEBUG.
func AddDebug(value string) string {
	switch {
	case value == "":
		return WithoutFMA
	case strings.Contains(value, "cpu.fma="):
		return value
	}
	return value + "," + WithoutFMA
}
