package cachedir

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// Files are a folder's files, those used least recently first.
func Files(dir string) ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	return files, nil
}

// Trim makes sure that a folder's files take no more than most bytes, and returns how many they
// take. Where it must remove any, it removes those used least recently, until the others take no
// more than down. A file that somebody is writing counts, and stays.
func Trim(dir string, most, down int64) (total int64, err error) {
	wholefile.Sweep(dir)
	files, err := Files(dir)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		total += f.Size()
	}
	if total <= most {
		return total, nil
	}
	for _, f := range files {
		if total <= down {
			break
		}
		if wholefile.IsHidden(f.Name()) {
			continue
		}
		// another process may have removed it already
		if err := os.Remove(filepath.Join(dir, f.Name())); err == nil || os.IsNotExist(err) {
			total -= f.Size()
		}
	}
	if total > most {
		return total, brief.Errorf("there is no room in %s: its files take %d bytes, and may take %d", dir, total, most)
	}
	return total, nil
}
