package models

import (
	"fmt"
	"os"
	"path/filepath"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
	"gopherlens/internal/brief"
)

// A Moment is a model in the middle of its training.
type Moment struct {
	Step    int
	Weights hooked.StateDict // for [hooked.Model.WithWeights]
}

const momentPattern = "moment-%06d.safetensors"

// Moments are those of a model's training that were kept, in the order of their steps.
func Moments(name string) (all []Moment, err error) {
	folder, err := Folder(name)
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		var m Moment
		if n, _ := fmt.Sscanf(f.Name(), momentPattern, &m.Step); n != 1 {
			continue
		}
		if m.Weights, err = hooked.ReadArrays(filepath.Join(folder, f.Name())); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, brief.Errorf("models: no moment of the training of %q was kept", name)
	}
	return all, nil
}

// keepMoments copies checkpoints of a run beside the model, in bfloat16: those of the recipe's
// steps that the run came to, and its last.
func (r Recipe) keepMoments(run, folder string) error {
	if r.moments == nil {
		return nil
	}
	checkpoints, err := train.Checkpoints(run)
	if err != nil {
		return err
	}
	wanted := make(map[int]bool)
	for _, step := range r.moments {
		wanted[step] = true
	}
	for i, c := range checkpoints {
		if !wanted[c.Step] && i < len(checkpoints)-1 {
			continue
		}
		m, err := c.Model()
		if err != nil {
			return err
		}
		sd, err := m.StateDict()
		if err != nil {
			return err
		}
		if err := sd.Save(filepath.Join(folder, fmt.Sprintf(momentPattern, c.Step)), hooked.BF16); err != nil {
			return err
		}
	}
	return nil
}
