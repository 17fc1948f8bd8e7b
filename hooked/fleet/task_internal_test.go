package fleet

import (
	"errors"
	"strings"
	"testing"

	"gopherlens/internal/fault"
)

// ref is a model that a task may be about.
func ref() modelRef {
	return modelRef{Name: "acme/tiny", Revision: "main", Weights: strings.Repeat("0a", 32)}
}

// TestTaskComesBack encodes a task and reads it again.
func TestTaskComesBack(t *testing.T) {
	want := task{Format: format, Operation: "harvest", Model: ref(), Job: []byte(`{"a":1}`), Part: []byte(`[2]`)}
	content, key, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeTask(content, key)
	if err != nil || got.Operation != want.Operation || string(got.Part) != "[2]" {
		t.Errorf("%+v, %v", got, err)
	}
	again, key2, err := got.encode()
	if string(again) != string(content) || key2 != key || err != nil {
		t.Errorf("encoded again it is %s with the key %s, was %s with %s", again, key2, content, key)
	}
}

// TestTasksThatAreRefused reads tasks of other formats, with other keys, with what is not known,
// and with names that lead to files of the worker's machine.
func TestTasksThatAreRefused(t *testing.T) {
	good := task{Format: format, Operation: "harvest", Model: ref()}
	for what, change := range map[string]func(*task){
		"another format":       func(t *task) { t.Format++ },
		"no model":             func(t *task) { t.Model.Name = "" },
		"an absolute path":     func(t *task) { t.Model.Name = "/etc/models" },
		"a path upwards":       func(t *task) { t.Model.Name = "../models" },
		"a path upwards below": func(t *task) { t.Model.Name = "a/.." },
		"a folder in a folder": func(t *task) { t.Model.Name = "a/b/c" },
		"a revision upwards":   func(t *task) { t.Model.Revision = "../main" },
		"unknown processing":   func(t *task) { t.Model.Processing = 1 << 7 },
		"unknown precision":    func(t *task) { t.Model.DType = "int1" },
		"no hash":              func(t *task) { t.Model.Weights = "" },
		"a file upwards":       func(t *task) { t.Model.Files = []modelFile{{"../x", 1, strings.Repeat("0a", 32)}} },
		"a hidden file":        func(t *task) { t.Model.Files = []modelFile{{".netrc", 1, strings.Repeat("0a", 32)}} },
	} {
		bad := good
		change(&bad)
		content, key, err := bad.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeTask(content, key); !errors.Is(err, fault.ErrUnsupportedFile) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	content, key, _ := good.encode()
	for what, bad := range map[string][]byte{
		"cut off": content[:len(content)-1], "more after it": append(content[:len(content):len(content)], '1'),
		"an unknown field": []byte(strings.Replace(string(content), `"format"`, `"code":"x","format"`, 1)),
	} {
		if _, err := decodeTask(bad, digest(bad)[:keyLength]); !errors.Is(err, fault.ErrUnsupportedFile) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if _, err := decodeTask(content, strings.Repeat("0", keyLength)); err == nil || key == "" {
		t.Error("a task with another's key is read")
	}
}

// FuzzTask reads what anybody may put into the queue.
func FuzzTask(f *testing.F) {
	content, _, _ := task{Format: format, Operation: "sweep", Model: ref(), Job: []byte(`{}`), Part: []byte(`{"Rows":[]}`)}.encode()
	f.Add(content)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := decodeTask(content, digest(content)[:keyLength])
		if err == nil && (got.Format != format || got.Model.check() != nil) {
			t.Errorf("%q is read as %+v", content, got)
		}
	})
}
