package switches_test

import (
	"strings"
	"testing"

	"gopherlens/internal/switches"
)

func TestOff(t *testing.T) {
	const variable = "GOPHERLENS_TEST_SWITCH"
	for value, want := range map[string]struct {
		off, refused bool
	}{"": {}, "off": {off: true}, "OFF": {refused: true}, "no": {refused: true}, "0": {refused: true}, "on": {refused: true}, " off": {refused: true}} {
		t.Setenv(variable, value)
		off, err := switches.Off(variable, "it")
		if off != want.off || (err != nil) != want.refused {
			t.Errorf("%q: off %v, error %v", value, off, err)
		}
		if err != nil && !strings.Contains(err.Error(), variable+`="`+value+`": off does without it`) {
			t.Errorf("%q: error %v", value, err)
		}
	}
}
