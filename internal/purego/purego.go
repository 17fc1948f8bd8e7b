// Package purego links GoMLX's pure Go backend into a program, set up as package backend says. It
// is imported for that alone, in the place of github.com/gomlx/compute/gobackend.
package purego

import (
	"github.com/gomlx/compute/gobackend"

	"gopherlens/internal/backend"
)

func init() { backend.Register(gobackend.BackendName, gobackend.New) }
