package codecache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// A compiler is hundreds of megabytes: half a second to read at each start. Its checksum is kept
// beside the programs, with what tells that the file is still the same one.

// An Identity tells whether a file was changed or replaced, as far as the system knows.
type Identity struct {
	Path             string
	Device, Inode    uint64
	Size             int64
	Modified, Status int64 // ns since 1970; nobody can set the second
}

// Identify looks at a file.
func Identify(path string) (Identity, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Identity{}, brief.Errorf("%s: %w", path, err)
	}
	return Identity{Path: path, Device: uint64(st.Dev), Inode: uint64(st.Ino), Size: st.Size,
		Modified: st.Mtim.Nano(), Status: st.Ctim.Nano()}, nil
}

// settled is the age below which a file may change once more without a change of its times.
const settled = 2 * time.Second

// record is what the folder holds of a file.
type record struct {
	Identity
	Sum []byte
}

// Checksum is the SHA-256 of a file. An error says that the file is not as it was identified.
func (s *Store) Checksum(id Identity) ([]byte, error) {
	name := sha256.Sum256([]byte(id.Path))
	kept := filepath.Join(s.dir, "sum-"+hex.EncodeToString(name[:8]))
	sum, ok := readSum(kept, id)
	if !ok {
		var err error
		if _, sum, err = wholefile.Digest(id.Path); err != nil {
			return nil, err
		}
	}
	if now, err := Identify(id.Path); err != nil || now != id {
		return nil, brief.Errorf("%s changed while it was read", id.Path)
	}
	if !ok && time.Since(time.Unix(0, max(id.Modified, id.Status))) > settled {
		if content, err := json.Marshal(record{id, sum}); err == nil {
			write(kept, content) // where that fails, the next process reads the file, too
		}
	}
	return sum, nil
}

// readSum is the checksum that was kept of a file that is still the same.
func readSum(kept string, id Identity) (sum []byte, ok bool) {
	content, err := os.ReadFile(kept)
	if err != nil {
		return nil, false
	}
	var r record
	if err := json.Unmarshal(content, &r); err != nil || r.Identity != id || len(r.Sum) != sha256.Size {
		return nil, false
	}
	now := time.Now()
	os.Chtimes(kept, now, now)
	return r.Sum, true
}
