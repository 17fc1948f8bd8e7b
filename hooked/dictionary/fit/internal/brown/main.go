// Command brown fits sparse dictionaries to a small model on the Brown corpus.
//
//	brown dictionary [-layer 12] [-tokens 1000000] [-width 8] [-k 32] [-folder DIR]
//	brown transcoders [-tokens 200000] [-width 4] [-k 32] [-folder DIR]
//
// The first fits one to the residual stream, and tells how good it is on documents that it has not
// seen (`make dictionary`). The second fits a transcoder to each layer's MLP, and writes them as
// circuit-tracer does, for attribution graphs (`make transcoders`). What was computed is kept:
// stopped, they go on where they were.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/fit"
	"gopherlens/hooked/train"
	"gopherlens/internal/brown"
	"gopherlens/internal/cachedir"
	_ "gopherlens/xla"
)

type settings struct {
	layer, tokens, width, k, batch, epochs, steps, dead int
	losses, held                                        int // rows
	rate                                                float64
	group                                               int
	model, folder                                       string
	sites                                               hooked.Selector
}

func main() {
	verbs := map[string]func(s *settings, ctx context.Context) error{"dictionary": (*settings).run, "transcoders": (*settings).transcoders}
	if len(os.Args) < 2 || verbs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "want brown dictionary or brown transcoders")
		os.Exit(2)
	}
	var s settings
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	s.flags(flags, os.Args[1] == "transcoders")
	flags.Parse(os.Args[2:])
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := verbs[os.Args[1]](&s, ctx); err != nil {
		fmt.Fprintln(os.Stderr, "brown:", err)
		os.Exit(1)
	}
}

// flags are what both commands are told, and what only one of them is.
func (s *settings) flags(flags *flag.FlagSet, transcoders bool) {
	tokens, width := 1_000_000, 8
	if transcoders {
		tokens, width = 200_000, 4
	}
	flags.StringVar(&s.model, "model", "SmolLM2-135M", "the model")
	flags.IntVar(&s.tokens, "tokens", tokens, "tokens of the corpus")
	flags.IntVar(&s.width, "width", width, "features, in multiples of the model's width")
	flags.IntVar(&s.k, "k", 32, "active features of a token")
	flags.IntVar(&s.batch, "batch", 1024, "activations of a step")
	flags.IntVar(&s.dead, "dead", 30, "steps without activity after which a feature counts as dead")
	flags.Float64Var(&s.rate, "rate", 1e-3, "learning rate")
	flags.StringVar(&s.folder, "folder", "", "where all is kept; the user's cache unless given")
	if transcoders {
		flags.IntVar(&s.group, "group", 10, "layers whose activations are on the disk together: 2.3 kB for each and a token")
		return
	}
	flags.IntVar(&s.layer, "layer", 12, "layer whose resid_post is read")
	flags.IntVar(&s.epochs, "epochs", 1, "how often all activations are read")
	flags.IntVar(&s.steps, "steps", 0, "steps; as many as the epochs have unless given")
	flags.IntVar(&s.held, "held", 400, "rows of 128 tokens, of documents that are not trained on, on which variance and dead features are measured")
	flags.IntVar(&s.losses, "losses", 100, "those of them on which losses are measured")
}

func (s *settings) run(ctx context.Context) error {
	s.sites = hooked.ResidPost.At(s.layer)
	if err := s.openFolder(fmt.Sprintf("brown-resid_post-%d", s.layer)); err != nil {
		return err
	}
	model, err := hooked.FromPretrained(s.model, hooked.DefaultProcessing, hooked.LoadOptions{Context: ctx})
	if err != nil {
		return err
	}
	fitted, held, err := brown.Rows(ctx, model)
	if err != nil {
		return err
	}
	begin := time.Now()
	store, err := brown.Harvest(ctx, model, fitted, filepath.Join(s.folder, "activations"), s.tokens, s.sites, os.Stdout)
	if err != nil {
		return err
	}
	defer store.Close()
	fmt.Printf("%d tokens in %s\n", store.Tokens(), time.Since(begin).Round(time.Second))
	d, err := s.fit(ctx, store)
	if err != nil {
		return err
	}
	return s.measure(ctx, model, held, d, store)
}

