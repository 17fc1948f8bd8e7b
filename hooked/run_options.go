package hooked

import (
	"context"
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"gopherlens/internal/fault"
)

// An Option says something about one run: what to record, what to change, what to return.
type Option func(*request) error

// request is what the options of a run say, before the model has looked at it.
type request struct {
	verb      string   // the method that the options were given to
	given     []string // their names, in their order
	record    []Selector
	recordAll bool
	observers []observer
	edits     []requestedEdit
	grads     []Selector
	gradAll   bool

	weightGrads []string

	start, stop  *int
	logitsAt     []int
	posSlice     []int
	lossPerToken bool
	ungroup      bool
	prependBOS   *bool
	padding      Side
	mask         [][]int
	kv           *KVCache
	ctx          context.Context // nil for none, see [WithContext]
	// of a generation: the positions that all its steps compute, and those before
	textEnd    int
	continued  bool // it is a generation's, after the first step
	textLength int  // of the text that the input is the beginning of; 0 if it is all
	lossTokens Tokens
	tokenTypes [][]int
	// of an encoder-decoder: the encoder's text, which of its tokens are real, the keys and values of
	// it if they are known, and which of the decoder's tokens are real
	source                 Tokens
	sourceMask, targetMask [][]int
	sourceKV               []*Tensor
}

type observer struct {
	at   Selector
	f    func(*Tensor, Site)
	line string // of the user's code, where it was given

	sites []Site         // that at means in the run
	taps  []*tapSelector // the same
}

type requestedEdit struct {
	at       Selector
	edit     Intervention
	backward bool
	line     string // of the user's code, where it was given
}

// option is an option that a request knows by its name, so that [verb.check] can tell whether it
// means anything.
func option(name string, set func(*request) error) Option {
	return func(r *request) error {
		r.given = append(r.given, name)
		return set(r)
	}
}

func (r *request) has(name string) bool { return slices.Contains(r.given, name) }

// Names limits what [Model.RunWithCache] records to the sites that the selectors match,
// TransformerLens' names_filter. What is not recorded is not computed for its own sake and takes no
// memory.
func Names(selectors ...Selector) Option {
	return option("Names", func(r *request) error {
		if len(selectors) == 0 {
			return fmt.Errorf("Names needs at least one selector: without it every site is recorded")
		}
		r.record = append(r.record, selectors...)
		return nil
	})
}

// Edit changes the activation at the selected sites: the model goes on with what the edit returns.
// An edit is a graph function, traced while the run's graph is built, or an [Intervention] with
// run-time values. Several edits of a site apply in the order given, and recorded activations are
// the edited ones.
//
//	hooked.Edit(hooked.AttnZ.At(5), hooked.ZeroHead(3))
//	hooked.Edit("resid_post", func(x *graph.Node, s hooked.Site) *graph.Node { return graph.MulScalar(x, 0.5) })
func Edit[E func(*Node, Site) *Node | Intervention](at Selector, edit E) Option {
	return changeOf("Edit", at, edit, false)
}

// EditGrad changes the gradient that flows back through the selected sites, as TransformerLens'
// backward hooks do. It shows in the gradients of earlier sites.
func EditGrad[E func(*Node, Site) *Node | Intervention](at Selector, edit E) Option {
	return changeOf("EditGrad", at, edit, true)
}

// changeOf is an edit as an option called name.
func changeOf(name string, at Selector, edit any, backward bool) Option {
	change, line := asIntervention(edit), fault.UsersLine()
	return option(name, func(r *request) error {
		if change.apply == nil {
			return fmt.Errorf("%s of %v: there is no function: give a func(*graph.Node, hooked.Site) *graph.Node or an Intervention", name, at)
		}
		r.edits = append(r.edits, requestedEdit{at: at, edit: change, backward: backward, line: line})
		return nil
	})
}

// asIntervention is an edit in either of its forms; one without a function if that is nil.
func asIntervention(edit any) Intervention {
	f, ok := edit.(func(*Node, Site) *Node)
	switch {
	case !ok:
		return edit.(Intervention)
	case f == nil:
		return Intervention{}
	}
	return Intervention{apply: func(x *Node, s Site, _ []*Node) *Node { return f(x, s) }}
}

// Observe calls f after the run with the activation at each selected site, in the order of the
// forward pass.
func Observe(at Selector, f func(activation *Tensor, site Site)) Option {
	line := fault.UsersLine()
	return option("Observe", func(r *request) error {
		if f == nil {
			return fmt.Errorf("Observe of %v: there is no function", at)
		}
		r.observers = append(r.observers, observer{at: at, f: f, line: line})
		return nil
	})
}

