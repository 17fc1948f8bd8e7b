package tokenize

import "strings"

// Byte-level BPE writes each byte of the text as a printable character, so that
// vocabulary files are readable: printable Latin-1 stands for itself, the other
// 68 bytes for U+0100 and on (openai/gpt-2, encoder.py, bytes_to_unicode).

// byteRunes is the character that stands for each byte.
var byteRunes = func() (runes [256]rune) {
	next := rune(256)
	for b := range runes {
		printable := '!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b
		if printable {
			runes[b] = rune(b)
			continue
		}
		runes[b] = next
		next++
	}
	return runes
}()

// lastByteRune is the highest of byteRunes, Ń.
const lastByteRune = 256 + 67

// runeBytes is the byte that each character stands for, -1 for none.
var runeBytes = func() (table [lastByteRune + 1]int16) {
	for r := range table {
		table[r] = -1
	}
	for b, r := range byteRunes {
		table[r] = int16(b)
	}
	return table
}()

// toByteLevel spells the bytes of s as characters.
func toByteLevel(s string) string {
	var out strings.Builder
	out.Grow(2 * len(s))
	for i := range len(s) {
		out.WriteRune(byteRunes[s[i]])
	}
	return out.String()
}

// appendBytes appends the bytes that a byte-level token stands for. A token with
// any other character in it (an added token with a space, say) stands for itself.
func appendBytes(dst []byte, token string) []byte {
	start := len(dst)
	for _, r := range token {
		if r > lastByteRune || runeBytes[r] < 0 {
			return append(dst[:start], token...)
		}
		dst = append(dst, byte(runeBytes[r]))
	}
	return dst
}
