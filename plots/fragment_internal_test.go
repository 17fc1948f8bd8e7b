package plots

import (
	"strings"
	"testing"
)

// A view says what it lacks where its script was taken out, and hides that where the script ran:
// each script marks its view, and the style sheet, which is taken out with it, looks for the mark.
func TestUntrusted(t *testing.T) {
	live := fragmentLive(object{}, "1")
	note, script := strings.Index(live, untrusted), strings.Index(live, "<script")
	if note < 0 || script < note || !strings.Contains(live[:note], `class="gl-untrusted"`) {
		t.Errorf("no note outside of the scripts: %s", live)
	}
	if !strings.Contains(fragmentStyle, ".gl[data-live] .gl-untrusted { display: none; }") {
		t.Error("the note is not hidden by the style sheet")
	}
	for _, script := range []string{tokensScript, attentionScript, activationsScript, lensScript, circuitScript, attributionScript} {
		if !strings.Contains(script, `.dataset.live = "yes"`) {
			t.Errorf("a script does not say that it runs: %.80s", script)
		}
	}
}
