//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"gopherlens/bench/steps"
)

// oursTrain measures steps of a training and writes the measurements to standard output.
func oursTrain(name, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for _, training := range steps.Trainings {
		if training.Name != name {
			continue
		}
		took, err := training.Take(n, func() {})
		if err != nil {
			return err
		}
		used, err := peak("peak memory")
		if err != nil {
			return err
		}
		for _, m := range []measurement{{Name: "a step", Seconds: took.Seconds() / float64(n)}, used} {
			if err := json.NewEncoder(os.Stdout).Encode(m); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("there is no training %q", name)
}

// compareTraining measures the trainings on both sides by turns.
func (o *options) compareTraining() (*table, error) {
	t := newTable("PyTorch 2.8, eager", ourName)
	for _, training := range steps.Trainings {
		for i := range o.runs {
			for place, command := range [][]string{
				{o.python, filepath.Join("bench", "train", "peer.py"), training.Name, strconv.Itoa(o.steps)},
				{o.self, "train", training.Name, strconv.Itoa(o.steps)},
			} {
				fmt.Fprintf(os.Stderr, "training %s, run %d of %d: %s\n", training.Name, i+1, o.runs, t.sides[place])
				found, err := o.measure(command)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", t.sides[place], err)
				}
				for k := range found {
					found[k].Name = training.What + ": " + found[k].Name
				}
				t.add(place, found)
			}
		}
	}
	return t, nil
}

// trainingMarkdown is the section of trainings.
func (t *table) trainingMarkdown(count int) string {
	return fmt.Sprintf("\n## A step of training\n\nForward pass, gradients and AdamW, the mean of %d steps after three; the same model and batch, each run in a process of its own, by turns.\n\n", count) +
		t.markdown(map[string]string{"": "1"}) +
		"\nThe loss of addition reads one position of three, and nothing is computed here for the others that only their logits need.\n"
}
