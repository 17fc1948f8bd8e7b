package golden

import (
	"os"
	"testing"
)

// PythonEnv names a Python that has TransformerLens and what else fixtures are made with.
const PythonEnv = "GOPHERLENS_GOLDEN_PYTHON"

// Python is that Python; without one the test is skipped.
func Python(t *testing.T) string {
	t.Helper()
	python := os.Getenv(PythonEnv)
	if python == "" {
		t.Skip("set " + PythonEnv + " to build/golden/bin/python, which make golden installs")
	}
	return python
}
