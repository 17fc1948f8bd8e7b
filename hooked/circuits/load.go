package circuits

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gopherlens/hooked"
	"gopherlens/hooked/dictionary"
	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/hub"
	"gopherlens/internal/weights"
)

// LoadOptions refine [Load].
type LoadOptions struct {
	Revision string // branch, tag or commit on the hub
	Offline  bool   // never ask the network

	// Context, if not nil, ends a download when it ends.
	Context context.Context
	// Progress is told of downloads, if not nil: bytes done and in all.
	Progress func(file string, done, total int64)
}

// Load is the transcoders in a folder, or in a folder of a repository on the Hugging Face hub,
// which is kept in the hub's cache on disk:
//
//	t, err := circuits.Load("transcoders/smollm2")
//	t, err := circuits.Load("mntss/transcoder-Llama-3.2-1B")
//
// It reads what circuit-tracer does: a config.yaml, and beside it layer_I.safetensors for per-layer
// transcoders (or the files that its field transcoders names, params.npz and params.safetensors of
// Gemma Scope among them, in the folder or on the hub: hf://owner/name/folder/file), W_enc_I and
// W_dec_I.safetensors for cross-layer ones. A field, file or tensor that is not known is an error
// which names it.
func Load(name string, options ...LoadOptions) (*Transcoders, error) {
	if len(options) > 1 {
		return nil, fmt.Errorf("circuits: Load takes one LoadOptions, %d are given", len(options))
	}
	l := loader{name: name}
	if len(options) == 1 {
		l.LoadOptions = options[0]
	}
	folder, err := l.findFolder()
	if err != nil {
		return nil, err
	}
	t, err := l.load(folder)
	if err != nil {
		err = brief.Errorf("loading the transcoders %s: %w", name, err)
		if l.fetched == nil { // the file's fault, and not the hub's
			err = fault.Mark(err, fault.ErrUnsupportedFile)
		}
		return nil, err
	}
	t.Source = brief.Sprintf("read from %s", name)
	return t, nil
}

// loader is one call of Load.
type loader struct {
	LoadOptions
	name  string
	local bool // the folder is one of this machine's, not the hub's

	fetched error // of the last download
}

// findFolder is the folder with the config.yaml.
func (l *loader) findFolder() (string, error) {
	info, err := os.Stat(l.name)
	if err != nil {
		return l.fetch(l.name, configFile)
	}
	l.local = true
	switch {
	case l.Revision != "":
		return "", brief.Errorf("circuits: %s is a local path, which has no revision %q", l.name, l.Revision)
	case !info.IsDir():
		return filepath.Dir(l.name), nil
	}
	return l.name, nil
}

// fetch is the folder of this machine that holds files of a folder on the hub.
func (l *loader) fetch(folder string, files ...string) (string, error) {
	ctx := l.Context
	if ctx == nil {
		ctx = context.Background()
	}
	o := hub.Options{Revision: l.Revision, Offline: l.Offline, Progress: l.Progress}
	source, err := hub.ResolveFolder(ctx, folder, [][]string{files}, o)
	l.fetched = err
	return source.Path, err
}

// haveLayer is have for the files of a layer. Without the hub the layers end where its cache does:
// whether that are all, the model knows.
func (l *loader) haveLayer(layer int, folder string, files ...string) (ok bool, err error) {
	ok, err = l.have(folder, files...)
	if layer > 0 && errors.Is(err, hub.ErrOffline) {
		l.fetched = nil
		return false, nil
	}
	return ok, err
}

// have makes sure that files are in the folder; ok is false where there are none.
func (l *loader) have(folder string, files ...string) (ok bool, err error) {
	missing := ""
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(folder, file)); err != nil {
			missing = file
		}
	}
	if missing == "" || l.local {
		return missing == "", nil
	}
	if _, err = l.fetch(l.name, files...); errors.Is(err, fault.ErrUnsupportedFile) { // it is not there
		l.fetched = nil
		return false, nil
	}
	return err == nil, err
}

func (l *loader) load(folder string) (*Transcoders, error) {
	c, err := readConfig(filepath.Join(folder, configFile))
	if err != nil {
		return nil, err
	}
	t := &Transcoders{Model: c.Model, Scan: c.Scan}
	if c.Kind == kindCrossLayer {
		err = l.crossLayers(t, c, folder)
	} else {
		err = l.layers(t, c, folder)
	}
	if err != nil {
		return nil, err
	}
	return t, t.check()
}

