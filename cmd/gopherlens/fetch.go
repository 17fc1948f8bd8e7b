package main

import (
	"github.com/spf13/cobra"

	"gopherlens/internal/hub"
)

// newFetch is what a notebook's cell asks the hub through: see [hub.Serve].
func newFetch() *cobra.Command {
	return &cobra.Command{
		Use: hub.FetchCommand, Short: "Download what standard input says; cells start it by themselves", Hidden: true, Args: operands(),
		RunE: func(c *cobra.Command, _ []string) error {
			return hub.Serve(c.Context(), c.InOrStdin(), c.OutOrStdout())
		},
	}
}