// Hooks joins options under one name, to be used again: a set of edits that belong together.
func Hooks(options ...Option) Option {
	return func(r *request) error {
		for i, o := range options {
			if o == nil {
				return fmt.Errorf("option %d is nil", i)
			}
			if err := o(r); err != nil {
				return err
			}
		}
		return nil
	}
}

// Fails is an option that ends a run with this error before it begins: for packages that make
// options of things which may not be as they should.
func Fails(err error) Option {
	return func(*request) error {
		if err == nil {
			return fmt.Errorf("Fails: there is no error")
		}
		return err
	}
}

// StopAtLayer ends the run before layer l, which may be negative; the run returns the residual
// stream there, [batch, pos, d_model], in place of logits.
func StopAtLayer(l int) Option {
	return option("StopAtLayer", func(r *request) error { r.stop = &l; return nil })
}

// StartAtLayer begins the run at layer l, which may be negative: the input is a residual stream
// [batch, pos, d_model].
func StartAtLayer(l int) Option {
	return option("StartAtLayer", func(r *request) error { r.start = &l; return nil })
}

// LogitsAt computes logits at these positions only: [batch, len(positions), d_vocab]. Negative ones
// count from the end of each prompt: of texts, and under an attention mask, from its last token.
func LogitsAt(positions ...int) Option {
	return option("LogitsAt", func(r *request) error {
		if len(positions) == 0 {
			return fmt.Errorf("LogitsAt needs at least one position")
		}
		r.logitsAt = positions
		return nil
	})
}

// PosSlice keeps in the cache only these positions of each activation, on the axis of the query
// where there are two.
func PosSlice(positions ...int) Option {
	return option("PosSlice", func(r *request) error {
		if len(positions) == 0 {
			return fmt.Errorf("PosSlice needs at least one position")
		}
		r.posSlice = positions
		return nil
	})
}

// LossPerToken makes a loss [batch, pos-1], one for each predicted token, in place of the mean.
func LossPerToken() Option {
	return option("LossPerToken", func(r *request) error { r.lossPerToken = true; return nil })
}

// LossTokens gives the tokens that a run from a residual stream is to be scored on.
func LossTokens(t Tokens) Option {
	return option("LossTokens", func(r *request) error { r.lossTokens = t; return nil })
}

// PrependBOS says whether texts get the beginning-of-sequence token; without it the model's default
// holds. Tokens are taken as they are.
func PrependBOS(yes bool) Option {
	return option("PrependBOS", func(r *request) error { r.prependBOS = &yes; return nil })
}

// PaddingSide says where shorter inputs are filled up. With [Left] the pads are masked and
// positions count from the first real token; with [Right] they are ordinary tokens that nothing
// before them sees, as in TransformerLens.
func PaddingSide(side Side) Option {
	return option("PaddingSide", func(r *request) error {
		if side != Left && side != Right {
			return fmt.Errorf("PaddingSide: there is no side %v, only hooked.Left and hooked.Right", side)
		}
		r.padding = side
		return nil
	})
}

// AttentionMask says which tokens are real (1) and which are pads (0), [batch][pos].
func AttentionMask(mask [][]int) Option {
	return option("AttentionMask", func(r *request) error { r.mask = mask; return nil })
}

// UngroupKV gives every query head its own key and value before their hooks, in models that share
// them: what TransformerLens calls ungroup_grouped_query_attention.
func UngroupKV() Option {
	return option("UngroupKV", func(r *request) error { r.ungroup = true; return nil })
}

// WithKV runs on top of a key-value cache: the input continues what the cache holds, and unless it
// is frozen the cache grows by it.
func WithKV(kv *KVCache) Option {
	return option("WithKV", func(r *request) error {
		if err := kv.check(); err != nil {
			return fmt.Errorf("WithKV: %w", err)
		}
		r.kv = kv
		return nil
	})
}

// Gradients asks [Model.RunWithGradients] for the gradient at the selected sites.
func Gradients(selectors ...Selector) Option {
	return option("Gradients", func(r *request) error {
		if len(selectors) == 0 {
			return fmt.Errorf("Gradients needs at least one selector: without it every recorded site gets one")
		}
		r.grads = append(r.grads, selectors...)
		return nil
	})
}
