package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gopherlens/internal/hub"
)

func newModelNames() *cobra.Command {
	return newListing("names", "List the short names of models, with the repositories that they stand for", listNames)
}

// newListing is a command of models that prints a table of ours.
func newListing(use, short string, list func(w io.Writer, asJSON bool) error) *cobra.Command {
	c := &cobra.Command{
		Use:     use,
		Short:   short,
		Example: "  gopherlens models " + use + "\n  gopherlens models " + use + " --json",
		Args:    operands(),
	}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return list(c.OutOrStdout(), *asJSON) }
	return c
}

// A shortName is a model under the names that people use for it.
type shortName struct {
	Names      []string `json:"names"`
	Repository string   `json:"repository"` // empty for the one that set-up installs
}

// listNames prints every short name of a model.
func listNames(w io.Writer, asJSON bool) error {
	var all []shortName
	for _, alias := range hub.Aliases() {
		all = append(all, shortName{alias.Names, alias.Repo})
	}
	if asJSON {
		return printJSON(w, all)
	}
	for _, s := range all {
		repo := s.Repository
		if repo == "" {
			repo = "installed by gopherlens setup"
		}
		fmt.Fprintf(w, "%-50s %s\n", strings.Join(s.Names, " "), repo)
	}
	return nil
}
