package hooked

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute"

	"gopherlens/internal/brief"
	"gopherlens/internal/devices"
	"gopherlens/internal/weights"
	"gopherlens/tokenize"
)

// A keeper is a backend whose buffers outlive the process, as package resident's do. A model whose
// weights it holds is there at once in the next notebook cell.
type keeper interface {
	Keep(key string, blob []byte, names []string, buffers []compute.Buffer) error
	Attach(key string) (blob []byte, names []string, buffers []compute.Buffer, ok bool, err error)
}

// keeperOf is a backend as a keeper, if it is one.
func keeperOf(be compute.Backend) (k keeper, ok bool) {
	if d, spread := be.(*devices.Backend); spread {
		return d.Keeper()
	}
	k, ok = be.(keeper)
	return k, ok
}

// layoutVersion changes whenever weights are processed or laid out in another way, so that what an
// older build has kept is not taken for this one's.
const layoutVersion = 1

// keeperKey names a model in a keeper: the files as they are now, how they are processed, and by
// which version.
func keeperKey(name, where string, processing Processing, o LoadOptions) (string, error) {
	identity, err := weights.Identity(where)
	if err != nil {
		return "", err
	}
	key := fmt.Sprintf("hooked model %d %q %s %s %d %s", layoutVersion, name, identity, settings(where), processing, o.DType)
	if o.FirstNLayers > 0 {
		key += fmt.Sprint(" first ", o.FirstNLayers)
	}
	return key, nil
}

// settings tells apart states of the configuration files beside the weights. A weights' file that
// needs none, such as GGUF, has them in it; what happens to lie beside it costs at most another
// load.
func settings(where string) string { return filesState(where, "*.json") }

// filesState tells apart states of the files beside the weights that match the patterns: their
// names, sizes and times.
func filesState(where string, patterns ...string) string {
	var b strings.Builder
	for _, pattern := range patterns {
		paths, _ := filepath.Glob(filepath.Join(folderOf(where), pattern)) // sorted
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil {
				fmt.Fprintln(&b, filepath.Base(path), info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// modelRecord is what a keeper holds besides the weights.
type modelRecord struct {
	Config  Config
	Applied Processing
	Skipped []SkippedStep
	Shapes  map[string][]int
	Notes   []string
}

// record is all of a model but its weights and tokenizer.
func (m *Model) record() modelRecord {
	return modelRecord{m.cfg, m.applied, m.skipped, m.weights.shapes, m.allNotes()}
}

// attach makes a model of what a keeper holds; nil if it holds nothing under this key.
func attach(be compute.Backend, why, key, where string) (*Model, error) {
	k, ok := keeperOf(be)
	if !ok {
		return nil, nil
	}
	blob, names, buffers, found, err := k.Attach(key)
	if err != nil || !found {
		return nil, err
	}
	var kept modelRecord
	if err := json.Unmarshal(blob, &kept); err != nil {
		return nil, brief.Errorf("attaching to a kept model: %w", err)
	}
	m := bareModel(be, why, kept.Config.weightSpecs(), kept)
	for i, name := range names {
		m.weights.buffers[name] = buffers[i]
	}
	m.weights.load = func(context.Context, putFunc) error { return nil }
	m.texts = newTextKeeper(k, key, where)
	m.tok = m.texts.tokenizer(func() (*tokenize.Tokenizer, error) {
		file, err := weights.Open(where)
		if err != nil {
			return nil, err
		}
		return readTokenizer(where, file)
	})
	return m, nil
}

// keep stores a loaded model's weights, if the backend can.
func (m *Model) keep(key string) error {
	k, ok := keeperOf(m.eng.backend)
	if !ok {
		return nil
	}
	blob, err := json.Marshal(m.record())
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(m.weights.buffers))
	buffers := make([]compute.Buffer, len(names))
	for i, name := range names {
		buffers[i] = m.weights.buffers[name]
	}
	return k.Keep(key, blob, names, buffers)
}

// bareModel is a model without weights and tokenizer; specs are the weights that one of its
// configuration may have. Every model is made here, that of a worker too.
func bareModel(be compute.Backend, why string, specs map[string]weightSpec, k modelRecord) *Model {
	eng := sharedEngine(be)
	return noteModel(&Model{
		cfg: k.Config, applied: k.Applied, skipped: k.Skipped, notes: k.Notes, eng: eng,
		backend: be.Name() + ": " + why,
		id:      k.graphID(),
		weights: newWeightStore(eng, k.Config, specs, k.Shapes),
	})
}

// graphID tells apart models whose graphs may differ: two of one configuration share their
// programs, since weights are inputs, and so are the tables of rotary angles. What processing did
// shows in the configuration and in which weights there are.
func (k modelRecord) graphID() string {
	k.Config.ModelName, k.Notes, k.Applied, k.Skipped = "", nil, NoProcessing, nil
	k.Config.RotaryBase, k.Config.RotaryScaling, k.Config.RotaryFactors = 0, nil, nil
	text, err := json.Marshal(k) // maps are written in order of their keys
	if err != nil {
		panic(err) // plain data always marshals
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
