package hooked_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"gopherlens/hooked"
)

// TestDocumentedSites holds the table in doc.go against the list of sites: a configuration with everything has every site.
func TestDocumentedSites(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range everySite(t) {
		want := fmt.Sprintf("//\t%s ", strings.Replace(s.Name(), "blocks.0.", "blocks.L.", 1))
		_, after, ok := strings.Cut(string(doc), want)
		if !ok {
			t.Errorf("doc.go does not list %s", s)
			continue
		}
		line, _, _ := strings.Cut(after, "\n")
		rest := strings.TrimSpace(strings.TrimSuffix(line, "on request"))
		if axes := strings.Join(s.Axes(), " "); rest != axes {
			t.Errorf("doc.go gives %s the axes %q, it has %q", s, rest, axes)
		}
		if strings.HasSuffix(line, "on request") != s.Optional() {
			t.Errorf("doc.go is wrong on whether %s is built on request", s)
		}
	}
}

// everySite are the sites of one-layer models that between them have every part there is.
func everySite(t *testing.T) []hooked.Site {
	base := hooked.Config{NLayers: 1, DModel: 8, NCtx: 8, DHead: 4, NHeads: 2, DVocab: 8, DMLP: 8, ActFn: hooked.SoLULN, Normalization: hooked.LN}
	rotary := base
	rotary.PositionalEmbedding, rotary.GatedMLP, rotary.UseQKNorm = hooked.RotaryPositions, true, true
	rotary.NormalizationBeforeAndAfter, rotary.PostEmbeddingLN = true, true
	seen := make(map[string]hooked.Site)
	var all []hooked.Site
	for _, cfg := range []hooked.Config{base, rotary} {
		for _, s := range newTiny(t, cfg, nil).Config().Sites() {
			if _, ok := seen[s.Name()]; !ok {
				seen[s.Name()] = s
				all = append(all, s)
			}
		}
	}
	return all
}
