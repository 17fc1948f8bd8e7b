// Package models has the models that the course's notebooks look into. They are small, and trained
// here: each has a file that says on what, how and with which seed.
//
//	var model = hooked.Notebook(hooked.Must(models.Load("brackets")))
//
// [Load] finds a model by its name: among those that are committed (folder weights, in bfloat16),
// or in the user's cache, where `make course-models` trains what is not committed.
package models
