package hooked

import "github.com/gomlx/compute"

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
