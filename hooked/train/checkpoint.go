package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
	"gopherlens/internal/weights"
	"gopherlens/internal/wholefile"
)

// A folder of checkpoints holds
//
//	run.json               what is trained and how
//	frozen.safetensors     the weights that are not trained, if there are any
//	step-00000100/         a checkpoint
//	  model.safetensors    the trained weights, in TransformerLens' names and shapes
//	  state/               what the optimizer remembers, as GoMLX's package checkpoint writes it
//
// A checkpoint has its name when it is complete.
const (
	runFile      = "run.json"
	frozenFile   = "frozen.safetensors"
	weightsFile  = "model.safetensors"
	stateFolder  = "state"
	stepPattern  = "step-%08d"
	folderFormat = 1
)

// runRecord is what run.json holds.
type runRecord struct {
	Format   int
	Model    hooked.Config
	Trained  []string // weights
	Settings string   // what a resumption must not change
}

func (f *fit) record() runRecord {
	return runRecord{folderFormat, f.model.Config(), f.names, f.settings()}
}

// settings are what decides a step, besides the data, the loss and the schedule, which are
// functions.
func (f *fit) settings() string {
	c := f.cfg
	return fmt.Sprintf("%s, accumulate %d", settingsOf(c.Optimizer, c.LearningRate, c.Clip), c.Accumulate)
}

func settingsOf(o Optimizer, rate, clip float64) string {
	optimizer := fmt.Sprintf("%T", o)
	if _, ours := o.(optimizerCheck); ours {
		optimizer = fmt.Sprintf("%T%+v", o, o)
	}
	return fmt.Sprintf("%s, learning rate %v, clip %v", optimizer, rate, clip)
}

// sameSettings refuses to go on with other settings.
func sameSettings(was, now string) error {
	if was != now {
		return brief.Errorf("it was trained with %s, and now is asked for %s", was, now)
	}
	return nil
}

// newFolder prepares the folder of a training that begins. One that holds another training is
// refused.
func (f *fit) newFolder() error {
	folder := f.cfg.Folder
	if folder == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(folder, runFile)); err == nil {
		return brief.Errorf("folder %s holds the checkpoints of a training: go on with it (Resume), or take another folder", folder)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	f.claimed = true
	if err := f.writeFrozen(); err != nil {
		return err
	}
	data, err := json.MarshalIndent(f.record(), "", "\t")
	if err != nil {
		return err
	}
	return wholefile.WriteBytes(filepath.Join(folder, runFile), 0o644, data)
}

// unclaim takes back what newFolder has made for a training whose first step could not be taken.
func (f *fit) unclaim() {
	if !f.claimed || f.step > 0 {
		return
	}
	for _, name := range []string{runFile, frozenFile} {
		os.Remove(filepath.Join(f.cfg.Folder, name))
	}
	os.Remove(f.cfg.Folder) // if it is empty
}

