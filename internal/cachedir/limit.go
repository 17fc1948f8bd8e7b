package cachedir

import (
	"os"
	"strconv"

	"gopherlens/internal/brief"
)

// mostGigabytes is more than any disk holds: what is above it is a slip.
const mostGigabytes = 1e6

// Gigabytes is how much an environment variable allows a part of the cache, or unset where it is
// not set. What is no number of gigabytes is an error.
func Gigabytes(variable string, unset float64) (float64, error) {
	text := os.Getenv(variable)
	if text == "" {
		return unset, nil
	}
	gigabytes, err := strconv.ParseFloat(text, 64)
	if err != nil || !(gigabytes >= 0 && gigabytes <= mostGigabytes) {
		return 0, brief.Errorf("%s=%q: want a number of gigabytes, 0 to keep nothing", variable, text)
	}
	return gigabytes, nil
}
