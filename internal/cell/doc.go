// Package cell lets a notebook's cell look at its own source.
//
// GoNB makes a program of each cell: main.go in the kernel's folder, which holds what earlier cells
// declared (variables with their initialisers, not their values) and what stands below %% as main.
// The file lies there while the program runs. It tells
//
//   - which variable is being initialised when something fails there, and whether the cell needs
//     it ([Initialiser]);
//   - whether a function, or anything that it uses, is still what it was in an earlier cell
//     ([FingerprintOf]).
package cell
