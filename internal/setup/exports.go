package setup

import (
	"context"
	"os"
	"path/filepath"

	"gopherlens/internal/wholefile"
)

// markdownPictures has notebooks exported to Markdown with the pictures of figures in place of
// their HTML, whose style sheets and scripts a reader of Markdown would see as text. What has no
// picture keeps its HTML, and so do exports to HTML.
const markdownPictures = `{
  "MarkdownExporter": {
    "NbConvertBase": {
      "display_data_priority": ["image/svg+xml", "image/png", "text/html", "text/markdown", "text/latex", "image/jpeg", "text/plain"]
    }
  }
}
`

// exportFiles are where nbconvert looks, and where JupyterLab's own exports do.
func (s *Setup) exportFiles() []string {
	etc := filepath.Join(s.Repo.venv(), "etc", "jupyter")
	return []string{filepath.Join(etc, "jupyter_nbconvert_config.json"), filepath.Join(etc, "jupyter_server_config.d", "gopherlens.json")}
}

func whereExports(s *Setup) (string, error) { return s.exportFiles()[0], nil }

func exportsDone(_ context.Context, s *Setup) (bool, error) {
	for _, file := range s.exportFiles() {
		if have, err := os.ReadFile(file); err != nil || string(have) != markdownPictures {
			return false, nil
		}
	}
	return true, nil
}

func installExports(_ context.Context, s *Setup) error {
	for _, file := range s.exportFiles() {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := wholefile.WriteBytes(file, 0o644, []byte(markdownPictures)); err != nil {
			return err
		}
	}
	return nil
}
