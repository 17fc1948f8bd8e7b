package tokenize

import "fmt"

// invalidUTF8 is the error for a byte that this tokenizer cannot encode.
func invalidUTF8(b byte, at int) error {
	return fmt.Errorf("byte %#02x at offset %d is not valid UTF-8, and this tokenizer takes characters, not bytes", b, at)
}
