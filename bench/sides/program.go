package sides

import (
	"fmt"
	"os"

	"gopherlens/internal/cachedir"
)

// Main runs a comparison, and ends the process with what went wrong.
func Main(run func() error) {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// Model is the file of the model that set-up fetched, SmolLM2-135M-Instruct.
func Model() (string, error) {
	model, err := cachedir.Join("models", "SmolLM2-135M-Instruct.Q4_1.gguf")
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(model); err != nil {
		return "", fmt.Errorf("the model is not there: run `make setup`: %w", err)
	}
	return model, nil
}
