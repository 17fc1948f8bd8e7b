package models

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/fit"
	"gopherlens/hooked/train"
	"gopherlens/internal/brief"
	"gopherlens/internal/brown"
)

// Of the course's dictionary: 1,024 features of what SmolLM2-135M has in its residual stream after
// layer 12.
const (
	residLayer    = 12
	residFeatures = 1024
	residActive   = 32 // features of a token
	residTokens   = 1_000_000
	residBatch    = 1024
)

// BrownRows are two parts of the Brown corpus as rows of 128 tokens of a model, each of whole
// documents: what the course's dictionary was fitted to, and what it has not seen.
func BrownRows(ctx context.Context, m *hooked.Model) (fitted, held *corpus.Tokenized, err error) {
	return brown.Rows(ctx, m)
}

// LoadDictionary is a trained dictionary of the course, as [Load] is a model.
func LoadDictionary(name string) (*dictionary.Dictionary, error) {
	r, err := Of(name)
	if err != nil {
		return nil, err
	}
	if r.fit == nil {
		return nil, brief.Errorf("models: %q is a model: Load it", name)
	}
	folder, err := Folder(name)
	if err != nil {
		return nil, err
	}
	return dictionary.Load(folder)
}

// fitResid keeps the activations of a million tokens in the folder run, and fits a dictionary to
// them.
func fitResid(ctx context.Context, run string, progress io.Writer) (*dictionary.Dictionary, error) {
	model, err := hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Context: ctx})
	if err != nil {
		return nil, err
	}
	fitted, _, err := brown.Rows(ctx, model)
	if err != nil {
		return nil, err
	}
	begun, at := time.Now(), hooked.ResidPost.At(residLayer)
	store, err := brown.Harvest(ctx, model, fitted, filepath.Join(run, "activations"), residTokens, at, progress)
	if err != nil {
		return nil, err
	}
	steps := store.Tokens() / residBatch
	out, err := fit.Resume(ctx, fit.FromStore(store, at, fit.StoreOptions{Seed: 1}), fit.Config{
		Dictionary: dictionary.Config{Kind: dictionary.TopK, Features: residFeatures, K: residActive, RescaleByNorm: true, SubtractBias: true,
			Normalization: dictionary.AverageOnlyIn},
		Init: fit.Init{Seed: 133}, Steps: steps, Batch: residBatch, LearningRate: 1e-3, Schedule: train.WarmupLinear(steps/20, steps+1), Clip: 1,
		DeadAfter: 30, Folder: filepath.Join(run, "checkpoints"), Every: 400,
		OnStep: func(r *fit.Report) error {
			if r.Step%50 == 0 {
				fmt.Fprintf(progress, "step %5d of %d  loss %8.3f  explained %.3f  dead %4d  %s\n", r.Step, steps, r.Loss, r.Explained, r.Dead,
					time.Since(begun).Round(time.Second))
			}
			return nil
		},
	})
	if err := errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	return out.Dictionary, nil
}

// trainDictionary fits a dictionary and saves it.
func (r Recipe) trainDictionary(ctx context.Context, folder string, progress io.Writer) error {
	run := folder + ".run"
	d, err := r.fit(ctx, run, progress)
	if err != nil {
		return err
	}
	if err := d.Save(folder, dictionary.SaveOptions{DType: hooked.BF16}); err != nil {
		return err
	}
	fmt.Fprintln(progress, "saved", folder)
	return os.RemoveAll(run)
}
