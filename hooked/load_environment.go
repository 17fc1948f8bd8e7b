package hooked

import (
	"cmp"
	"fmt"

	"gopherlens/internal/backend"
	"gopherlens/internal/hub"
	_ "gopherlens/resident" // keeps models alive between notebook cells
)

// Environment says what models will compute with and why, and whether a Hugging Face token is at
// hand. It opens no backend and never shows the token.
func Environment() string {
	choice, err := backend.Choose()
	computes := choice.Config + " (" + choice.Why + ")"
	if err != nil {
		computes = "nothing: " + err.Error()
	}
	token := cmp.Or(hub.TokenSource(), "none (public models need none)")
	return fmt.Sprintf("computes with: %s\nHugging Face token: %s", computes, token)
}
