package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// format is the number of what tasks and results look like, and of what comes of them.
const format = 1

// A task is what a worker gets, as data: the operation, the job that it is a part of, and the part.
type task struct {
	Format    int             `json:"format"`
	Operation string          `json:"operation"`
	Model     modelRef        `json:"model"`
	Job       json.RawMessage `json:"job"`
	Part      json.RawMessage `json:"part"`
}

// encode is a task's content and its key, which is the content's.
func (t task) encode() (content []byte, key string, err error) {
	if content, err = json.Marshal(t); err != nil {
		return nil, "", err
	}
	return content, digest(content)[:keyLength], nil
}

// keyLength is how many digits of a SHA-256 are a key: 128 bits.
const keyLength = 32

var keyPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// decodeTask reads what came as the task of a key.
func decodeTask(content []byte, key string) (t task, err error) {
	if got := digest(content)[:keyLength]; got != key {
		return t, damaged("its content has the key %s", got)
	}
	if err := strictly(content, &t); err != nil {
		return t, err
	}
	if t.Format != format {
		return t, damaged("it has format %d, and this version knows %d: update whichever is older", t.Format, format)
	}
	return t, t.Model.check()
}

// strictly reads JSON that must hold what is known and nothing else.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fault.Mark(err, fault.ErrUnsupportedFile)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return damaged("something follows after it")
	}
	return nil
}

// A result says what came of a task.
type result struct {
	Key     string  `json:"key"`
	Worker  string  `json:"worker"`
	Seconds float64 `json:"seconds"` // that it took
	Body    parcel  `json:"body"`
}

// A death says why a task was given up.
type death struct {
	Key    string `json:"key"`
	Worker string `json:"worker"`
	Tries  int    `json:"tries"`
	Reason string `json:"reason"`
	Task   parcel `json:"task"`
}

// Subjects. A job's key stands in all of them, so that it can be listened to, and purged, alone.

func taskSubject(backend, job, key string) string {
	return strings.Join([]string{taskPrefix, backend, job, key}, ".")
}

func resultSubject(job, key string) string {
	return strings.Join([]string{resultPrefix, job, key}, ".")
}

func deadSubject(job, key string) string { return strings.Join([]string{deadPrefix, job, key}, ".") }

// keysOf are job and key at the end of a subject.
func keysOf(subject string) (job, key string, err error) {
	words := strings.Split(subject, ".")
	if len(words) < 4 || !keyPattern.MatchString(words[len(words)-1]) || !keyPattern.MatchString(words[len(words)-2]) {
		return "", "", damaged("the subject %s is none of a task", brief.Text(subject))
	}
	return words[len(words)-2], words[len(words)-1], nil
}

// backendToken is a kind of backend as a word of subjects.
func backendToken(kind string) string {
	readable := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(kind))
	return readable[:min(len(readable), 40)] + "-" + digest([]byte(kind))[:8]
}

// processingBits are all that there are.
const processingBits = hooked.DefaultProcessing | hooked.RefactorFactored
