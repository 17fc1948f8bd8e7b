package tokenize

import "unicode/utf8"

// A scanner returns the length of the first word of s, which is not empty. It
// is a split pattern by hand: twenty times faster than a regular expression, and
// Go's own regexp package has no look-ahead.
type scanner func(s string) int

// The patterns that have a scanner, exactly as tokenizer.json writes them.
const (
	// gpt2Pattern is OpenAI's of 2019 (openai/gpt-2, encoder.py). ByteLevel uses
	// it by default; GPT-NeoX, OPT, Phi, SmolLM2 and many more do.
	gpt2Pattern = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`

	// llama3Pattern is OpenAI's cl100k with possessive quantifiers dropped, as
	// Llama 3 ships it. Qwen2's differs in one place: it cuts numbers into single
	// digits.
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// scanners maps a pattern to its hand-written form.
var scanners = map[string]scanner{
	gpt2Pattern:   scanGPT2,
	llama3Pattern: func(s string) int { return scanCL100K(s, 3) },
	qwen2Pattern:  func(s string) int { return scanCL100K(s, 1) },
}

// scanGPT2 matches gpt2Pattern.
func scanGPT2(s string) int { return scanWord(s, 0) }

// scanDigitsGPT2 cuts every digit off as a word of its own (the Digits
// pre-tokenizer of SmolLM2 and StarCoder) and matches gpt2Pattern on what lies
// between: the pattern sees the text end where a digit begins.
func scanDigitsGPT2(s string) int {
	if c, size := classAt(s, 0); c&numeric != 0 {
		return size
	}
	return scanWord(s, numeric)
}

// scanWord matches gpt2Pattern on a text that ends before the first character
// with a property of end.
func scanWord(s string, end class) int {
	if n := contraction(s, false); n > 0 {
		return n
	}
	at := 0
	if s[0] == ' ' && len(s) > 1 {
		at = 1 // ` ?`, unless what follows is space, too
	}
	c, size := classAt(s, at)
	if c&end != 0 {
		return at // a single space before the end
	}
	if c&space != 0 {
		return spaceRun(s, end)
	}
	return runOf(s, at+size, c&(letter|number|other), end)
}

// spaceRun matches `\s+(?!\S)|\s+` at the start of s, which is a space: all the
// white space, but for the last character where a word follows, so that "a  b"
// splits into "a", " " and " b". The text ends at a character of class end.
func spaceRun(s string, end class) int {
	at, last := 0, 0
	for at < len(s) {
		c, size := classAt(s, at)
		if c&end != 0 {
			return at
		}
		if c&space == 0 {
			break
		}
		last, at = at, at+size
	}
	if at == len(s) || last == 0 {
		return at
	}
	return last
}

// scanCL100K matches llama3Pattern, with numbers of up to digits digits.
func scanCL100K(s string, digits int) int {
	if n := contraction(s, true); n > 0 {
		return n
	}
	c, size := classAt(s, 0)
	switch {
	case c&letter != 0:
		return runOf(s, size, letter, 0)
	case c&number != 0:
		return numberRun(s, digits)
	case c&lineEnd == 0 && startsWith(s, size, letter):
		return runOf(s, size, letter, 0) // [^\r\n\p{L}\p{N}]?\p{L}+
	}
	if n := symbolRun(s, c, size); n > 0 {
		return n
	}
	return lineOrSpaceRun(s)
}

// startsWith reports whether the character at s[i:] is of class c.
func startsWith(s string, i int, c class) bool {
	if i >= len(s) {
		return false
	}
	got, _ := classAt(s, i)
	return got&c != 0
}

// numberRun matches `\p{N}{1,limit}`.
func numberRun(s string, limit int) int {
	at := 0
	for n := 0; n < limit && at < len(s); n++ {
		c, size := classAt(s, at)
		if c&number == 0 {
			break
		}
		at += size
	}
	return at
}

// symbolRun matches ` ?[^\s\p{L}\p{N}]+[\r\n]*`, 0 where it does not.
func symbolRun(s string, first class, size int) int {
	at := 0
	if s[0] == ' ' {
		at = size
	} else if first&other == 0 {
		return 0
	}
	end := runOf(s, at, other, 0)
	if end == at {
		return 0
	}
	return runOf(s, end, lineEnd, 0)
}

// lineOrSpaceRun matches `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last line end of
// the white space, and where there is none as spaceRun does.
func lineOrSpaceRun(s string) int {
	lineAt, at := 0, 0
	for at < len(s) {
		c, size := classAt(s, at)
		if c&space == 0 {
			break
		}
		at += size
		if c&lineEnd != 0 {
			lineAt = at
		}
	}
	if lineAt > 0 {
		return lineAt
	}
	return spaceRun(s, 0)
}

// contraction matches 's 't 're 've 'm 'll 'd, in any case where fold is set,
// and returns 0 where s begins with none of them.
func contraction(s string, fold bool) int {
	if len(s) < 2 || s[0] != '\'' {
		return 0
	}
	a, b := s[1], byte(0)
	if len(s) > 2 {
		b = s[2]
	}
	if fold {
		// U+017F, the long s, folds to s: "'ſ" is a contraction, too.
		if r, size := utf8.DecodeRuneInString(s[1:]); r == 'ſ' {
			return 1 + size
		}
		a, b = lower(a), lower(b)
	}
	switch {
	case a == 's' || a == 't' || a == 'm' || a == 'd':
		return 2
	case a == 'r' && b == 'e', a == 'v' && b == 'e', a == 'l' && b == 'l':
		return 3
	}
	return 0
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