// layers reads per-layer transcoders.
func (l *loader) layers(t *Transcoders, c config, folder string) error {
	for i := 0; len(c.Paths) == 0 || i < len(c.Paths); i++ {
		var d *dictionary.Dictionary
		var err error
		if len(c.Paths) > 0 {
			d, err = l.listed(c, folder, i)
		} else {
			file := fmt.Sprintf("layer_%d.safetensors", i)
			ok, failed := l.haveLayer(i, folder, file)
			if failed == nil && !ok {
				return l.checkRest(folder, "layer_*.safetensors", i)
			}
			if err = failed; err == nil {
				d, err = readLayer(filepath.Join(folder, file), c, i)
			}
		}
		if err != nil {
			return brief.Errorf("layer %d: %w", i, err)
		}
		t.Layers = append(t.Layers, d)
	}
	return nil
}

// checkRest reports files of layers behind a gap.
func (l *loader) checkRest(folder, pattern string, n int) error {
	files, err := filepath.Glob(filepath.Join(folder, pattern))
	switch {
	case err != nil:
		return err
	case n == 0 && len(files) == 0:
		return brief.Errorf("the folder has no files %s", pattern)
	case len(files) > n:
		return brief.Errorf("there are %d files %s, and that of layer %d is missing", len(files), pattern, n)
	}
	return nil
}

// listed reads the transcoder that the configuration names for a layer.
func (l *loader) listed(c config, folder string, layer int) (*dictionary.Dictionary, error) {
	name := c.Paths[layer]
	file, err := l.findFile(folder, name)
	if err != nil {
		return nil, err
	}
	switch filepath.Base(file) {
	case "params.npz", "params.safetensors": // Gemma Scope's
		return loadGemmaScope(filepath.Dir(file), c, layer)
	}
	return readLayer(file, c, layer)
}

// loadGemmaScope reads a transcoder in Gemma Scope's layout. It stands where the configuration
// says, whatever the names of its folders do.
func loadGemmaScope(folder string, c config, layer int) (*dictionary.Dictionary, error) {
	in, out := at(layer, c.In), at(layer, c.Out)
	d, err := dictionary.Load(folder, dictionary.LoadOptions{Hook: in, HookOut: out})
	if err != nil {
		var other error
		if d, other = dictionary.Load(folder); other != nil {
			return nil, err
		}
	}
	d.Config.Hook, d.Config.HookOut, d.Config.Model = in, out, c.Model
	return d, nil
}

// findFile is the path of a file that the configuration names.
func (l *loader) findFile(folder, name string) (string, error) {
	uri, ok := strings.CutPrefix(name, "hf://")
	if !ok {
		if !filepath.IsLocal(name) {
			return "", brief.Errorf("file %q: want a path inside the folder, or hf://owner/name/folder/file", name)
		}
		if ok, err := l.have(folder, filepath.ToSlash(name)); err != nil || !ok {
			return "", cmp.Or(err, brief.Errorf("file %q is missing", name))
		}
		return filepath.Join(folder, name), nil
	}
	from := *l
	uri, query, _ := strings.Cut(uri, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", brief.Errorf("file %q: %w", name, err)
	}
	from.Revision = values.Get("revision")
	files := []string{path.Base(uri)}
	if files[0] == "params.safetensors" {
		files = append(files, "config.json")
	}
	at, err := from.fetch(path.Dir(uri), files...)
	l.fetched = from.fetched
	return filepath.Join(at, files[0]), err
}

// layerNames are the names of a layer's weights in circuit-tracer's files, by those of package
// dictionary.
var layerNames = map[string]string{"W_enc": "W_enc", "W_dec": "W_dec", "b_enc": "b_enc", "b_dec": "b_dec", "W_skip": "W_skip",
	"threshold": "activation_function.threshold"}

// readLayer reads a layer_I.safetensors.
func readLayer(path string, c config, layer int) (*dictionary.Dictionary, error) {
	found, err := readArrays(path)
	if err != nil {
		return nil, err
	}
	named := make(hooked.StateDict)
	for ours, theirs := range layerNames {
		move(named, ours, found, theirs)
	}
	if err := noneLeft(path, found); err != nil {
		return nil, err
	}
	return newLayer(c, layer, named)
}

// newLayer is a transcoder of weights with W_enc [feature, d_model].
func newLayer(c config, layer int, named hooked.StateDict) (*dictionary.Dictionary, error) {
	enc := named["W_enc"]
	if enc == nil || len(enc.Shape) != 2 {
		return nil, brief.Errorf("tensor %q is missing, or no matrix", "W_enc")
	}
	kind := dictionary.Transcoder
	switch jumps, skips := named["threshold"] != nil, named["W_skip"] != nil; {
	case jumps && skips:
		kind = dictionary.JumpReLUSkipTranscoder
	case jumps:
		kind = dictionary.JumpReLUTranscoder
	case skips:
		kind = dictionary.SkipTranscoder
	}
	width := enc.Shape[1]
	named["W_enc"] = transposed(enc)
	return dictionary.New(dictionary.Config{Kind: kind, DIn: width, DOut: width, Features: enc.Shape[0], Normalization: dictionary.NoNormalization,
		Hook: at(layer, c.In), HookOut: at(layer, c.Out), Model: c.Model}, named)
}

