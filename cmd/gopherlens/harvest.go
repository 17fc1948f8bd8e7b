package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/corpus/parquet"
	"gopherlens/internal/brief"
	"gopherlens/internal/progress"
	"gopherlens/internal/textfile"
)

// harvestFlags are what `gopherlens harvest` is told.
type harvestFlags struct {
	corpus, field, sites, folder, dtype   string
	context, tokens, batch, shard         int
	unprocessed, noCovariance, show, sums bool
}

// runHarvest keeps a model's activations in a folder, or tells what one holds.
func runHarvest(ctx context.Context, args []string) error {
	var f harvestFlags
	flags := flag.NewFlagSet("harvest", flag.ContinueOnError)
	flags.StringVar(&f.corpus, "corpus", "", "the `texts`: a corpus that a package ships ("+strings.Join(corpus.PackageNames(), ", ")+
		"), or files, globs and folders, separated by commas; .jsonl files, also .gz or .zst, have a document in each line, .parquet files in each row")
	flags.StringVar(&f.field, "field", "", "the `name` of the text in JSON lines and Parquet files (default \"text\")")
	flags.StringVar(&f.sites, "site", "", "the `hooks` to keep, separated by commas: blocks.12.hook_resid_post, resid_post, *.hook_z")
	flags.StringVar(&f.folder, "o", "", "the `folder` of the activations; one that holds a part of this harvest goes on")
	flags.StringVar(&f.dtype, "dtype", string(hooked.BF16), "precision on disk: float32, bfloat16 or float16")
	flags.IntVar(&f.context, "context", 128, "tokens in a row, the BOS at its beginning included")
	flags.IntVar(&f.tokens, "tokens", 0, "how many tokens at most; 0 for all that the texts have")
	flags.IntVar(&f.batch, "batch", 0, "rows that are computed together; 0 chooses")
	flags.IntVar(&f.shard, "shard", 0, "rows in a file; 0 chooses some 64 MB")
	flags.BoolVar(&f.unprocessed, "no-processing", false, "take the weights as they were trained (no folded norms)")
	flags.BoolVar(&f.noCovariance, "no-covariance", false, "leave out covariances")
	flags.BoolVar(&f.show, "show", false, "tell what a folder holds, in place of a harvest")
	flags.BoolVar(&f.sums, "verify", false, "with -show: compare every file with its checksum")
	if len(args) > 1 && !strings.HasPrefix(args[0], "-") { // the model may stand first
		args = append(slices.Clone(args[1:]), args[0])
	}
	if err := parse(flags, args, "MODEL | -show FOLDER", 1); err != nil {
		return err
	}
	if f.show {
		return f.showStore(ctx, flags)
	}
	for _, needed := range []struct{ value, flag string }{{f.corpus, "-corpus"}, {f.sites, "-site"}, {f.folder, "-o"}} {
		if needed.value == "" {
			return fmt.Errorf("%s is missing; see gopherlens harvest -h", needed.flag)
		}
	}
	if f.sums {
		return fmt.Errorf("-verify goes with -show FOLDER")
	}
	return f.harvest(ctx, flags.Arg(0))
}

func (f *harvestFlags) harvest(ctx context.Context, name string) error {
	texts, err := f.texts(ctx)
	if err != nil {
		return err
	}
	processing := hooked.DefaultProcessing
	if f.unprocessed {
		processing = hooked.NoProcessing
	}
	model, err := hooked.FromPretrained(name, processing, hooked.LoadOptions{Context: ctx})
	if err != nil {
		return err
	}
	rows, err := corpus.ForModel(texts, model, corpus.Options{Length: f.context})
	if err != nil {
		return err
	}
	var now atomic.Pointer[activations.Progress]
	status := progress.New(os.Stderr)
	stop := status.Watch("harvesting "+name, func() string {
		if p := now.Load(); p != nil {
			return p.String()
		}
		return "loading and compiling"
	})
	store, err := activations.Harvest(ctx, model, rows, activations.Config{Folder: f.folder, Sites: strings.Split(f.sites, ","), Tokens: f.tokens,
		DType: hooked.DType(f.dtype), Batch: f.batch, Shard: f.shard, NoCovariance: f.noCovariance,
		Progress: func(p activations.Progress) { now.Store(&p) }})
	stop()
	if err != nil {
		return err
	}
	defer store.Close()
	if p := now.Load(); p != nil {
		fmt.Printf("harvested %d tokens, %.0f a second\n", p.Fresh, p.PerSecond())
	} else {
		fmt.Println("nothing was missing")
	}
	return show(store, f.folder)
}

