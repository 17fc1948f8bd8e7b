//go:build !gopherlens_cell

package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
)

// lockPoll is how often to look whether another process has let go of a lock.
const lockPoll = 200 * time.Millisecond

// fetch brings one file of a commit into the cache and links it into the snapshot.
// Only one process fetches a blob; the others wait for it, and find it there.
func (c *client) fetch(ctx context.Context, commit, file string) error {
	info, err := c.head(ctx, commit, file)
	if err != nil {
		return fmt.Errorf("%w (file %s)", err, brief.Text(file))
	}
	folder := repoFolder(c.o, c.repo)
	locks := filepath.Join(c.o.CacheDir, ".locks", filepath.Base(folder))
	for _, dir := range []string{locks, filepath.Join(folder, "blobs")} {
		if err := os.MkdirAll(dir, folderMode); err != nil {
			return fmt.Errorf("hub: %w", err)
		}
	}
	lock := flock.New(filepath.Join(locks, info.etag+".lock"), flock.SetPermissions(fileMode))
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return fmt.Errorf("hub: waiting for another download of %s: %w", file, err)
	}
	defer lock.Unlock()
	if err := c.fetchBlob(ctx, commit, file, filepath.Join(folder, "blobs", info.etag), info); err != nil {
		return err
	}
	return linkBlob(folder, commit, file, info.etag)
}

// fetchBlob downloads to an .incomplete file, checks it and gives it its name.
func (c *client) fetchBlob(ctx context.Context, commit, file, blob string, info fileInfo) error {
	if s, err := os.Stat(blob); err == nil && (info.size < 0 || s.Size() == info.size) {
		return nil
	}
	b := &blobWriter{path: blob + ".incomplete", file: file, info: info, progress: c.o.Progress}
	if err := b.open(ctx); err != nil {
		return err
	}
	err := c.retry(ctx, func() error { return c.attempt(ctx, commit, b) })
	if closed := b.f.Close(); err == nil && closed != nil {
		err = fmt.Errorf("hub: %w", closed)
	}
	if err != nil {
		return fmt.Errorf("%w (file %s)", err, brief.Text(file))
	}
	if err := os.Rename(b.path, blob); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	return nil
}

// attempt asks for the rest of a file and appends it. What it got stays on the
// disk for the next attempt, also that of another day.
func (c *client) attempt(ctx context.Context, commit string, b *blobWriter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if b.done != b.info.size || b.done == 0 { // else it was complete, but for the check
		header := http.Header{}
		if b.done > 0 {
			header.Set("Range", fmt.Sprintf("bytes=%d-", b.done))
		}
		resp, err := c.do(ctx, anywhere, http.MethodGet, c.filePath(commit, b.file), header)
		if err != nil {
			return b.afterRefusal(err)
		}
		defer resp.Body.Close()
		body := watch(resp.Body, c.o.backoff.silence, cancel)
		defer body.stop()
		before := b.done
		err = b.receive(resp, body)
		if err != nil && errors.Is(context.Cause(ctx), errSilent) {
			err = errSilent
		}
		if err != nil && b.done > before {
			b.arrived = true
			return advanced{err}
		}
		if err != nil {
			return err
		}
	}
	return b.check()
}

// blobWriter appends to a file and keeps its checksum.
type blobWriter struct {
	path, file string
	info       fileInfo
	progress   func(file string, done, total int64)

	f        *os.File
	sums     sums
	done     int64
	arrived  bool // something came from the hub in this run
	mismatch bool // the checksum was wrong once
}

// open takes up what an earlier download left. To read it for its checksum takes seconds a
// gigabyte.
func (b *blobWriter) open(ctx context.Context) error {
	f, err := openOwn(b.path)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	b.f, b.sums = f, newSums(b.info)
	if b.done, err = io.Copy(b.sums, untilEnded{ctx, f}); err == nil && b.info.size >= 0 && b.done > b.info.size {
		err = b.restart()
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("hub: %w", err)
	}
	return nil
}

// untilEnded reads until its context has ended.
type untilEnded struct {
	ctx context.Context
	r   io.Reader
}

// Read reads, or tells that the context has ended.
func (u untilEnded) Read(p []byte) (int, error) {
	if err := fault.Ended(u.ctx, "interrupted"); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// restart throws away what is there.
func (b *blobWriter) restart() error {
	b.sums = newSums(b.info)
	b.done = 0
	if err := b.f.Truncate(0); err != nil {
		return permanent{err}
	}
	if _, err := b.f.Seek(0, io.SeekStart); err != nil {
		return permanent{err}
	}
	return nil
}

// afterRefusal starts from the beginning where the server will not continue from
// where we are. A network that was there and is gone may come back, so that error
// loses its kind, which would end the attempts.
func (b *blobWriter) afterRefusal(err error) error {
	if b.arrived && unreachable(err) {
		return fmt.Errorf("%w any more: %v", ErrOffline, err)
	}
	var status *statusError
	if b.done > 0 && errors.As(err, &status) && status.code == http.StatusRequestedRangeNotSatisfiable {
		if err := b.restart(); err != nil {
			return err
		}
		return errors.New("the server would not continue the download")
	}
	return err
}

// receive appends an answer's body. A server that ignores the range sends the
// whole file, and then so do we begin anew.
func (b *blobWriter) receive(resp *http.Response, body io.Reader) error {
	if b.done > 0 {
		var from int64
		_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &from)
		if resp.StatusCode != http.StatusPartialContent || err != nil || from != b.done {
			if err := b.restart(); err != nil {
				return err
			}
			if resp.StatusCode == http.StatusPartialContent {
				return errors.New("the server continued the download from another place")
			}
		}
	}
	total := b.info.size
	if length := resp.ContentLength; length >= 0 && total >= 0 && b.done+length != total {
		return permanent{fmt.Errorf("the hub says that the file has %d bytes, and its storage that it has %d; "+
			"a proxy or mirror on the way alters the file, or HF_ENDPOINT is wrong", total, b.done+length)}
	}
	if total < 0 && resp.ContentLength >= 0 {
		total = b.done + resp.ContentLength
	}
	return b.copy(body, total)
}

// copy moves the bytes, and tells of it.
func (b *blobWriter) copy(body io.Reader, total int64) error {
	buffer := make([]byte, 1<<20)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			if _, err := b.f.Write(buffer[:n]); err != nil {
				// a full disk stays full
				return permanent{fmt.Errorf("cannot store the download: %w", err)}
			}
			b.sums.Write(buffer[:n])
			b.done += int64(n)
			if b.progress != nil {
				b.progress(b.file, b.done, total)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the connection dropped after %d of %d bytes: %w", b.done, total, brief.Errorf("%w", err))
		}
	}
}

// check compares size and checksum.
func (b *blobWriter) check() error {
	if b.info.size >= 0 && b.done < b.info.size {
		return fmt.Errorf("the connection closed after %d of %d bytes", b.done, b.info.size)
	}
	wrongSize := b.info.size >= 0 && b.done != b.info.size
	got, right := b.sums.match(b.info.etag)
	if !wrongSize && right {
		return nil
	}
	err := fmt.Errorf("wrong checksum: got %d bytes with %s, want %d bytes with %s; nothing was kept: "+
		"try again, and if it stays so, a proxy or mirror on the way alters the file", b.done, got, b.info.size, b.info.etag)
	if b.mismatch { // a part from another day may be to blame once, not twice
		err = permanent{err}
	}
	b.mismatch = true
	return errors.Join(err, b.restart())
}
