//go:build browser

package plots_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// writeNotebook saves an executed notebook with one figure a cell, as the
// kernel would have left it.
func writeNotebook(t *testing.T, path string, figures []sample) {
	t.Helper()
	var cells []map[string]any
	for _, s := range figures {
		bundle, err := s.figure.Bundle()
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		cells = append(cells, map[string]any{
			"cell_type": "code", "id": s.name, "execution_count": 1, "metadata": map[string]any{}, "source": "// " + s.name,
			"outputs": []any{map[string]any{"output_type": "display_data", "data": bundle, "metadata": map[string]any{}}},
		})
	}
	// Jupyter trusts contents: without its name in it a copy of a trusted notebook is trusted, too.
	notebook := map[string]any{
		"nbformat": 4, "nbformat_minor": 5, "cells": cells,
		"metadata": map[string]any{"copy": filepath.Base(path), "kernelspec": map[string]any{"name": "gonb", "display_name": "Go (gonb)", "language": "go"}},
	}
	content, err := json.MarshalIndent(notebook, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o666); err != nil {
		t.Fatal(err)
	}
}
