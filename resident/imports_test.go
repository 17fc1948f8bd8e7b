package resident_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestClientLinksNoBackend holds what makes cells link fast: the client's import
// graph has neither of GoMLX's backends, and of what uses cgo only the standard
// library's own, which builds without a C compiler, too.
func TestClientLinksNoBackend(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}} {{.Standard}} {{len .CgoFiles}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 50 {
		t.Fatalf("only %d packages listed", len(lines))
	}
	for _, line := range lines {
		path, rest, _ := strings.Cut(line, " ")
		if strings.Contains(path, "gobackend") || strings.Contains(path, "go-xla") {
			t.Errorf("the client links the backend %s", path)
		}
		if strings.HasPrefix(rest, "false ") && rest != "false 0" {
			t.Errorf("the client links %s, which uses cgo", path)
		}
	}
}