// openFolder makes the folder where all is kept.
func (s *settings) openFolder(name string) error {
	if s.folder == "" {
		var err error
		if s.folder, err = cachedir.Join("dictionaries", name); err != nil {
			return err
		}
	}
	return os.MkdirAll(s.folder, 0o755)
}

// measure tells how good the dictionary is on text that it has not seen.
func (s *settings) measure(ctx context.Context, model *hooked.Model, held corpus.Contexts, d *dictionary.Dictionary, store *activations.Store) error {
	begin := time.Now()
	all, err := d.Measure(ctx, model, held, dictionary.MeasureOptions{Rows: s.held, WithoutLosses: true})
	if err != nil {
		return err
	}
	pca, err := explainedByPCA(ctx, store, s.sites, model, held, s.held, s.k)
	if err != nil {
		return err
	}
	fmt.Printf("held-out text, %d tokens: L0 %.1f, explained variance %.3f (a PCA of %d components: %.3f), dead features %.1f %%\n", all.Positions, all.L0,
		all.ExplainedVariance, s.k, pca, 100*all.DeadFraction())
	m, err := d.Measure(ctx, model, held, dictionary.MeasureOptions{Rows: s.losses})
	if err != nil {
		return err
	}
	fmt.Printf("%d of them: loss of the model %.4f, with the dictionary %.4f, mean ablation %.4f, zero ablation %.4f\n", m.Positions, m.Loss, m.Spliced,
		m.MeanAblated, m.ZeroAblated)
	fmt.Printf("loss recovered: %.3f against mean ablation, %.3f against zero\n", m.LossRecoveredFromMean(), m.LossRecovered())
	fmt.Printf("measured in %s\n", time.Since(begin).Round(time.Second))
	return nil
}

// fit fits the dictionary, or goes on, or loads it.
func (s *settings) fit(ctx context.Context, store *activations.Store) (*dictionary.Dictionary, error) {
	folder := filepath.Join(s.folder, "dictionary")
	if _, err := os.Stat(folder); err == nil {
		fmt.Println("the dictionary is there:", folder)
		return dictionary.Load(folder)
	}
	about, err := store.About()
	if err != nil {
		return nil, err
	}
	steps := s.steps
	if steps == 0 {
		steps = s.epochs * store.Tokens() / s.batch
	}
	begin := time.Now()
	out, err := fit.Resume(ctx, fit.FromStore(store, s.sites, fit.StoreOptions{Seed: 1}), fit.Config{
		Dictionary: dictionary.Config{Kind: dictionary.TopK, Features: s.width * about.Model.DModel, K: float64(s.k), RescaleByNorm: true,
			SubtractBias: true, Normalization: dictionary.AverageOnlyIn},
		Steps: steps, Batch: s.batch, LearningRate: s.rate, Schedule: train.WarmupLinear(steps/20, steps+1), Clip: 1, DeadAfter: s.dead,
		Folder: filepath.Join(s.folder, "checkpoints"), Every: max(100, steps/8),
		OnStep: func(r *fit.Report) error {
			if r.Step%20 == 0 || r.Step < 4 {
				fmt.Printf("step %5d of %d  loss %8.3f  explained %.3f  dead %4d  %s\n", r.Step, steps, r.Loss, r.Explained, r.Dead,
					time.Since(begin).Round(time.Second))
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	fmt.Printf("%d steps of %d tokens in %s; %d features were not active in the last %d steps\n", len(out.Curve), s.batch,
		time.Since(begin).Round(time.Second), out.Curve[len(out.Curve)-1].Dead, s.dead)
	return out.Dictionary, errors.Join(out.Dictionary.Save(folder), os.RemoveAll(filepath.Join(s.folder, "checkpoints")))
}
