package hooked_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
	"gopherlens/internal/weights"
)

// What is saved is loaded by TransformerLens itself, and computes the same logits there.
func TestSavedInTransformerLens(t *testing.T) {
	python := golden.Python(t)
	o := hooked.LoadOptions{Backend: golden.PureGo(t)}
	parent := t.TempDir()
	var saved []string
	for _, path := range hooked.Must(filepath.Glob("testdata/[afn]*/*")) {
		if !slices.Contains([]string{"arch", "native", "families"}, filepath.Base(filepath.Dir(path))) {
			continue
		}
		for name, processing := range map[string]hooked.Processing{"raw": hooked.NoProcessing, "processed": hooked.DefaultProcessing} {
			m := hooked.Must(hooked.FromPretrained(path, processing, o))
			folder := filepath.Join(parent, filepath.Base(path)+"-"+name)
			if err := m.Save(folder); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(folder, "cfg.json")); err != nil {
				continue // TransformerLens' configuration cannot say what the model is
			}
			tokens := hooked.Tokens{{1, 0, 3, 2, 1}, {2, 2, 0, 1, 3}}
			for i := range tokens {
				tokens[i] = tokens[i][:min(len(tokens[i]), m.Config().NCtx)]
			}
			writeRun(t, folder+".run.safetensors", m, tokens)
			saved = append(saved, folder)
		}
	}
	if len(saved) < 20 {
		t.Errorf("only %d models have a cfg.json", len(saved))
	}
	out, err := exec.Command(python, append([]string{"../internal/golden/gen/check_saved.py"}, saved...)...).CombinedOutput()
	t.Logf("%s", out)
	if n := strings.Count(string(out), "largest difference"); err != nil || n != len(saved) {
		t.Errorf("%d of %d models agree with TransformerLens: %v", n, len(saved), err)
	}
}

// writeRun writes tokens and what a model computes of them.
func writeRun(t *testing.T, path string, m *hooked.Model, tokens hooked.Tokens) {
	t.Helper()
	logits := hooked.Must(m.Run(tokens))
	var ids []int64
	for _, id := range slices.Concat(tokens...) {
		ids = append(ids, int64(id))
	}
	err := weights.WriteSafetensors(path, nil, []weights.Named{
		weights.FromInt64s("tokens", tokens.Shape(), ids),
		weights.FromFloat32s("logits", logits.Shape(), logits.Float32s()),
	})
	if err != nil {
		t.Fatal(err)
	}
}