// frozen are the weights that are not trained.
func (f *fit) frozen() []string {
	var names []string
	for name := range f.main.graphs.Weights() {
		if !slices.Contains(f.names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (f *fit) writeFrozen() error {
	names := f.frozen()
	if len(names) == 0 {
		return nil
	}
	return f.writeWeights(filepath.Join(f.cfg.Folder, frozenFile), names, f.main.graphs.Download)
}

// writeWeights writes weights in TransformerLens' shapes; one at a time is in the host's memory.
func (f *fit) writeWeights(path string, names []string, values func(name string) ([]float32, error)) error {
	var all []weights.Named
	for _, name := range names {
		all = append(all, weights.Named{Name: name, DType: weights.F32, Shape: f.main.graphs.Shape(name), Write: func(w io.Writer) error {
			onDevice, err := values(name)
			if err != nil {
				return err
			}
			shape, data, err := f.main.graphs.ToTransformerLens(name, onDevice)
			if err != nil {
				return err
			}
			return weights.FromFloat32s(name, shape, data).Write(w)
		}})
	}
	return weights.WriteSafetensors(path, map[string]string{"about": "weights of a training, made by gopherlens"}, all)
}

// readWeights reads weights as they lie on the device.
func (f *fit) readWeights(path string, names []string) (map[string][]float32, error) {
	file, err := weights.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	all := make(map[string][]float32)
	for _, name := range names {
		t, err := file.Tensor(name)
		if err != nil {
			return nil, err
		}
		data, err := t.Float32s()
		if err != nil {
			return nil, err
		}
		if all[name], err = f.main.graphs.FromTransformerLens(name, t.Shape, data); err != nil {
			return nil, brief.Errorf("%s: %w", path, err)
		}
	}
	return all, nil
}

// saveNow writes a checkpoint if one is due after the last step.
func (f *fit) saveNow() error {
	if f.cfg.Every == 0 || f.step%f.cfg.Every != 0 {
		return nil
	}
	return f.save()
}

// saveLast writes what was reached at the end. What the optimizer remembers of a step that diverged
// is no good.
func (f *fit) saveLast(failed error) error {
	if f.cfg.Folder == "" || f.step == 0 || errors.Is(failed, ErrDiverged) {
		return nil
	}
	return f.save()
}

func (f *fit) save() error {
	final := filepath.Join(f.cfg.Folder, fmt.Sprintf(stepPattern, f.step))
	if _, err := os.Stat(final); err == nil {
		return nil
	}
	err := wholefile.WriteFolder(final, 0o755, func(temp string) error {
		if err := f.writeWeights(filepath.Join(temp, weightsFile), f.names, f.trainedValues); err != nil {
			return err
		}
		return f.saveState(filepath.Join(temp, stateFolder))
	})
	if err != nil {
		return brief.Errorf("the checkpoint of step %d: %w", f.step, err)
	}
	return nil
}

// trainedValues are the values of a trained weight, as they lie on the device.
func (f *fit) trainedValues(name string) ([]float32, error) {
	value, err := f.variable(name).Value()
	if err != nil {
		return nil, err
	}
	buffer, err := value.Buffer(f.main.graphs.Backend(), 0)
	if err != nil {
		return nil, err
	}
	values := make([]float32, value.Size())
	return values, buffer.ToFlatData(values)
}

// saveState writes the variables that are no weights.
func (f *fit) saveState(folder string) error {
	handler, err := checkpoint.Build(f.store).Dir(folder).ExcludeAllParams().Keep(-1).WithCompression(checkpoint.BinUncompressed).Done()
	if err != nil {
		return err
	}
	defer f.store.SetLoader(nil)
	for v := range f.store.IterVariables() {
		if isWeight(v) || v == f.rate || !v.HasValue() {
			handler.ExcludeVarsFromSaving(v)
		}
	}
	return handler.Save()
}

// isWeight reports whether a variable belongs to a model, and not to the optimizer.
func isWeight(v *model.Variable) bool {
	return strings.HasPrefix(v.Path(), mainScope+model.ScopeSeparator) || strings.HasPrefix(v.Path(), othersScope+".")
}

// load takes the newest checkpoint of the folder as what was reached.
func (f *fit) load() error {
	folder := f.cfg.Folder
	if folder == "" {
		return brief.Errorf("Config.Folder is empty: name the folder of the training to resume")
	}
	record, err := readRecord(folder)
	if err != nil {
		return err
	}
	if err := record.same(f.record()); err != nil {
		return brief.Errorf("folder %s: %w", folder, err)
	}
	if err := f.checkFrozen(); err != nil {
		return err
	}
	steps, err := stepsIn(folder)
	// it was interrupted before its first checkpoint: from the beginning
	if err != nil || len(steps) == 0 {
		return err
	}
	f.step = steps[len(steps)-1]
	if f.step >= f.cfg.Steps {
		return brief.Errorf("folder %s: the training has taken %d steps, and Config.Steps is %d: ask for more to go on", folder, f.step, f.cfg.Steps)
	}
	return f.loadStep(filepath.Join(folder, fmt.Sprintf(stepPattern, f.step)))
}

func (f *fit) loadStep(folder string) error {
	values, err := f.readWeights(filepath.Join(folder, weightsFile), f.names)
	if err != nil {
		return err
	}
	for _, name := range f.names {
		if err := f.setWeight(name, values[name]); err != nil {
			return err
		}
	}
	defer f.store.SetLoader(nil)
	_, err = checkpoint.Load(f.store).Dir(filepath.Join(folder, stateFolder)).ExcludeAllParams().Immediate().Done()
	if err != nil {
		return brief.Errorf("%s: %w", folder, err)
	}
	for v := range f.store.IterVariables() {
		v.SetTrainable(isWeight(v))
	}
	return nil
}

// checkFrozen refuses to go on with other frozen weights than those that the training began with.
func (f *fit) checkFrozen() error {
	names := f.frozen()
	if len(names) == 0 {
		return nil
	}
	values, err := f.readWeights(filepath.Join(f.cfg.Folder, frozenFile), names)
	if err != nil {
		return err
	}
	for _, name := range names {
		mine, err := f.main.graphs.Download(name)
		if err != nil {
			return err
		}
		if !slices.Equal(mine, values[name]) {
			return brief.Errorf("folder %s: weight %s is not trained, and is not the model's: resume with the model that the training began with", f.cfg.Folder, name)
		}
	}
	return nil
}

func readRecord(folder string) (r runRecord, err error) {
	path := filepath.Join(folder, runFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, brief.Errorf("folder %s holds no training (no %s): begin one with Run", folder, runFile)
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, brief.Errorf("%s: %w", path, err)
	}
	if r.Format != folderFormat {
		return r, brief.Errorf("%s has format %d, this version reads %d", path, r.Format, folderFormat)
	}
	return r, nil
}

// same reports in what another training differs.
func (r runRecord) same(other runRecord) error {
	a, b := r.Model, other.Model
	a.ModelName, b.ModelName = "", ""
	switch {
	case !reflect.DeepEqual(a, b):
		return brief.Errorf("its model has another configuration than this one")
	case !slices.Equal(r.Trained, other.Trained):
		return brief.Errorf("it trains %s, and Config.Only now means %s", brief.Names(r.Trained), brief.Names(other.Trained))
	}
	return sameSettings(r.Settings, other.Settings)
}

// stepsIn are the steps of the checkpoints in a folder, in their order.
func stepsIn(folder string) ([]int, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var steps []int
	for _, e := range entries {
		var step int
		if n, _ := fmt.Sscanf(e.Name(), stepPattern, &step); n == 1 && e.Name() == fmt.Sprintf(stepPattern, step) {
			steps = append(steps, step)
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// lost adds to the error of a step from where the training can be resumed.
func (f *fit) lost(err error) error {
	next := f.step + 1
	if f.cfg.Folder != "" {
		if steps, _ := stepsIn(f.cfg.Folder); len(steps) > 0 {
			last := steps[len(steps)-1]
			return brief.Errorf("step %d (train.Resume goes on from the checkpoint of step %d in %s): %w", next, last, f.cfg.Folder, err)
		}
	}
	return brief.Errorf("step %d: %w", next, err)
}
