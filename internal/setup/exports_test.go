package setup

import (
	"encoding/json"
	"os"
	"testing"
)

// TestExports writes what Jupyter reads, once.
func TestExports(t *testing.T) {
	s := &Setup{Repo: Repo{Root: t.TempDir()}}
	if done, err := exportsDone(t.Context(), s); done || err != nil {
		t.Fatalf("done before: %v, %v", done, err)
	}
	if err := installExports(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, file := range s.exportFiles() {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			MarkdownExporter struct {
				NbConvertBase struct {
					Priority []string `json:"display_data_priority"`
				}
			}
		}
		if err := json.Unmarshal(content, &config); err != nil {
			t.Fatal(err)
		}
		if p := config.MarkdownExporter.NbConvertBase.Priority; len(p) == 0 || p[0] != "image/svg+xml" {
			t.Errorf("%s: priorities %v", file, p)
		}
	}
	if done, err := exportsDone(t.Context(), s); !done || err != nil {
		t.Errorf("done after: %v, %v", done, err)
	}
}
