package main

import (
	"github.com/spf13/cobra"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/hub"
)

// complete has a shell's Tab offer what list returns as a flag's value.
func complete(c *cobra.Command, flag string, list func() []string) {
	if err := c.RegisterFlagCompletionFunc(flag, offer(list)); err != nil {
		panic(err) // there is no such flag: newRoot is wrong, and every test says so
	}
}

// offer has Tab offer what list returns.
func offer(list func() []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return list(), cobra.ShellCompDirectiveNoFileComp
	}
}

// offerOnce offers for the first argument, and nothing for those behind it.
func offerOnce(list func() []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return list(), cobra.ShellCompDirectiveDefault // a folder of a model's is as good
	}
}

// offerNotebooks has Tab offer notebooks' files.
func offerNotebooks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"ipynb"}, cobra.ShellCompDirectiveFilterFileExt
}

// modelNames lists the short names of models.
func modelNames() (names []string) {
	for _, alias := range hub.Aliases() {
		names = append(names, alias.Names...)
	}
	return names
}

// dtypes are the precisions of activations on disk.
func dtypes() []string {
	return []string{string(hooked.F32), string(hooked.BF16), string(hooked.F16)}
}

func corpusNames() []string { return corpus.PackageNames() }
