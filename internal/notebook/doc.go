// Package notebook runs a Jupyter notebook from top to bottom in a real kernel,
// as a person would with "Run All Cells", and shows each cell's output and time.
//
// The kernel is driven by Jupyter's own nbclient: a small Python program, run.py,
// tells what happens as lines of JSON, and this package shows them.
package notebook