// texts opens the corpus.
func (f *harvestFlags) texts(ctx context.Context) (corpus.Texts, error) {
	if slices.Contains(corpus.PackageNames(), f.corpus) {
		if f.field != "" {
			return nil, brief.Errorf("-field would do nothing: corpus %s has its texts by itself", f.corpus)
		}
		return corpus.Package(ctx, f.corpus)
	}
	paths, err := textfile.Find(strings.Split(f.corpus, ","))
	if err != nil {
		return nil, err
	}
	for _, path := range paths[1:] {
		if kindOf(path) != kindOf(paths[0]) {
			return nil, brief.Errorf("-corpus means files of several kinds (%s and %s): harvest one kind, such as 'FOLDER/*.jsonl'", paths[0], path)
		}
	}
	fields := corpus.Fields{Text: f.field}
	switch kindOf(paths[0]) {
	case jsonLines:
		return corpus.JSONLines(fields, paths...)
	case tables:
		return parquet.Files(fields, paths...)
	}
	if f.field != "" {
		return nil, brief.Errorf("-field would do nothing: %s is plain text, which has no fields", paths[0])
	}
	return corpus.Files(paths...)
}

// fileKind is what a file of texts holds.
type fileKind int

const (
	plainText fileKind = iota
	jsonLines
	tables
)

// kindOf tells a kind by a file's name.
func kindOf(path string) fileKind {
	for _, packed := range []string{".gz", ".zst"} {
		path = strings.TrimSuffix(path, packed)
	}
	return map[string]fileKind{".jsonl": jsonLines, ".ndjson": jsonLines, ".parquet": tables}[filepath.Ext(path)]
}

// showStore tells what a folder holds.
func (f *harvestFlags) showStore(ctx context.Context, flags *flag.FlagSet) error {
	var useless []string
	flags.Visit(func(given *flag.Flag) {
		if given.Name != "show" && given.Name != "verify" {
			useless = append(useless, "-"+given.Name)
		}
	})
	if len(useless) > 0 {
		return fmt.Errorf("%s would do nothing with -show", brief.Names(useless))
	}
	folder := flags.Arg(0)
	store, err := activations.Open(folder)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := show(store, folder); err != nil || !f.sums {
		return err
	}
	if err := store.Verify(ctx); err != nil {
		return err
	}
	fmt.Println("every file has its checksum")
	return nil
}

func show(store *activations.Store, folder string) error {
	about, err := store.About()
	if err != nil {
		return err
	}
	bytes, err := sizeOf(folder)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d tokens in %d rows of %d, %s in %s\n", folder, store.Tokens(), store.Rows(), about.Context, about.DType, size(bytes))
	fmt.Printf("  model %s (%s), computed with %s\n  texts %s\n", about.Model.ModelName, about.Processing, about.Backend, brief.Text(about.Corpus))
	fmt.Printf("  %-36s %-18s %21s %33s\n", "", "", "first position", "others")
	fmt.Printf("  %-36s %-18s %21s %11s %10s %10s\n", "site", "shape", "mean norm", "mean norm", "median", "largest")
	for _, site := range about.Sites {
		st, err := store.Statistics(site.Name)
		if err != nil {
			return err
		}
		shape := fmt.Sprint(site.Axes, site.Shape)
		if st.Rest.Count == 0 {
			fmt.Printf("  %-36s %-18s %21.4g\n", site.Name, shape, st.First.Norms.Mean)
			continue
		}
		median, err := st.Rest.Norms.Quantile(0.5)
		if err != nil {
			return err
		}
		fmt.Printf("  %-36s %-18s %21.4g %11.4g %10.4g %10.4g\n", site.Name, shape, st.First.Norms.Mean, st.Rest.Norms.Mean, median, st.Rest.Norms.Max)
	}
	return nil
}
