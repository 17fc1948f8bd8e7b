package dictionary

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// SpliceOptions refine [Splice].
type SpliceOptions struct {
	// ErrorTerm adds what the dictionary gets wrong, target - output, so that the model goes on as
	// if it were not there until its features are edited. It is a constant: no gradient flows
	// through it.
	ErrorTerm bool
	// Exclude are tokens whose positions the dictionary leaves alone, such as the model's BOS: many
	// dictionaries were not trained on its activations.
	Exclude []int
}

// Splice puts a dictionary into a run: the model goes on with what it gives in the place of the
// activation at its site. It is an edit like any other, and several may be given.
//
//	logits, cache, err := model.RunWithCache(text, dictionary.Splice(d))
//	acts := cache.Get(d.Acts())
//
// What goes on inside has sites of its own, under SAELens' names: hook_sae_input,
// hook_sae_acts_pre, hook_sae_acts_post (the features), hook_sae_recons, hook_sae_error and
// hook_sae_output, after the name of the output's site and a dot. They are recorded, edited,
// patched and differentiated like the model's own; [Dictionary.Acts] names the features. The
// output's site itself can be read, and holds hook_sae_output.
//
// The skip of a skip transcoder is part of what it gives; SAELens leaves it out in spliced runs
// without an error term. Positions of excluded tokens keep the model's own activation.
func Splice(d *Dictionary, options ...SpliceOptions) hooked.Option {
	var how SpliceOptions
	err := d.check()
	switch {
	case len(options) > 1:
		err = fmt.Errorf("Splice takes one SpliceOptions, %d are given", len(options))
	case len(options) == 1:
		how = options[0]
	}
	if i := slices.IndexFunc(how.Exclude, func(id int) bool { return id < 0 }); err == nil && i >= 0 {
		err = brief.Errorf("Splice: Exclude holds %d, which is no token", how.Exclude[i])
	}
	if err != nil {
		return hooked.Fails(err)
	}
	s := splicing{d, how}
	edit := hooked.With(s.apply, s.operands()...)
	c := d.Config
	if !c.Transcodes() {
		return hooked.Edit(c.Hook, edit.Local())
	}
	see := hooked.With(func(x *graph.Node, _ hooked.Site, _ []*graph.Node) *graph.Node { return x })
	if layerOf(c.Hook) == layerOf(c.HookOut) {
		edit, see = edit.Local(), see.Local()
	}
	return hooked.Hooks(hooked.Edit(c.Hook, see), hooked.Edit(c.HookOut, edit))
}

// Acts is the name of the site that a splice makes of the features,
// "blocks.5.hook_resid_pre.hook_sae_acts_post".
func (d *Dictionary) Acts() string { return d.Inner(hookActs) }

// Inner is the name of a site that a splice makes: hook is one of SAELens' names, such as
// "hook_sae_error".
func (d *Dictionary) Inner(hook string) string {
	if d == nil {
		return hook
	}
	return d.Config.HookOut + "." + hook
}

var layerInName = regexp.MustCompile(`^blocks\.(\d+)\.`)

// layerOf is the number of the layer that a site lies in; empty for none.
func layerOf(hook string) string {
	if m := layerInName.FindStringSubmatch(hook); m != nil {
		return m[1]
	}
	return ""
}

// A splicing is a dictionary in a run.
type splicing struct {
	d   *Dictionary
	how SpliceOptions
}

// operands are the weights, and the excluded tokens if there are any.
func (s splicing) operands() []hooked.Operand {
	var out []hooked.Operand
	for _, name := range s.d.Config.weightNames() {
		out = append(out, hooked.Value(s.d.Weights[name]))
	}
	if len(s.how.Exclude) > 0 {
		out = append(out, hooked.Value(s.how.Exclude))
	}
	return out
}

// apply is the edit of the output's site, whose activation is target.
func (s splicing) apply(target *graph.Node, site hooked.Site, values []*graph.Node) *graph.Node {
	c := s.d.Config
	n := len(c.weightNames())
	p := s.d.pass(values[:n])
	x := target
	if c.Transcodes() {
		x = hooked.Earlier(c.Hook, target)
	}
	edited := false
	p.Tap = func(name string, x *graph.Node) *graph.Node {
		y := hooked.Tap(name, x, innerAxes(name, x))
		edited = edited || y != x
		return y
	}
	out := p.Output(p.Encode(x))
	excluded := excludes(values[n:], target)
	if s.how.ErrorTerm {
		clean := out
		if edited {
			p.Tap = nil
			clean = p.Output(p.Encode(x))
		}
		err := graph.StopGradient(graph.Sub(target, clean))
		if excluded != nil {
			err = graph.Where(excluded, graph.ZerosLike(err), err)
		}
		out = graph.Add(out, hooked.Tap(hookError, err, strings.Join(site.Axes(), " ")))
	}
	if excluded != nil {
		out = graph.Where(excluded, target, out)
	}
	return hooked.Tap(hookOutput, out, strings.Join(site.Axes(), " "))
}

// lastAxes are the names of the last axis of what is tapped inside.
var lastAxes = map[string]string{hookInput: "d_in", hookPre: "feature", hookActs: "feature", hookRecons: "d_out"}

// innerAxes name the axes of a value inside a dictionary.
func innerAxes(name string, x *graph.Node) string {
	leading := []string{"batch", "pos"}
	for i := len(leading); i < x.Rank()-1; i++ {
		leading = append(leading, fmt.Sprint("dim", i))
	}
	return strings.Join(append(leading[:x.Rank()-1], lastAxes[name]), " ")
}

// excludes is true at the positions of excluded tokens, in x's shape; nil if there are none.
func excludes(tokens []*graph.Node, x *graph.Node) *graph.Node {
	if len(tokens) == 0 {
		return nil
	}
	ids := hooked.TokensOf(x)                                                            // [batch, pos]
	same := graph.Equal(graph.InsertAxes(ids, -1), graph.ExpandLeftToRank(tokens[0], 3)) // [batch, pos, excluded]
	hit := graph.ReduceMax(graph.ConvertDType(same, dtypes.Int32), -1)
	mask := graph.GreaterThan(hit, graph.ScalarZero(x.Graph(), dtypes.Int32))
	for mask.Rank() < x.Rank() {
		mask = graph.InsertAxes(mask, -1)
	}
	return graph.BroadcastToDims(mask, x.Shape().Dimensions...)
}
