package backend

// SetSystemDir points the search for plugins for all users at dir, so that the
// machine that runs the tests does not decide what they find, and returns the
// function that undoes it.
func SetSystemDir(dir string) (restore func()) {
	old := systemDir
	systemDir = dir
	return func() { systemDir = old }
}
