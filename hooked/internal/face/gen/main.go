// Command gen writes notebook_gen.go in the current folder, that of package hooked.
package main

import (
	"fmt"
	"os"

	"gopherlens/hooked/internal/face"
)

func main() {
	text, err := face.Methods(".")
	if err == nil {
		err = os.WriteFile(face.File, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
