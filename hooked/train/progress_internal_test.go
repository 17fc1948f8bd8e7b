package train

import (
	"strings"
	"testing"
	"time"
)

func TestProgressLine(t *testing.T) {
	var out strings.Builder
	l := &progressLine{w: &out, steps: 100, before: 20, eval: map[string]float64{"loss": 0.5}, tokens: 9000}
	got := l.text(Point{Step: 50, Loss: 0.25}, 30*time.Second)
	if want := "step 50 of 100, loss 0.25 (on the evaluation's data 0.5), 300 tokens/s, 50s left"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := l.text(Point{Step: 100, Loss: 0.25}, 30*time.Second); strings.Contains(got, "left") {
		t.Errorf("after the last step: %q", got)
	}
	l.draw("a long line")
	l.draw("short")
	l.end()
	if got, want := out.String(), "\ra long line\rshort      \n"; got != want {
		t.Errorf("drawn %q, want %q", got, want)
	}
}
