package course

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gopherlens/internal/wholefile"
)

// Records is the folder of a student's that holds a record for each exercise that was checked.
// Where there is none, nothing is recorded: solutions leave no trace.
const Records = ".progress"

// A Record says how an exercise stands.
type Record struct {
	Exercise string
	Verdict  string // of the last check
	Done     bool   // some check found it right
	Checks   int    // in which there was something to check
}

// Note keeps what a check found in the student's folder dir.
func Note(dir, exercise, verdict string, done bool) error {
	folder := filepath.Join(dir, Records)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	path := filepath.Join(folder, fileName(exercise))
	r, err := readRecord(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r = Record{} // what cannot be read is written anew
	}
	r.Exercise, r.Verdict, r.Done = exercise, verdict, r.Done || done
	r.Checks++
	content, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return wholefile.WriteBytes(path, 0o644, append(content, '\n'))
}

// ReadRecords are the records in the student's folder dir, by exercise.
func ReadRecords(dir string) (map[string]Record, error) {
	paths, err := filepath.Glob(filepath.Join(dir, Records, "*.json"))
	if err != nil {
		return nil, err
	}
	out := map[string]Record{}
	for _, path := range paths {
		r, err := readRecord(path)
		if err != nil {
			return nil, err
		}
		out[r.Exercise] = r
	}
	return out, nil
}

func readRecord(path string) (r Record, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return r, fmt.Errorf("%s is no record of an exercise: %w; remove it and run the check again", path, err)
	}
	return r, nil
}

// fileName is an exercise's name as one of a file.
func fileName(exercise string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.':
			return r
		}
		return '-'
	}, exercise) + ".json"
}
