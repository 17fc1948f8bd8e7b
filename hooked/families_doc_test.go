package hooked_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"gopherlens/hooked"
)

// The lines of the README between which the families stand.
const (
	familiesBegin = "<!-- families: written by TestDocumentedFamilies -update -->\n"
	familiesEnd   = "<!-- families end -->\n"
)

// TestDocumentedFamilies holds the README's list of families against the table that models are
// loaded by.
func TestDocumentedFamilies(t *testing.T) {
	const readme = "../README.md"
	text := string(hooked.Must(os.ReadFile(readme)))
	before, rest, ok := strings.Cut(text, familiesBegin)
	got, after, ends := strings.Cut(rest, familiesEnd)
	if !ok || !ends {
		t.Fatalf("%s has no list of families between %q and %q", readme, familiesBegin, familiesEnd)
	}
	want := documentedFamilies()
	if *update {
		write(t, readme, []byte(before+familiesBegin+want+familiesEnd+after))
	} else if got != want {
		t.Error("the README's list of families is not the table's: run `go generate ./hooked`")
	}
}

// documentedFamilies is the README's list.
func documentedFamilies() string {
	var decoders, encoders, both, gguf []string
	named := make(map[string]bool)
	for _, f := range hooked.Families() {
		if f.GGUF != "" {
			gguf = append(gguf, f.Name)
		}
		switch {
		case named[f.Name]:
		case f.EncoderDecoder:
			both = append(both, f.Name)
		case f.Encoder:
			encoders = append(encoders, f.Name)
		default:
			decoders = append(decoders, f.Name)
		}
		named[f.Name] = true
	}
	return fmt.Sprintf("%d families, from Hugging Face's files: %s; as encoders %s; as encoder-decoders %s.\n\n%d of them from GGUF files too: %s.\n",
		len(named), strings.Join(decoders, ", "), strings.Join(encoders, ", "), strings.Join(both, ", "), len(gguf), strings.Join(gguf, ", "))
}
