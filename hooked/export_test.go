package hooked

import "gopherlens/hooked/internal/sweeps"

// Branches, MeasureRuns and PositionsOf are what package patching finds behind the door of
// hooked/internal/sweeps.
func (m *Model) Branches(base *Cache, spec sweeps.Spec[Site]) (sweeps.Branches[*Tensor], error) {
	return m.branches(base, spec)
}

// MeasureRuns takes an array, whose shape it passes on.
func (m *Model) MeasureRuns(metric Metric, residuals Array) ([]float32, error) {
	return m.need().measure(metric, residuals.Data, residuals.Shape...)
}

// PositionsOf takes tokens.
func (m *Model) PositionsOf(metric Metric, tokens Tokens, options ...Option) ([][]int, error) {
	return m.positionsOf(metric, tokens, options...)
}

// Programs is how many programs the model's engine has made so far, so that tests can see what
// compiles anew.
func (m *Model) Programs() int {
	m.need().eng.mu.Lock()
	defer m.eng.mu.Unlock()
	return m.eng.made
}

// DeferAbove makes runs that record more than this many bytes leave activations for when they are
// read, until restored.
func DeferAbove(bytes int) (restore func()) {
	before := eagerBytes
	eagerBytes = bytes
	return func() { eagerBytes = before }
}

// LongAbove makes the attention of texts whose scores take more than this many bytes go span by
// span, until restored.
func LongAbove(bytes int) (restore func()) {
	before := longBytes
	longBytes = bytes
	return func() { longBytes = before }
}

// DeclaredSites are the sites that sites.go declares, those in a layer standing for all layers.
func DeclaredSites() (decoder, encoder, both []Site) {
	all := func(infos []*siteInfo) (sites []Site) {
		for _, info := range infos {
			sites = append(sites, Site{info: info, one: !info.perLayer()})
		}
		return sites
	}
	var two []*siteInfo
	for _, s := range (Config{NEncoderLayers: 1, NLayers: 1, GatedMLP: true, Normalization: RMS, NHeads: 1, NKeyValueHeads: 1}).twoStacks() {
		two = append(two, s.info)
	}
	return all(siteList), all(encoderSiteList), all(two)
}

// GraphID tells models apart that do not share their programs.
func (m *Model) GraphID() string { return m.need().id }

// RelativeBucketsOf are the buckets of the distances from -c.RelativeMaxDistance on.
func RelativeBucketsOf(c Config) []int32 { return c.relativeBuckets() }
