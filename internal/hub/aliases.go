package hub

import (
	"slices"
	"strings"
)

// Alias is a model of the hub under the short names that people use for it.
type Alias struct {
	Names []string // the preferred one first, all lower case
	Repo  string   // owner/name on the hub; empty for the default model
}

// Default is the name of the model that needs no hub: it comes with the set-up.
const Default = "smollm2-135m"

// defaultFile is where the set-up puts it, below the cache folder.
var defaultFile = []string{"models", "SmolLM2-135M-Instruct.Q4_1.gguf"}

// Aliases lists the short names, the default model first, then family by family.
// Names are matched without regard to case.
func Aliases() []Alias {
	all := []Alias{{Names: []string{Default}}}
	for _, row := range aliasTable {
		_, own, _ := strings.Cut(row[0], "/")
		names := append([]string{strings.ToLower(own)}, strings.Fields(row[1])...)
		all = append(all, Alias{Names: names, Repo: row[0]})
	}
	return all
}

// findAlias returns the alias of a name.
func findAlias(name string) (Alias, bool) {
	all := Aliases()
	i := slices.IndexFunc(all, func(a Alias) bool { return slices.Contains(a.Names, strings.ToLower(name)) })
	if i < 0 {
		return Alias{}, false
	}
	return all[i], true
}

// aliasNames lists every short name, for suggestions.
func aliasNames() []string {
	var names []string
	for _, a := range Aliases() {
		names = append(names, a.Names...)
	}
	return names
}
