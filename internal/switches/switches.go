// Package switches reads environment variables of ours that turn something off.
package switches

import (
	"os"

	"gopherlens/internal/brief"
)

// Off reports whether a variable is "off". Unset and empty mean that it is not; anything else is an
// error that names what the variable does without.
func Off(variable, without string) (bool, error) {
	switch v := os.Getenv(variable); v {
	case "":
		return false, nil
	case "off":
		return true, nil
	default:
		return false, brief.Errorf("%s=%q: off does without %s, unset keeps it; nothing else has a meaning", variable, v, without)
	}
}
