package hooked

// Programs is how many programs the model's engine has compiled and keeps, so that tests can see
// what compiles anew.
func (m *Model) Programs() int {
	m.need().eng.mu.Lock()
	defer m.eng.mu.Unlock()
	return len(m.eng.programs)
}

// DeferAbove makes runs that record more than this many bytes leave activations for when they are
// read, until restored.
func DeferAbove(bytes int) (restore func()) {
	before := eagerBytes
	eagerBytes = bytes
	return func() { eagerBytes = before }
}

// DeclaredSites are the sites that sites.go declares, those in a layer standing for all layers.
func DeclaredSites() (decoder, encoder []Site) {
	all := func(infos []*siteInfo) (sites []Site) {
		for _, info := range infos {
			sites = append(sites, Site{info: info, one: !info.perLayer()})
		}
		return sites
	}
	return all(siteList), all(encoderSiteList)
}
