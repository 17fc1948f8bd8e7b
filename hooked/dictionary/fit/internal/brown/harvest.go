package main

import (
	"context"
	"fmt"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
)

// rows are two parts of the Brown corpus as rows of a model's tokens, each of whole documents: what
// a dictionary is fitted to, and what it is measured on.
func rows(ctx context.Context, m *hooked.Model) (fitted, held *corpus.Tokenized, err error) {
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
	for _, part := range []struct {
		texts corpus.Texts
		rows  **corpus.Tokenized
	}{{rest, &fitted}, {few, &held}} {
		if *part.rows, err = corpus.ForModel(part.texts, m, corpus.Options{Length: 128}); err != nil {
			return nil, nil, err
		}
	}
	return fitted, held, nil
}

// harvest keeps the activations of so many tokens, or opens those that are there.
func harvest(ctx context.Context, m *hooked.Model, rows corpus.Contexts, folder string, tokens int, sites hooked.Selector) (*activations.Store, error) {
	last := time.Now()
	return activations.Harvest(ctx, m, rows, activations.Config{Folder: folder, Sites: sites, Tokens: tokens, DType: hooked.BF16,
		Progress: func(p activations.Progress) {
			if time.Since(last) > 20*time.Second {
				last = time.Now()
				fmt.Println(p)
			}
		}})
}
