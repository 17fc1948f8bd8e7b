package notebook_test

import (
	"strings"
	"testing"

	"gopherlens/internal/notebook"
	"gopherlens/internal/progress"
)

// What a reader sees of a run, event by event.
func TestShow(t *testing.T) {
	tests := []struct {
		name, events, want string
	}{
		{"a text in pieces",
			`{"event": "start", "cell": 2, "of": 9, "title": "Load a model"}` + "\n" +
				`{"event": "text", "text": "one "}` + "\n" +
				`{"event": "text", "text": "line\nand an"}` + "\n" +
				`{"event": "text", "text": "other"}` + "\n" +
				`{"event": "end", "seconds": 1.234}` + "\n",
			"[2/9] Load a model\n    one line\n    and another\n    (1.23 s)\n"},
		{"figures", `{"event": "figure", "types": ["image/png"]}` + "\n" +
			`{"event": "figure", "types": ["text/html", "text/plain"], "text": "a heat map"}`,
			"    <image/png>\n    a heat map\n"},
		{"an error without its colours", `{"event": "error", "text": "\u001b[31mno\u001b[0m"}`, "    no\n"},
		{"a kind of a later version", `{"event": "progress"}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			if err := notebook.Show(strings.NewReader(test.events), progress.New(&out)); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != test.want {
				t.Errorf("printed %q, want %q", got, test.want)
			}
		})
	}
}

func TestShowRefusesOtherOutput(t *testing.T) {
	err := notebook.Show(strings.NewReader("Traceback:\n"), progress.New(new(strings.Builder)))
	if err == nil || !strings.Contains(err.Error(), "Traceback") {
		t.Errorf("error %v, want one that repeats the line", err)
	}
}

// Events in any order, whole or cut, must not bring the program down.
func FuzzShow(f *testing.F) {
	f.Add(`{"event": "end", "seconds": 1}` + "\n" + `{"event": "start"}` + "\n" + `{"event": "start"}`)
	f.Add(`{"event": "text", "text": "a\n\nb"}` + "\n" + `{"event": "fatal"}`)
	f.Add(`{"event": 3`)
	f.Fuzz(func(t *testing.T, events string) {
		var out strings.Builder
		// an error is as good as none
		_ = notebook.Show(strings.NewReader(events), progress.New(&out))
		if strings.Contains(out.String(), "\x1b[") {
			t.Errorf("a colour got through: %q", out.String())
		}
	})
}
