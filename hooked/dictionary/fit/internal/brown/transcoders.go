package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/circuits"
	"gopherlens/hooked/dictionary"
	"gopherlens/hooked/dictionary/fit"
	"gopherlens/hooked/train"
	"gopherlens/internal/brown"
)

// transcoders fits one to each layer, a group of layers after the other.
func (s *settings) transcoders(ctx context.Context) error {
	if err := s.openFolder("brown-transcoders"); err != nil {
		return err
	}
	model, err := hooked.FromPretrained(s.model, hooked.NoProcessing, hooked.LoadOptions{Context: ctx})
	if err != nil {
		return err
	}
	fitted, _, err := brown.Rows(ctx, model)
	if err != nil {
		return err
	}
	layers := model.Config().NLayers
	for from := 0; from < layers; from += s.group {
		to := min(from+s.group, layers)
		if s.done(from, to) {
			continue
		}
		var sites []hooked.Site
		for l := from; l < to; l++ {
			sites = append(sites, hooked.LN2Normalized.At(l), hooked.MLPOut.At(l))
		}
		folder := filepath.Join(s.folder, fmt.Sprintf("activations-%d", from))
		store, err := brown.Harvest(ctx, model, fitted, folder, s.tokens, sites, os.Stdout)
		if err != nil {
			return err
		}
		for l := from; l < to && err == nil; l++ {
			if !s.done(l, l+1) {
				err = s.transcoder(ctx, store, l)
			}
		}
		if err := errors.Join(err, store.Close()); err != nil {
			return err
		}
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	}
	return s.together(layers)
}

func (s *settings) layerFolder(l int) string {
	return filepath.Join(s.folder, fmt.Sprintf("layer-%d", l))
}

// done reports whether these layers have their transcoders.
func (s *settings) done(from, to int) bool {
	for l := from; l < to; l++ {
		if _, err := os.Stat(s.layerFolder(l)); err != nil {
			return false
		}
	}
	return true
}

// transcoder fits that of a layer.
func (s *settings) transcoder(ctx context.Context, store *activations.Store, l int) error {
	about, err := store.About()
	if err != nil {
		return err
	}
	begin, steps := time.Now(), store.Tokens()/s.batch
	out, err := fit.Run(ctx, fit.FromStore(store, hooked.LN2Normalized.At(l), fit.StoreOptions{Target: hooked.MLPOut.At(l), Seed: 1}), fit.Config{
		Dictionary: dictionary.Config{Kind: dictionary.JumpReLUTranscoder, Features: s.width * about.Model.DModel, Normalization: dictionary.AverageOnlyIn},
		Objective:  fit.Objective{Mode: fit.LargestOfBatch, TargetL0: float64(s.k), ThresholdRate: 0.05},
		Steps:      steps, Batch: s.batch, LearningRate: s.rate, Schedule: train.WarmupLinear(steps/20, steps+1), Clip: 1, DeadAfter: s.dead,
	})
	if err != nil {
		return fmt.Errorf("layer %d: %w", l, err)
	}
	last := out.Curve[len(out.Curve)-1]
	fmt.Printf("layer %2d: explained variance %.3f, L0 %.1f, dead %d of %d; %d steps in %s\n", l, last.Explained, last.L0, last.Dead, len(out.Fired), out.Steps,
		time.Since(begin).Round(time.Second))
	return out.Dictionary.Save(s.layerFolder(l))
}

// together writes all layers as circuit-tracer does.
func (s *settings) together(layers int) error {
	var all []*dictionary.Dictionary
	for l := range layers {
		d, err := dictionary.Load(s.layerFolder(l))
		if err != nil {
			return err
		}
		all = append(all, d)
	}
	t, err := circuits.PerLayer(all...)
	if err != nil {
		return err
	}
	folder := filepath.Join(s.folder, "set")
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	if err := t.Save(folder); err != nil {
		return err
	}
	fmt.Println("transcoders of all layers:", folder)
	return nil
}
