//go:build !gopherlens_cell

package hub

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// sums takes the checksums that an ETag may be: SHA-256 of a large file's content, git's
// SHA-1 of a small one's ("blob", its length, and the content), or plain SHA-1, which
// some mirrors give instead of git's. Those that it cannot be are nil.
type sums struct {
	sha256, git, sha1 hash.Hash
}

// newSums begins the checksums of a file. Without its size, git's cannot be begun.
func newSums(info fileInfo) (s sums) {
	switch {
	case len(info.etag) == 2*sha256.Size:
		s.sha256 = sha256.New()
	case len(info.etag) == 2*sha1.Size && info.size >= 0:
		s.git, s.sha1 = sha1.New(), sha1.New()
		fmt.Fprintf(s.git, "blob %d\x00", info.size)
	}
	return s
}

// Write implements io.Writer.
func (s sums) Write(p []byte) (int, error) {
	for _, h := range []hash.Hash{s.sha256, s.git, s.sha1} {
		if h != nil {
			h.Write(p)
		}
	}
	return len(p), nil
}

// match tells whether the content has the checksum that an ETag is, and which it has.
// An ETag of another length, or git's of a file of unknown size, proves nothing.
func (s sums) match(etag string) (got string, right bool) {
	sum := func(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
	want := strings.ToLower(etag)
	_, err := hex.DecodeString(want)
	switch {
	case err != nil:
		return "no checksum", true
	case s.sha256 != nil:
		got = sum(s.sha256)
		return "SHA-256 " + got, got == want
	case s.git != nil:
		got = sum(s.git)
		return "git's SHA-1 " + got, got == want || sum(s.sha1) == want
	}
	return "no checksum", true
}
