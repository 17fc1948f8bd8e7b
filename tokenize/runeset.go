package tokenize

// A runeSet is a set of characters as ranges in ascending order.
//
// unicode_tables.go holds sets as Hugging Face's library sees them, rather than
// Go's: its parts follow different versions of Unicode, from 9 to 17, and Go's
// tables change with Go.
type runeSet []struct{ lo, hi rune }

// has reports whether r is in the set.
func (s runeSet) has(r rune) bool {
	low, high := 0, len(s)
	for low < high {
		mid := (low + high) / 2
		switch {
		case r < s[mid].lo:
			high = mid
		case r > s[mid].hi:
			low = mid + 1
		default:
			return true
		}
	}
	return false
}
