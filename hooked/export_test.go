package hooked

// Programs is how many programs the model's engine has compiled and keeps, so that tests can see what compiles anew.
func (m *Model) Programs() int {
	m.eng.mu.Lock()
	defer m.eng.mu.Unlock()
	return len(m.eng.programs)
}
