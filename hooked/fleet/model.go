package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/cachedir"
	"gopherlens/internal/wholefile"
)

// A modelRef says which model a task is about: by name, and by what its weights must be.
type modelRef struct {
	Name       string            `json:"name,omitempty"` // on the hub; empty for files that are in the queue alone
	Revision   string            `json:"revision,omitempty"`
	Processing hooked.Processing `json:"processing"`
	DType      hooked.DType      `json:"dtype,omitempty"`
	Layers     int               `json:"layers,omitempty"` // see [hooked.LoadOptions]
	Weights    string            `json:"weights"`          // [hooked.Model.WeightsHash]
	Files      []modelFile       `json:"files,omitempty"`  // in the queue's object store
	Single     bool              `json:"single,omitempty"` // the one file is the model, not its folder
}

type modelFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

var (
	hubName  = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?$`)
	hexSum   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	fileName = regexp.MustCompile(`^[A-Za-z0-9_][\w.-]*$`)
	dtypes   = []hooked.DType{"", hooked.F32, hooked.BF16, hooked.F16}
)

const maxFiles = 1024

// check refuses what no caller of ours has written, and paths above all: a name must not lead to a
// file of the worker's machine.
func (r modelRef) check() error {
	switch {
	case r.Name == "" && len(r.Files) == 0:
		return damaged("it names no model")
	case r.Name != "" && (!hubName.MatchString(r.Name) || strings.Contains(r.Name, "..")):
		return damaged("%s is no name of a model on the hub", brief.Text(r.Name))
	case r.Revision != "" && (!fileName.MatchString(r.Revision) || strings.Contains(r.Revision, "..")):
		return damaged("%s is no revision", brief.Text(r.Revision))
	case r.Processing&^processingBits != 0:
		return damaged("the processing %d is not known", r.Processing)
	case !slices.Contains(dtypes, r.DType):
		return damaged("the precision %s is not known", brief.Text(string(r.DType)))
	case r.Layers < 0 || !hexSum.MatchString(r.Weights) || len(r.Files) > maxFiles || r.Single && len(r.Files) != 1:
		return damaged("what it says of the model cannot be")
	}
	for _, f := range r.Files {
		if !fileName.MatchString(f.Name) || !hexSum.MatchString(f.SHA256) || f.Bytes < 0 {
			return damaged("%s is no file of a model", brief.Text(f.Name))
		}
	}
	return nil
}

func (r modelRef) String() string {
	if r.Name == "" {
		return "the model of the caller's files"
	}
	return "the model " + r.Name
}

// refer says which model m is, and has its files put into the queue where others could not have
// them otherwise.
func (c *conn) refer(ctx context.Context, m *hooked.Model, share bool) (modelRef, error) {
	f, err := hooked.FilesOf(m)
	if err != nil {
		return modelRef{}, err
	}
	hash, err := m.WeightsHash()
	if err != nil {
		return modelRef{}, err
	}
	r := modelRef{Name: f.Name, Processing: f.Processing, DType: f.DType, Layers: f.FirstNLayers, Weights: hash}
	if _, err := os.Stat(f.Name); err == nil {
		r.Name, share = "", true
	} else if folder, commit := filepath.Split(f.Path); filepath.Base(folder) == "snapshots" { // of the hub's cache
		r.Revision = commit
	}
	if share {
		if err := c.upload(ctx, f.Path, &r); err != nil {
			return modelRef{}, brief.Errorf("putting the model's files into the queue: %w", err)
		}
	}
	return r, r.check()
}

// upload puts a model's files into the store, those that are not there.
func (c *conn) upload(ctx context.Context, path string, r *modelRef) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	paths := []string{path}
	if r.Single = !info.IsDir(); !r.Single {
		if paths, err = filesIn(path); err != nil {
			return err
		}
	}
	for _, path := range paths {
		f, err := c.uploadFile(ctx, path)
		if err != nil {
			return brief.Errorf("%s: %w", path, err)
		}
		r.Files = append(r.Files, f)
	}
	return nil
}

// filesIn are the files of a model's folder.
func filesIn(folder string) (paths []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && fileName.MatchString(e.Name()) {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

func (c *conn) uploadFile(ctx context.Context, path string) (modelFile, error) {
	f := modelFile{Name: filepath.Base(path)}
	var err error
	if f.Bytes, f.SHA256, err = wholefile.Sum(path); err != nil {
		return f, err
	}
	err = again(ctx, patience, func(ctx context.Context) error {
		_, err := c.models.GetInfo(ctx, f.SHA256)
		return err
	})
	if !errors.Is(err, jetstream.ErrObjectNotFound) {
		return f, err
	}
	return f, slowly(ctx, func(ctx context.Context, moved func()) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = c.models.Put(ctx, jetstream.ObjectMeta{Name: f.SHA256}, moving{file, moved})
		return denied(err)
	})
}

// models are those that a worker has loaded; the last is kept.
type models struct {
	mu    sync.Mutex
	given *hooked.Model // where the worker is the caller's own process
	on    hooked.Devices
	ref   string
	model *hooked.Model
}

// find is the model of a task, loaded from where it is nearest.
func (ms *models) find(ctx context.Context, c *conn, r modelRef) (*hooked.Model, error) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.given != nil {
		return ms.given, nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if ms.model != nil && ms.ref == string(text) {
		return ms.model, nil
	}
	ms.model = nil // two may be more than there is memory
	m, err := ms.load(ctx, c, r)
	if err != nil {
		return nil, brief.Errorf("%v cannot be had here: %w", r, err)
	}
	ms.model, ms.ref = m, string(text)
	return m, nil
}

// load takes a model from the cache or the hub, and from the queue if these do not have the same.
func (ms *models) load(ctx context.Context, c *conn, r modelRef) (*hooked.Model, error) {
	var errs []error
	if r.Name != "" {
		m, err := ms.loadAs(ctx, r.Name, r)
		if err == nil {
			return m, nil
		}
		errs = append(errs, err)
	}
	if len(r.Files) > 0 {
		path, err := c.download(ctx, r)
		if err == nil {
			var m *hooked.Model
			if m, err = ms.loadAs(ctx, path, modelRef{Processing: r.Processing, DType: r.DType, Layers: r.Layers, Weights: r.Weights}); err == nil {
				return m, nil
			}
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// loadAs loads a model and holds its weights against the hash.
func (ms *models) loadAs(ctx context.Context, name string, r modelRef) (*hooked.Model, error) {
	m, err := hooked.FromPretrained(name, r.Processing, hooked.LoadOptions{Revision: r.Revision, DType: r.DType, FirstNLayers: r.Layers, Devices: ms.on, Context: ctx})
	if err != nil {
		return nil, err
	}
	hash, err := m.WeightsHash()
	if err != nil {
		return nil, err
	}
	if hash != r.Weights {
		return nil, brief.Errorf("%s has other weights here (SHA-256 %s) than at the caller (%s)", name, hash, r.Weights)
	}
	return m, nil
}

// download puts a model's files into the cache, each checked, and is where they lie.
func (c *conn) download(ctx context.Context, r modelRef) (string, error) {
	text, err := json.Marshal(r.Files)
	if err != nil {
		return "", err
	}
	folder, err := cachedir.Join("fleet", "models", digest(text))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(folder); err != nil {
		if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
			return "", err
		}
		err := wholefile.WriteFolder(folder, 0o755, func(temp string) error {
			for _, f := range r.Files {
				if err := c.downloadFile(ctx, f, filepath.Join(temp, f.Name)); err != nil {
					return fmt.Errorf("%s: %w", f.Name, err)
				}
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	if r.Single {
		return filepath.Join(folder, r.Files[0].Name), nil
	}
	return folder, nil
}

func (c *conn) downloadFile(ctx context.Context, f modelFile, path string) error {
	err := slowly(ctx, func(ctx context.Context, moved func()) error {
		object, err := c.models.Get(ctx, f.SHA256)
		if err != nil {
			return err
		}
		defer object.Close()
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(file, io.LimitReader(moving{object, moved}, f.Bytes+1))
		return errors.Join(err, file.Close())
	})
	if err != nil {
		return err
	}
	if n, sum, err := wholefile.Sum(path); err != nil || n != f.Bytes || sum != f.SHA256 {
		return errors.Join(err, damaged("it is not the file that the caller has (SHA-256 %s)", f.SHA256))
	}
	return nil
}
