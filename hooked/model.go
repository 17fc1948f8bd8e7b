package hooked

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/tokenize"
)

// A Model is a transformer that shows its inside. It never changes: hooks are arguments of a run.
// It is safe for concurrent use.
type Model struct {
	cfg     Config
	id      string // distinguishes the programs of models that share an engine
	eng     *engine
	weights *weightStore
	tok     func() (*tokenize.Tokenizer, error)

	texts    *textKeeper         // of earlier cells' tokenizer; nil where nothing is kept
	givenTok *tokenize.Tokenizer // by WithTokenizer; nil for that of the model's files, or none

	adapted *adaptation // by WithAdapter; nil if it was not
	applied Processing
	skipped []SkippedStep
	notes   []string // how the files were understood, see [source.notes]
	backend string   // which one and why
}

var errNilModel = errors.New("the model is nil, or hooked.Model{}: look at the error of the FromPretrained or New that should have made it")

// check reports a model that nothing has made.
func (m *Model) check() error {
	if m == nil || m.eng == nil {
		return errNilModel
	}
	return nil
}

// need is m, which must have been made.
func (m *Model) need() *Model {
	if err := m.check(); err != nil {
		fail("%w", err)
	}
	return m
}

// Config is the model's configuration, after processing.
func (m *Model) Config() Config { return m.need().cfg }

// Applied are the processing steps that were applied.
func (m *Model) Applied() Processing { return m.need().applied }

// Skipped are the processing steps that were asked for and do not apply to the family, with the
// reasons.
func (m *Model) Skipped() []SkippedStep { return m.need().skipped }

// Tokenizer is the model's tokenizer; an error if it has none.
func (m *Model) Tokenizer() (*tokenize.Tokenizer, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if m.tok == nil {
		return nil, brief.Errorf("%s has no tokenizer: give it token ids", m.cfg.called())
	}
	return m.tok()
}

// String describes the model: family, sizes, what was folded and what was not, BOS, backend.
func (m *Model) String() string {
	if m.check() != nil {
		return "nil model"
	}
	c := m.cfg
	var b strings.Builder
	b.WriteString(c.called())
	if c.Architecture != "" {
		fmt.Fprintf(&b, " (%s)", c.Architecture)
	}
	b.WriteByte('\n')
	fmt.Fprintf(&b, "  %d layers, d_model %d, %d heads of %d", c.NLayers, c.DModel, c.NHeads, c.DHead)
	if c.groupSize() > 1 {
		fmt.Fprintf(&b, " over %d key-value heads", c.NKeyValueHeads)
	}
	switch {
	case c.NExperts > 0:
		fmt.Fprintf(&b, ", %d of %d experts of %d (%s)", c.ExpertsPerToken, c.NExperts, c.DExpert, c.ActFn)
	case !c.AttnOnly:
		fmt.Fprintf(&b, ", d_mlp %d (%s)", c.DMLP, c.ActFn)
	}
	fmt.Fprintf(&b, ", vocabulary %d, context %d\n", c.DVocab, c.NCtx)
	fmt.Fprintf(&b, "  positions %s, norm %s\n", c.PositionalEmbedding, orNone(c.Normalization))
	if c.DType.halved() {
		fmt.Fprintf(&b, "  weights and activations in %s\n", c.DType)
	}
	fmt.Fprintf(&b, "  processed: %s\n", m.applied)
	for _, s := range m.skipped {
		fmt.Fprintf(&b, "  not applied: %s\n", s)
	}
	for _, note := range m.allNotes() {
		fmt.Fprintf(&b, "  %s\n", note)
	}
	fmt.Fprintf(&b, "  texts get a BOS: %t\n", c.DefaultPrependBOS)
	fmt.Fprintf(&b, "  computes with %s%s", m.backend, m.onDevices())
	return b.String()
}

// allNotes are the model's notes, and which adapters it has.
func (m *Model) allNotes() []string {
	notes := slices.Clone(m.notes)
	if m.adapted != nil {
		for _, a := range m.adapted.applied {
			notes = append(notes, fmt.Sprintf("with %v, times %v", a.Adapter, a.factor))
		}
	}
	return notes
}
