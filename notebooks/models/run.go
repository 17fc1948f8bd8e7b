package models

import (
	"context"
	"fmt"
	"io"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/train"
)

// run trains with checkpoints in a folder, goes on with what the folder holds, and writes a line
// for each evaluation.
func run(ctx context.Context, start *hooked.Model, cfg train.Config, folder string, every int, progress io.Writer) (*hooked.Model, error) {
	cfg.Folder, cfg.Every = folder, every
	begun, stop := time.Now(), cfg.OnStep
	cfg.OnStep = func(r *train.Report) error {
		if r.Eval != nil {
			fmt.Fprintf(progress, "step %6d  loss %.4f  %v  %s\n", r.Step, r.Loss, r.Eval, time.Since(begun).Round(time.Second))
		}
		if stop != nil {
			return stop(r)
		}
		return nil
	}
	begin := train.Run
	if kept, err := train.Checkpoints(folder); err == nil && len(kept) > 0 {
		begin = train.Resume
	}
	out, err := begin(ctx, start, cfg)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(progress, "%d steps in %s\n", out.Steps, time.Since(begun).Round(time.Second))
	return out.Model, nil
}
