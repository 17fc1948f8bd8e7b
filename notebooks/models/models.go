package models

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/nearest"
)

// A Recipe is how one of the models is made.
type Recipe struct {
	About string // one line

	// Start is the model before its training. Its configuration has the seed.
	Start func() (*hooked.Model, error)

	// train trains it, with checkpoints below a folder, and writes its progress.
	train func(ctx context.Context, start *hooked.Model, run string, progress io.Writer) (*hooked.Model, error)

	// fit makes a dictionary, in the place of a model: then there is no Start.
	fit func(ctx context.Context, run string, progress io.Writer) (*dictionary.Dictionary, error)

	// moments are the steps of the training whose weights are kept beside the model.
	moments []int
}

// recipes are all models and dictionaries of the course by name.
var recipes = map[string]Recipe{
	"brackets":         {About: "balanced brackets, for ARENA 1.5.1", Start: startBrackets, train: trainBrackets},
	"two-layers":       {About: "two layers of attention alone, for ARENA 1.2", Start: startTwoLayers, train: trainTwoLayers},
	"four-layers":      {About: "four layers on the words of Brown, for ARENA 1.4.2", Start: startFourLayers, train: trainFourLayers},
	"smollm2-resid-12": {About: "1,024 features of SmolLM2-135M after layer 12, for ARENA 1.3.3", fit: fitResid},
	"othello":          {About: "legal moves of Othello on 6 x 6, for ARENA 1.5.3", Start: startOthello, train: trainOthello},
	"grokking":         {About: "addition modulo 113, for ARENA 1.5.2", Start: startGrokking, train: trainGrokking, moments: grokkingMoments},
}

// Names are the models of the course.
func Names() []string { return slices.Sorted(maps.Keys(recipes)) }

// Of is the recipe of a model.
func Of(name string) (Recipe, error) {
	r, ok := recipes[name]
	if !ok {
		return r, brief.Errorf("models: no model %q%s", name, nearest.Hint(name, Names()))
	}
	return r, nil
}

// Load is a trained model: that which is committed, or else that which `make course-models` has
// trained into the user's cache.
func Load(name string) (*hooked.Model, error) {
	r, err := Of(name)
	if err != nil {
		return nil, err
	}
	if err := r.isModel(name); err != nil {
		return nil, err
	}
	folder, err := Folder(name)
	if err != nil {
		return nil, err
	}
	return hooked.FromPretrained(folder, hooked.NoProcessing)
}

// Untrained is the model as its training found it: random weights, the same for everybody.
func Untrained(name string) (*hooked.Model, error) {
	r, err := Of(name)
	if err != nil {
		return nil, err
	}
	if err := r.isModel(name); err != nil {
		return nil, err
	}
	return r.Start()
}

// isModel refuses what is a dictionary.
func (r Recipe) isModel(name string) error {
	if r.fit != nil {
		return brief.Errorf("models: %q is a dictionary, and no model: LoadDictionary gives it", name)
	}
	return nil
}

// Folder is where a trained model lies.
func Folder(name string) (string, error) {
	if _, err := Of(name); err != nil {
		return "", err
	}
	cached, err := cachedir.Join("course", name)
	if err != nil {
		return "", err
	}
	for _, folder := range []string{filepath.Join(here(), "weights", name), cached} {
		if _, err := os.Stat(folder); err == nil {
			return folder, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", brief.Errorf("models: %q is not trained yet: run `make course-models MODELS=%s` in the checkout, which trains it into %s", name, name, cached)
}

// here is the folder of this file in the checkout, which a cell is built from.
func here() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// Train trains a model and saves it in a folder, which must not exist. It goes on where an earlier
// call for the folder was interrupted, and writes its progress.
func Train(ctx context.Context, name, folder string, progress io.Writer) error {
	r, err := Of(name)
	if err != nil {
		return err
	}
	if r.fit != nil {
		return r.trainDictionary(ctx, folder, progress)
	}
	start, err := r.Start()
	if err != nil {
		return err
	}
	run := folder + ".run" // of checkpoints, until the model is there
	trained, err := r.train(ctx, start, run, progress)
	if err != nil {
		return err
	}
	if err := trained.Save(folder, hooked.SaveOptions{DType: hooked.BF16}); err != nil {
		return err
	}
	if err := r.keepMoments(run, folder); err != nil {
		return err
	}
	fmt.Fprintln(progress, "saved", folder)
	return os.RemoveAll(run)
}
