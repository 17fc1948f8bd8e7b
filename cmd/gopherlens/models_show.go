package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gopherlens/hooked"
)

func newModelsShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show MODEL",
		Short: "Tell what a model's files say of it, without reading the weights",
		Long: "Tell what a model's files say of it, without reading the weights: family, sizes, memory, how its weights are\n" +
			"stored, and what would be refused, and why. The model is a file, a folder, or a name that is on this machine.",
		Example: `  gopherlens models show smollm2-135m
  gopherlens models show ./model.Q4_K_M.gguf --json`,
		Args:              operands("MODEL"),
		ValidArgsFunction: offerOnce(modelNames),
	}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return showModel(c.Context(), c.OutOrStdout(), args[0], *asJSON)
	}
	return c
}

// showModel prints what is known of a model before it is loaded.
func showModel(ctx context.Context, w io.Writer, name string, asJSON bool) error {
	seen, err := hooked.Inspect(name, hooked.LoadOptions{Offline: true, Context: ctx})
	switch {
	case err != nil:
		return err
	case asJSON:
		return printJSON(w, seen)
	}
	fmt.Fprintln(w, seen)
	return nil
}

func newModelFamilies() *cobra.Command {
	return newListing("families", "List the families of models that can be loaded, with their names in config.json and GGUF files", listFamilies)
}

// listFamilies prints the table that models are loaded by.
func listFamilies(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, hooked.Families())
	}
	for _, f := range hooked.Families() {
		kind, gguf := "decoder", f.GGUF
		switch {
		case f.Encoder:
			kind = "encoder"
		case f.EncoderDecoder:
			kind = "encoder-decoder"
		}
		if gguf == "" {
			gguf = "-"
		}
		fmt.Fprintf(w, "%-26s %-15s %-28s GGUF %s\n", f.Name, kind, f.Class, gguf)
	}
	return nil
}
