// Package course makes a student's notebooks of solution notebooks, and knows how far a student is.
//
// A solution's marked parts become stubs (stub.go), the student's folder is brought up to date
// without losing what was done in it (merge.go, folder.go), and each check leaves a record there
// (record.go). notebooks/README.md tells how a solution is written.
package course
