package hooked

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"gopherlens/internal/hub"
	"gopherlens/internal/weights"
)

// An Inspection is what the files of a model say without their weights, see [Inspect].
type Inspection struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	Format string `json:"format"` // safetensors, GGUF or torch

	Family  string `json:"family,omitempty"` // as in [Families]; empty if it is not known
	Class   string `json:"class,omitempty"`
	Encoder bool   `json:"encoder,omitempty"`

	Layers        int   `json:"layers,omitempty"`
	EncoderLayers int   `json:"encoder_layers,omitempty"` // of an encoder-decoder, beside the decoder's
	DModel        int   `json:"d_model,omitempty"`
	Heads         int   `json:"heads,omitempty"`
	KeyValueHeads int   `json:"key_value_heads,omitempty"`
	DHead         int   `json:"d_head,omitempty"`
	DMLP          int   `json:"d_mlp,omitempty"`
	Experts       int   `json:"experts,omitempty"`
	PerToken      int   `json:"experts_per_token,omitempty"`
	DExpert       int   `json:"d_expert,omitempty"`
	Vocabulary    int   `json:"vocabulary,omitempty"`
	Context       int   `json:"context,omitempty"`
	Parameters    int64 `json:"parameters,omitempty"` // of the model, an unembedding that is the embedding included

	Types     []StoredType     `json:"types,omitempty"`            // that the tensors are stored in, the largest first
	Memory    map[string]int64 `json:"memory_by_dtype,omitempty"`  // bytes that the weights take on the device
	Tokenizer int              `json:"tokenizer_tokens,omitempty"` // how many tokens the tokenizer has

	Notes   []string `json:"notes,omitempty"`
	Refused []string `json:"refused,omitempty"` // why it does not load; empty if it does
}

// StoredType is a type of numbers in a model's files.
type StoredType struct {
	Type    string `json:"type"` // as safetensors and ggml spell it
	Tensors int    `json:"tensors"`
	Values  int64  `json:"values"`
	Bytes   int64  `json:"bytes"`
}

// Inspect reads the headers of a model's files, not their weights: the family, the sizes, how the
// weights are stored, what memory they would take, and what [FromPretrained] would refuse, which is
// no error here. The name is what FromPretrained takes; a model that is not on this machine is
// downloaded, unless LoadOptions.Offline says otherwise. Of the options Revision, Offline, Context
// and Progress are read; others are refused.
func Inspect(name string, options ...LoadOptions) (seen *Inspection, err error) {
	defer guard(&err)
	o, err := oneOption(options)
	if err != nil {
		return nil, err
	}
	if err := o.findsOnly("Inspect"); err != nil {
		return nil, err
	}
	source, err := hub.Resolve(o.context(), name, hub.Options{Revision: o.Revision, Offline: o.Offline, Progress: o.progress()})
	if err != nil {
		return nil, err
	}
	seen = &Inspection{Name: name, Path: source.Path}
	file, err := weights.Open(source.Path)
	if errors.Is(err, ErrUnsupportedFile) {
		seen.refuse(err)
		return seen, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	seen.stored(file)
	seen.config(source.Path, file)
	if tok, err := readTokenizer(source.Path, file); err == nil {
		seen.Tokenizer = tok.VocabSize()
	} else if !errors.Is(err, fs.ErrNotExist) {
		seen.Notes = append(seen.Notes, "no tokenizer: "+err.Error())
	}
	return seen, nil
}

// refuse notes why a model does not load, a line for each reason.
func (in *Inspection) refuse(err error) {
	in.Refused = append(in.Refused, strings.Split(err.Error(), "\n")...)
}

// stored adds up the tensors of each type.
func (in *Inspection) stored(file *weights.File) {
	in.Format = string(file.Format())
	of := make(map[weights.DType]*StoredType)
	for t := range file.Tensors() {
		s := of[t.DType]
		if s == nil {
			s = &StoredType{Type: string(t.DType)}
			of[t.DType] = s
		}
		s.Tensors++
		s.Values += int64(t.Size())
		s.Bytes += int64(t.Stored())
	}
	for _, s := range of {
		in.Types = append(in.Types, *s)
	}
	slices.SortFunc(in.Types, func(a, b StoredType) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Type, b.Type))
	})
}

