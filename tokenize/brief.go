package tokenize

import "unicode/utf8"

// longestShown is how many bytes of a text from a file or a caller a message shows.
const longestShown = 80

// brief cuts a text short for a message.
func brief(s string) string {
	if len(s) <= longestShown {
		return s
	}
	end := longestShown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
