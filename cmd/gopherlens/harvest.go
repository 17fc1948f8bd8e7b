package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/corpus/parquet"
	"gopherlens/hooked/fleet"
	"gopherlens/internal/brief"
	"gopherlens/internal/progress"
	"gopherlens/internal/textfile"
)

// harvestFlags are what `gopherlens harvest` is told.
type harvestFlags struct {
	corpus, field, folder, dtype    string
	sites                           []string
	context, tokens, batch, shard   int
	unprocessed, noCovariance, json bool
	queue                           queueFlags
	backend                         string
}

func newHarvest() *cobra.Command {
	var f harvestFlags
	c := &cobra.Command{
		Use:   "harvest MODEL",
		Short: "Keep a model's activations on texts in a folder, for dictionaries, probes and lenses",
		Long: `Keep a model's activations on texts in a folder, for dictionaries, probes and lenses. One that
was stopped goes on where it was when it is called again.`,
		Example: `  gopherlens harvest smollm2-135m --corpus brown --site resid_post --tokens 100000 -o acts
  gopherlens harvest gpt2-small --corpus 'texts/*.jsonl' --field body --site blocks.5.hook_resid_post -o acts
  gopherlens harvest smollm2-135m --corpus brown --site resid_post -o acts --nats nats://queue:4222
  gopherlens harvest show acts --verify`,
		Args:              operands("MODEL"),
		ValidArgsFunction: offerOnce(modelNames),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return f.harvest(c.Context(), c.OutOrStdout(), args[0])
		},
	}
	f.register(c)
	c.AddCommand(newHarvestShow())
	return c
}

// register adds the flags to a command.
func (f *harvestFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.corpus, "corpus", "", "the `TEXTS`: a corpus that a package ships ("+strings.Join(corpus.PackageNames(), ", ")+
		"), or files, globs and folders, separated by commas; .jsonl files, also .gz or .zst, have a document in each line, .parquet files in each row")
	flags.StringVar(&f.field, "field", "", "the `NAME` of the text in JSON lines and Parquet files (default \"text\")")
	flags.StringSliceVar(&f.sites, "site", nil, "the `HOOKS` to keep, separated by commas: blocks.12.hook_resid_post, resid_post, *.hook_z")
	flags.StringVarP(&f.folder, "output", "o", "", "the `FOLDER` of the activations; one that holds a part of this harvest goes on")
	flags.StringVar(&f.dtype, "dtype", string(hooked.BF16), "precision on disk: float32, bfloat16 or float16")
	flags.IntVar(&f.context, "context", 128, "tokens in a row, the BOS at its beginning included")
	flags.IntVar(&f.tokens, "tokens", 0, "how many tokens at most; 0 for all that the texts have")
	flags.IntVar(&f.batch, "batch", 0, "rows that are computed together; 0 chooses")
	flags.IntVar(&f.shard, "shard", 0, "rows in a file; 0 chooses some 64 MB")
	flags.BoolVar(&f.unprocessed, "no-processing", false, "take the weights as they were trained (no folded norms)")
	flags.BoolVar(&f.noCovariance, "no-covariance", false, "leave out covariances")
	flags.BoolVar(&f.json, "json", false, "print what the folder holds as JSON, for programs")
	f.queue.register(c)
	flags.StringVar(&f.backend, "workers-backend", "", "the `BACKEND` that the workers of --nats name when they begin, where it is not this machine's")
	complete(c, "dtype", dtypes)
}

// check refuses a call that lacks something.
func (f *harvestFlags) check() error {
	for _, needed := range []struct {
		missing bool
		flag    string
	}{{f.corpus == "", "--corpus TEXTS"}, {len(f.sites) == 0, "--site HOOKS"}, {f.folder == "", "-o FOLDER"}} {
		if needed.missing {
			return misused("%s is missing", needed.flag)
		}
	}
	return nil
}

// machines is the fleet to harvest in, nil for this process.
func (f *harvestFlags) machines() (*fleet.Fleet, error) {
	options, err := f.queue.options()
	if err != nil || f.queue.nats == "" && len(options) == 0 && f.backend == "" {
		return nil, err
	}
	if f.queue.nats == "" {
		return nil, misused("--nats URL is missing: without a queue the other flags of one would do nothing")
	}
	if f.backend != "" {
		options = append(options, fleet.Backend(f.backend))
	}
	return fleet.New(options...), nil
}

func (f *harvestFlags) harvest(ctx context.Context, w io.Writer, name string) error {
	machines, err := f.machines()
	if err != nil {
		return err
	}
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
	config := activations.Config{Folder: f.folder, Sites: f.sites, Tokens: f.tokens, DType: hooked.DType(f.dtype), Batch: f.batch, Shard: f.shard,
		NoCovariance: f.noCovariance, Progress: func(p activations.Progress) { now.Store(&p) }}
	if machines != nil {
		defer machines.Close()
		config.On = machines
	}
	store, err := activations.Harvest(ctx, model, rows, config)
	stop()
	if err != nil {
		return err
	}
	defer store.Close()
	if p := now.Load(); p != nil {
		status.Printf("harvested %d tokens, %.0f a second\n", p.Fresh, p.PerSecond())
	} else {
		status.Printf("nothing was missing\n")
	}
	return showStore(w, store, f.folder, f.json)
}

// texts opens the corpus.
func (f *harvestFlags) texts(ctx context.Context) (corpus.Texts, error) {
	if slices.Contains(corpus.PackageNames(), f.corpus) {
		if f.field != "" {
			return nil, brief.Errorf("--field would do nothing: corpus %s has its texts by itself", f.corpus)
		}
		return corpus.Package(ctx, f.corpus)
	}
	paths, err := textfile.Find(strings.Split(f.corpus, ","))
	if err != nil {
		return nil, err
	}
	for _, path := range paths[1:] {
		if kindOf(path) != kindOf(paths[0]) {
			return nil, brief.Errorf("--corpus means files of several kinds (%s and %s): harvest one kind, such as 'FOLDER/*.jsonl'", paths[0], path)
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
		return nil, brief.Errorf("--field would do nothing: %s is plain text, which has no fields", paths[0])
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
