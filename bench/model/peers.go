//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"gopherlens/bench/sides"
	"gopherlens/internal/cachedir"
)

// versions of the peers; requirements-tl4.txt and requirements-nnsight.txt pin them.
const (
	tl4Name     = "TransformerLens 4.3.0"
	nnsightName = "nnsight 0.8.1"
)

// comparePeers is the comparison with all that do the same in Python. Each loads the same folder of
// float32 safetensors, as a model of the hub comes.
func (o *options) comparePeers() error {
	model, err := o.folder()
	if err != nil {
		return err
	}
	t, err := o.compare([]side{
		o.peer(peerName, o.python, "peer.py", model),
		o.peer(tl4Name, o.tl4, "peer_tl4.py", model),
		o.peer(nnsightName, o.nnsight, "peer_nnsight.py", model),
		{ourName, []string{o.self, "ours", model, prompts}},
	})
	if err != nil {
		return err
	}
	if err := o.firstStart(t, model); err != nil {
		return err
	}
	return o.write("bench/PEERS.md", o.heading("# Gopherlens beside TransformerLens 2.x, 4.x and nnsight", "make bench-peers"),
		t.markdown(nil), "\n## Each over Gopherlens\n\nAbove 1 we are faster, or smaller: the ratio of the medians, and in brackets the least and the greatest of any two runs.\n\n",
		t.ratios(), peersLegend)
}

// folder is the installed model as transformers saves it, made once.
func (o *options) folder() (string, error) {
	folder := filepath.Join("build", "peers", "SmolLM2-135M-Instruct")
	if _, err := os.Stat(filepath.Join(folder, "model.safetensors")); err == nil {
		return folder, nil
	}
	model, err := sides.Model()
	if err != nil {
		return "", err
	}
	_, err = o.measure([]string{o.python, filepath.Join("bench", "model", "folder.py"), model, folder})
	return folder, err
}

const (
	start = "start to first logits"
	anew  = "the first start ever"
)

// firstStart adds the row of a start with an empty cache. The others keep nothing from one process
// to the next: each of their starts is such a one.
func (o *options) firstStart(t *table, model string) error {
	plugin, err := cachedir.Join("pjrt")
	if err != nil {
		return err
	}
	for i := range o.runs {
		cache, err := os.MkdirTemp("", "gopherlens-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(cache)
		fmt.Fprintf(os.Stderr, "run %d of %d: %s with an empty cache\n", i+1, o.runs, ourName)
		found, err := o.measure([]string{"env", cachedir.Variable + "=" + cache, "PJRT_PLUGIN_LIBRARY_PATH=" + plugin, o.self, "start", model, prompts})
		if err != nil {
			return fmt.Errorf("%s, %s: %w", ourName, anew, err)
		}
		t.addFirst(t.ours(), anew, found[:1])
	}
	for side := range t.ours() {
		t.addFirst(side, anew, t.cells[start][side])
	}
	at := slices.Index(t.names, start)
	t.names = slices.Insert(slices.DeleteFunc(t.names, func(name string) bool { return name == anew }), at+1, anew)
	return nil
}

// addFirst adds measurements under another name, without what they computed.
func (t *table) addFirst(side int, name string, found []measurement) {
	for _, m := range found {
		t.add(side, []measurement{{Name: name, Seconds: m.Seconds}})
	}
}

// peersLegend says how to read the tables, and what each peer's rows are.
const peersLegend = `
` + howMeasured + `

All load the same folder of float32 safetensors, as transformers saves it. Gopherlens keeps processed weights and compiled programs
from one process to the next; its first start ever has neither, and the others' starts are all alike.

- TransformerLens 2 folds the layer norms and centres the unembedding, as Gopherlens does.
- TransformerLens 4 is ` + "`TransformerBridge.boot_transformers`" + ` as it comes, without its mode of compatibility; its package
  ` + "`patching`" + ` sweeps. It runs transformers' model, as nnsight does, and shares nothing between prompts either.
- nnsight is ` + "`TransformersModel`" + ` with eager attention. Its cache is ` + "`tracer.cache()`" + `, the output of every module, patterns
  among them; a patch of a sweep is a trace of its own, as it is a run in TransformerLens.
`
