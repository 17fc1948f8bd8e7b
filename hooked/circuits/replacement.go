package circuits

import (
	"errors"
	"slices"
	"strings"
	"sync"

	"gopherlens/hooked"
	"gopherlens/hooked/internal/forward"
	"gopherlens/internal/brief"
)

// A Replacement is a model with transcoders for its MLPs. It makes attribution graphs of prompts,
// and checks them by interventions. It is safe for concurrent use, and keeps the programs that it
// compiled for prompts of a length.
type Replacement struct {
	model   *hooked.Model
	set     *Transcoders
	in, out []string // sites of each layer

	mu       sync.Mutex
	programs map[programKey]*backward
}

// Replace puts transcoders and the model that they were made for together. They must fit: one for
// each layer, of the model's width, between sites that it has. Load the model without processing
// (hooked.NoProcessing) unless the transcoders were trained on a processed one: folding and
// centring change what they read and write.
func Replace(model *hooked.Model, t *Transcoders) (*Replacement, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if _, err := forward.Of(model); err != nil {
		return nil, brief.Errorf("circuits: %w", err)
	}
	r := &Replacement{model: model, set: t, programs: make(map[programKey]*backward)}
	if err := r.fit(); err != nil {
		return nil, brief.Errorf("circuits: the transcoders (%s) do not fit the model: %w", t, err)
	}
	return r, nil
}

// Model is the model.
func (r *Replacement) Model() *hooked.Model {
	if r == nil {
		return nil
	}
	return r.model
}

// Transcoders are those that stand for the model's MLPs.
func (r *Replacement) Transcoders() *Transcoders {
	if r == nil {
		return nil
	}
	return r.set
}

var errNoReplacement = errors.New("circuits: there is no replacement model: look at the error of the Replace that should have made it")

func (r *Replacement) check() error {
	if r == nil || r.model == nil {
		return errNoReplacement
	}
	return nil
}

// mlpHookOut is circuit-tracer's name for the MLP's output before a norm that follows it.
const mlpHookOut = "mlp.hook_out"

// fit finds the sites.
func (r *Replacement) fit() error {
	c := r.model.Config()
	in, out := r.set.Sites()
	switch {
	case len(r.set.Layers) != c.NLayers:
		return brief.Errorf("there are %d, and the model has %d layers", len(r.set.Layers), c.NLayers)
	case r.set.Layers[0].Config.DIn != c.DModel:
		return brief.Errorf("they are %d wide, and the model's residual stream %d", r.set.Layers[0].Config.DIn, c.DModel)
	case c.NormAfterSum:
		return brief.Errorf("in this model norms stand after the sums, so that its residual stream is no sum of what the layers write")
	case out == mlpHookOut && c.NormalizesOutputs():
		return brief.Errorf("%s lies before the norm of the MLP's output, which is no site of this model: want hook_mlp_out", mlpHookOut)
	case out == mlpHookOut:
		out = "hook_mlp_out"
	case out != "hook_mlp_out":
		return brief.Errorf("they write %q: want the MLP's output, hook_mlp_out", out)
	}
	sites := c.Sites()
	for l := range c.NLayers {
		from, err := siteOf(sites, at(l, in))
		if err != nil {
			return err
		}
		to, err := siteOf(sites, at(l, out))
		switch {
		case err != nil:
			return err
		case from >= to:
			return brief.Errorf("they read %s, which comes after %s, which they write", at(l, in), at(l, out))
		case !slices.Equal(sites[from].Axes(), []string{"batch", "pos", "d_model"}):
			return brief.Errorf("they read %s, which has axes %v: want [batch, pos, d_model]", at(l, in), sites[from].Axes())
		}
		r.in, r.out = append(r.in, at(l, in)), append(r.out, at(l, out))
	}
	return nil
}

func siteOf(sites []hooked.Site, name string) (int, error) {
	i := slices.IndexFunc(sites, func(s hooked.Site) bool { return s.Name() == name })
	if i < 0 {
		return 0, brief.Errorf("the model has no site %q", name)
	}
	return i, nil
}

// frozenScales are the denominators of the norms on the paths of a graph, which count as constants.
func (r *Replacement) frozenScales() (names []string) {
	for _, s := range r.model.Config().Sites() {
		name := s.Name()
		inHead := strings.Contains(name, "q_norm") || strings.Contains(name, "k_norm")
		inside := strings.Contains(name, ".mlp.") || strings.HasPrefix(name, "embed.")
		if strings.HasSuffix(name, "hook_scale") && !inHead && !inside {
			names = append(names, name)
		}
	}
	return names
}

// patterns are the sites of all attention patterns.
func (r *Replacement) patterns() (names []string) {
	for l := range r.in {
		names = append(names, hooked.AttnPattern.At(l).Name())
	}
	return names
}

// zeroPositions is how many positions at the beginning have no features and no errors: the BOS,
// and of Gemma 3's instruction-tuned models, whose transcoders were trained so, all that stands
// before the user's text.
func (r *Replacement) zeroPositions() int {
	name := strings.ToLower(r.model.Config().ModelName)
	if strings.Contains(name, "gemma-3") && strings.HasSuffix(name, "-it") {
		return 4
	}
	return 1
}