// config reads the configuration, and holds the tensors' names against it.
func (in *Inspection) config(where string, file *weights.File) {
	arch, cfg, said, err := readConfig(where, file)
	if arch != nil {
		in.Family, in.Class, in.Encoder = arch.name, arch.class, arch.encoder
	}
	if err == nil {
		cfg.DType = F32
		err = cfg.Validate()
	}
	if err != nil {
		in.refuse(err)
		return
	}
	src := newSource(arch, cfg, said, file)
	if err := src.checkNames(arch); err != nil {
		in.refuse(err)
	}
	in.Notes = append(in.Notes, src.notes()...)
	in.Layers, in.DModel, in.Vocabulary, in.Context = cfg.NLayers, cfg.DModel, cfg.DVocab, cfg.NCtx
	in.EncoderLayers = cfg.NEncoderLayers
	in.Heads, in.KeyValueHeads, in.DHead = cfg.NHeads, cfg.NKeyValueHeads, cfg.DHead
	in.DMLP, in.Experts, in.PerToken, in.DExpert = cfg.DMLP, cfg.NExperts, cfg.ExpertsPerToken, cfg.DExpert
	given := src.gives()
	for name, spec := range src.specs {
		if !spec.optional || given[name] {
			in.Parameters += int64(sizeOf(spec.shape))
		}
	}
	in.Memory = map[string]int64{string(F32): 4 * in.Parameters, string(BF16): 2 * in.Parameters, string(F16): 2 * in.Parameters}
}

// String is the inspection as lines of text.
func (in *Inspection) String() string {
	if in == nil {
		return "nil inspection"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n  %s\n", in.Name, cmp.Or(in.Format, "not read"), in.Path)
	if in.Family != "" {
		kind := "decoder"
		switch {
		case in.Encoder:
			kind = "encoder"
		case in.EncoderLayers > 0:
			kind = "encoder and decoder"
		}
		fmt.Fprintf(&b, "  family %s, class %s, %s\n", in.Family, in.Class, kind)
	}
	if in.Layers > 0 {
		fmt.Fprintf(&b, "  %d layers, d_model %d, %d heads of %d over %d key-value heads", in.Layers, in.DModel, in.Heads, in.DHead, in.KeyValueHeads)
		if in.Experts > 0 {
			fmt.Fprintf(&b, ", %d of %d experts of %d", in.PerToken, in.Experts, in.DExpert)
		} else if in.DMLP > 0 {
			fmt.Fprintf(&b, ", d_mlp %d", in.DMLP)
		}
		fmt.Fprintf(&b, "\n  vocabulary %d, context %d", in.Vocabulary, in.Context)
		if in.Tokenizer > 0 {
			fmt.Fprintf(&b, ", a tokenizer of %d tokens", in.Tokenizer)
		}
		b.WriteByte('\n')
	}
	if in.Parameters > 0 {
		fmt.Fprintf(&b, "  %d parameters: %s in memory as %s, %s as %s or %s\n", in.Parameters, megabytes(in.Memory[string(F32)]), F32,
			megabytes(in.Memory[string(BF16)]), BF16, F16)
	}
	for _, t := range in.Types {
		fmt.Fprintf(&b, "  stored as %s: %d tensors, %d values, %s\n", t.Type, t.Tensors, t.Values, megabytes(t.Bytes))
	}
	for _, note := range in.Notes {
		fmt.Fprintf(&b, "  %s\n", note)
	}
	if len(in.Refused) == 0 {
		b.WriteString("  it loads")
	}
	for i, why := range in.Refused {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  refused: %s", why)
	}
	return b.String()
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
