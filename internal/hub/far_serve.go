//go:build !gopherlens_cell

package hub

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// tellEvery is the least time between two answers about a file that arrives.
const tellEvery = 100 * time.Millisecond

// Serve downloads what an order says that it reads, and answers. It ends when in does: whoever gave
// the order is gone then.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	var w order
	d := json.NewDecoder(in)
	if err := d.Decode(&w); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		io.Copy(io.Discard, in)
		cancel()
	}()
	answers := json.NewEncoder(out)
	o := w.options()
	var told time.Time
	o.Progress = func(file string, done, total int64) {
		if done == total || time.Since(told) > tellEvery {
			told = time.Now()
			answers.Encode(answer{File: file, Done: done, Total: total})
		}
	}
	end := answer{End: true}
	var err error
	if w.Sets == nil {
		end.Path, end.Commit, err = download(ctx, w.Repo, o)
	} else {
		end.Commit, err = downloadFolder(ctx, w.Repo, w.Folder, w.Sets, o)
	}
	if err != nil {
		end.Error = farErrorOf(err)
	}
	return answers.Encode(end)
}
