// Package setup makes a checkout of this repository ready for notebooks: a
// private Python environment with JupyterLab, the GoNB kernel, XLA's plugin for
// the CPU and the default model.
//
// Every step looks first whether its work is done, so that a second set-up
// neither downloads nor builds; every file that comes from elsewhere is pinned
// to a version and a checksum and appears under its name only when it is whole.
// Nothing is written outside the repository, the user's cache folder and the
// user's Jupyter folder.
package setup
