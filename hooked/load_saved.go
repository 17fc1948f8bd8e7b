package hooked

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"gopherlens/internal/brief"
)

// This file reads what [Model.Save] has written.

// readSaved reads what a folder's savedFile says; nil if it has none.
func readSaved(folder string) (*savedModel, error) {
	data, err := os.ReadFile(filepath.Join(folder, savedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var version struct{ Version int }
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, brief.Errorf("%s: %w", savedFile, err)
	}
	if version.Version != savedVersion {
		return nil, brief.Errorf("%s has version %d, this build reads %d", savedFile, version.Version, savedVersion)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	about := new(savedModel)
	if err := d.Decode(about); err != nil {
		return nil, brief.Errorf("%s: %w", savedFile, err)
	}
	if err := about.Config.Validate(); err != nil {
		return nil, brief.Errorf("%s: %w", savedFile, err)
	}
	return about, nil
}

// architecture is how the saved weights are read: by their own names.
func (s *savedModel) architecture() (*architecture, checkpointFields, error) {
	said := checkpointFields{absent: s.Absent}
	for _, name := range s.Applied {
		flag, ok := stepNamed(name)
		if !ok {
			return nil, said, brief.Errorf("%s: unknown step of processing %q", savedFile, name)
		}
		said.applied |= flag
	}
	arch := &architecture{class: s.Config.Architecture, weights: nativeRules(s.Config)}
	return arch, said, nil
}

// stepNamed is the step of processing that TransformerLens calls so.
func stepNamed(name string) (Processing, bool) {
	for _, step := range processingSteps {
		if step.name == name {
			return step.flag, true
		}
	}
	return NoProcessing, false
}
