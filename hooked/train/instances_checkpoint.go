package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gomlx/gomlx/ml/model/checkpoint"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// A folder of instances holds instances.json, how they are trained, and step-00000100/ and so on:
// all variables and what the optimizer remembers, as GoMLX's package checkpoint writes them.
const instancesFile = "instances.json"

// instancesRecord is what instances.json holds.
type instancesRecord struct {
	Settings string // what a resumption must not change
}

func (m *manyFit) record() instancesRecord {
	return instancesRecord{settingsOf(m.Optimizer, m.LearningRate, m.Clip)}
}

func (m *manyFit) writeRecord() error {
	data, err := json.MarshalIndent(m.record(), "", "\t")
	if err != nil {
		return err
	}
	return wholefile.WriteBytes(filepath.Join(m.Folder, instancesFile), 0o644, data)
}

// checkRecord refuses to go on otherwise than the training began.
func (m *manyFit) checkRecord() error {
	path := filepath.Join(m.Folder, instancesFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return brief.Errorf("it is not known how the training in %s began: %w", m.Folder, err)
	}
	var was instancesRecord
	if err := json.Unmarshal(data, &was); err != nil {
		return brief.Errorf("%s: %w", path, err)
	}
	if err := sameSettings(was.Settings, m.record().Settings); err != nil {
		return brief.Errorf("folder %s: %w", m.Folder, err)
	}
	return nil
}

// open prepares the folder: of a training that begins it must hold no checkpoint, of one that goes
// on the newest is read.
func (m *manyFit) open(resume bool) error {
	if m.Folder == "" {
		if resume {
			return brief.Errorf("Instances.Folder is empty: name the folder of the training to resume")
		}
		return nil
	}
	steps, err := stepsIn(m.Folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil || len(steps) == 0:
		return err
	case !resume:
		return brief.Errorf("folder %s holds the checkpoints of a training: go on with it (ResumeFit), or take another folder", m.Folder)
	}
	m.step = steps[len(steps)-1]
	if m.step >= m.Steps {
		return brief.Errorf("folder %s: the training has taken %d steps, and Instances.Steps is %d: ask for more to go on", m.Folder, m.step, m.Steps)
	}
	if err := m.checkRecord(); err != nil {
		return err
	}
	defer m.store.SetLoader(nil)
	if _, err := checkpoint.Load(m.store).Dir(m.stepFolder()).ExcludeAllParams().Immediate().Done(); err != nil {
		return brief.Errorf("%s: %w", m.stepFolder(), err)
	}
	for v := range m.store.IterVariables() {
		v.SetTrainable(isWeight(v))
	}
	for _, name := range m.names {
		v, want := m.variable(name), m.Start[name].Shape
		if v == nil || fmt.Sprint(v.Shape().Dimensions) != fmt.Sprint(want) {
			return brief.Errorf("%s has no variable %q of shape %v", m.stepFolder(), name, want)
		}
	}
	return nil
}

func (m *manyFit) stepFolder() string {
	return filepath.Join(m.Folder, fmt.Sprintf(stepPattern, m.step))
}

// save writes a checkpoint of the last step, if there is a folder and it is not there yet.
func (m *manyFit) save() error {
	if m.Folder == "" || m.step == 0 {
		return nil
	}
	if _, err := os.Stat(m.stepFolder()); err == nil {
		return nil
	}
	if err := os.MkdirAll(m.Folder, 0o755); err != nil {
		return err
	}
	if err := m.writeRecord(); err != nil {
		return err
	}
	err := wholefile.WriteFolder(m.stepFolder(), 0o755, func(temp string) error {
		handler, err := checkpoint.Build(m.store).Dir(temp).ExcludeAllParams().Keep(-1).WithCompression(checkpoint.BinUncompressed).Done()
		if err != nil {
			return err
		}
		defer m.store.SetLoader(nil)
		for v := range m.store.IterVariables() {
			if v == m.rate || !v.HasValue() {
				handler.ExcludeVarsFromSaving(v)
			}
		}
		return handler.Save()
	})
	if err != nil {
		return brief.Errorf("the checkpoint of step %d: %w", m.step, err)
	}
	return nil
}
