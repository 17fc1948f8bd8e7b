package train

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Checkpoint is a training's model after some step, in a folder that [Run] has filled.
type Checkpoint struct {
	Step   int
	Folder string // its own

	config hooked.Config
	frozen string // the file of the weights that were not trained; "" if there are none
}

// Checkpoints are those of a training's folder, in the order of their steps. Their models differ in
// their weights alone, and share compiled programs.
func Checkpoints(folder string) ([]Checkpoint, error) {
	record, err := readRecord(folder)
	if err != nil {
		return nil, wrapped(err)
	}
	steps, err := stepsIn(folder)
	if err != nil {
		return nil, wrapped(err)
	}
	frozen := filepath.Join(folder, frozenFile)
	if _, err := os.Stat(frozen); errors.Is(err, fs.ErrNotExist) {
		frozen = "" // all weights are trained
	}
	all := make([]Checkpoint, len(steps))
	for i, step := range steps {
		all[i] = Checkpoint{step, filepath.Join(folder, fmt.Sprintf(stepPattern, step)), record.Model, frozen}
	}
	return all, nil
}

// Model reads the checkpoint's model. It has no tokenizer.
func (c Checkpoint) Model(options ...hooked.LoadOptions) (*hooked.Model, error) {
	sd := make(hooked.StateDict)
	files := []string{filepath.Join(c.Folder, weightsFile)}
	if c.frozen != "" {
		files = append(files, c.frozen)
	}
	for _, path := range files {
		part, err := hooked.ReadArrays(path)
		if err != nil {
			return nil, wrapped(err)
		}
		maps.Copy(sd, part)
	}
	m, err := hooked.FromStateDict(c.config, sd, hooked.NoProcessing, options...)
	if err != nil {
		return nil, brief.Errorf("train: %s: %w", c.Folder, err)
	}
	return m, nil
}
