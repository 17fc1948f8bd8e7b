package hooked

import (
	"github.com/gomlx/compute"

	"gopherlens/internal/brief"
)

// What tells whether two models compute the same: configuration, processing, weights and backend.
// Whoever keeps on disk what a model has computed needs it.

// WeightsHash is a SHA-256 of the weights as they lie on the device, after processing, in hex. It
// reads them all, once.
func (m *Model) WeightsHash() (string, error) {
	if err := m.check(); err != nil {
		return "", err
	}
	return m.weights.content()
}

// Backend is what the model computes with: [Backend] unless it was loaded with another.
func (m *Model) Backend() compute.Backend { return m.need().eng.backend }

// Select are the sites that selectors mean in a model of this configuration, in the order of the
// forward pass and each once.
func (c Config) Select(selectors ...Selector) ([]Site, error) { return c.selectSites(selectors...) }

// Files are what a model was loaded from, and how: [FromPretrained] makes the same model again of
// them.
type Files struct {
	Name         string // as it was asked for
	Path         string // of the folder or file on this machine
	Processing   Processing
	DType        DType
	FirstNLayers int
}

// FilesOf tells what a model was loaded from; an error for one that was made of something else, or
// whose weights were changed.
func FilesOf(m *Model) (Files, error) {
	if err := m.check(); err != nil {
		return Files{}, err
	}
	f := m.weights.files
	if f == nil {
		return Files{}, brief.Errorf("the model's weights are those of no file: save it (Model.Save), and load it from there")
	}
	return Files{f.Name, f.Where, f.Processing, f.DType, f.Layers}, nil
}
