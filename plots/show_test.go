package plots_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"testing"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"gopherlens/plots"
)

// TestPipe sends every figure as GoNB's pipe does, with encoding/gob, and wants
// the same JSON at the other end: gob refuses types that nobody registered.
func TestPipe(t *testing.T) {
	for _, s := range samples() {
		bundle, err := s.figure.Bundle()
		if err != nil {
			t.Fatal(err)
		}
		sent := protocol.DisplayData{Data: map[protocol.MIMEType]any{}}
		for mime, content := range bundle {
			sent.Data[protocol.MIMEType(mime)] = content
		}
		var pipe bytes.Buffer
		var received protocol.DisplayData
		if err := gob.NewEncoder(&pipe).Encode(&sent); err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if err := gob.NewDecoder(&pipe).Decode(&received); err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		if !bytes.Equal(asJSON(t, sent.Data), asJSON(t, received.Data)) {
			t.Errorf("%s: the kernel receives something else than was sent", s.name)
		}
	}
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	content, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestLive holds that a place shows one figure after the other, and two places are not mixed up;
// outside a notebook nothing is shown, and a figure's error still returned.
func TestLive(t *testing.T) {
	a, b := plots.NewLive(), plots.NewLive()
	if *a == *b || *a == (plots.Live{}) {
		t.Errorf("places %+v and %+v", a, b)
	}
	if err := a.Show(plots.Line([]float64{1, 2}, plots.Axes{})); err != nil {
		t.Error(err)
	}
	if err := a.Show(plots.Line([]float64{}, plots.Axes{})); err == nil {
		t.Error("a figure without data has no error")
	}
}