// crossLayers reads W_enc_I and W_dec_I.safetensors.
func (l *loader) crossLayers(t *Transcoders, c config, folder string) error {
	for i := 0; ; i++ {
		files := []string{fmt.Sprintf("W_enc_%d.safetensors", i), fmt.Sprintf("W_dec_%d.safetensors", i)}
		switch ok, err := l.haveLayer(i, folder, files...); {
		case err != nil:
			return brief.Errorf("layer %d: %w", i, err)
		case !ok && i == 0:
			return brief.Errorf("the folder has no files %s", strings.Join(files, " and "))
		case !ok:
			return errors.Join(l.checkRest(folder, "W_enc_*.safetensors", i), l.checkRest(folder, "W_dec_*.safetensors", i))
		}
		d, across, err := readCrossLayer(c, i, filepath.Join(folder, files[0]), filepath.Join(folder, files[1]))
		if err != nil {
			return brief.Errorf("layer %d: %w", i, err)
		}
		t.Layers, t.Decoders = append(t.Layers, d), append(t.Decoders, across)
	}
}

// readCrossLayer reads a layer's encoder and decoders.
func readCrossLayer(c config, layer int, encoder, decoder string) (*dictionary.Dictionary, *hooked.Tensor, error) {
	found, err := readArrays(encoder)
	if err != nil {
		return nil, nil, err
	}
	named := make(hooked.StateDict)
	for _, name := range []string{"W_enc", "b_enc", "b_dec", "threshold"} {
		move(named, name, found, fmt.Sprintf("%s_%d", name, layer))
	}
	if err := noneLeft(encoder, found); err != nil {
		return nil, nil, err
	}
	if found, err = readArrays(decoder); err != nil {
		return nil, nil, err
	}
	move(named, "W_dec", found, fmt.Sprintf("W_dec_%d", layer))
	if err := noneLeft(decoder, found); err != nil {
		return nil, nil, err
	}
	across := named["W_dec"]
	if across == nil || len(across.Shape) != 3 || across.Shape[1] == 0 {
		return nil, nil, brief.Errorf("tensor %q is missing, or not [feature, layer, d_model]", fmt.Sprintf("W_dec_%d", layer))
	}
	if i := slices.IndexFunc(across.Data, notFinite); i >= 0 {
		return nil, nil, brief.Errorf("tensor %q: value %d is %v: weights must be finite", fmt.Sprintf("W_dec_%d", layer), i, across.Data[i])
	}
	named["W_dec"] = firstOf(across)
	d, err := newLayer(c, layer, named)
	if err != nil {
		return nil, nil, err
	}
	all, err := hooked.NewTensor(across, "feature layer d_model")
	return d, all, err
}

// firstOf are the first entries of the middle axis of a [n, m, d].
func firstOf(a *hooked.Array) *hooked.Array {
	n, m, d := a.Shape[0], a.Shape[1], a.Shape[2]
	out := hooked.NewArray(n, d)
	for i := range n {
		copy(out.Data[i*d:(i+1)*d], a.Data[i*m*d:])
	}
	return out
}

// readArrays reads all tensors of a file.
func readArrays(path string) (found hooked.StateDict, err error) {
	file, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	found = make(hooked.StateDict)
	for t, err := range file.Tensors() {
		if err != nil {
			return nil, err
		}
		a := &hooked.Array{Shape: slices.Clone(t.Shape)}
		if a.Data, err = t.Float32s(); err != nil {
			return nil, err
		}
		found[t.Name] = a
	}
	return found, nil
}

// move moves a tensor, if it is there.
func move(to hooked.StateDict, name string, from hooked.StateDict, theirs string) {
	if a := from[theirs]; a != nil {
		to[name] = a
		delete(from, theirs)
	}
}

// noneLeft reports tensors that nobody has taken.
func noneLeft(path string, found hooked.StateDict) error {
	if len(found) == 0 {
		return nil
	}
	return brief.Errorf("%s holds tensors that are not known: %s", filepath.Base(path), brief.Names(slices.Sorted(maps.Keys(found))))
}

// transposed is a matrix with its axes exchanged.
func transposed(a *hooked.Array) *hooked.Array {
	rows, columns := a.Shape[0], a.Shape[1]
	out := hooked.NewArray(columns, rows)
	for r := range rows {
		for c, v := range a.Data[r*columns : (r+1)*columns] {
			out.Data[c*rows+r] = v
		}
	}
	return out
}
