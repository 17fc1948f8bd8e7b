package circuits

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// A Target is what a graph explains: the logit of a token at the prompt's last position, or any
// direction that the output of the final norm is read along.
type Target struct {
	Token int // of a logit, where Direction is nil

	// Direction [d_model] is read at the output of the final norm, after the norm's own weights.
	// For the difference of two logits it is the difference of two columns of W_U.
	Direction *hooked.Tensor
	Label     string  // of a direction
	Weight    float64 // of a direction: its share among the targets, as the probability is of a logit
}

// A Logit is a target that a graph has a node for.
type Logit struct {
	Token       int // of a direction d_vocab and more, counting through the targets
	Text        string
	Probability float64
}

// targets are the nodes of the logits and their directions.
func (rec *record) targets(o Options) ([]Logit, []target, error) {
	if i := slices.IndexFunc(rec.logits, notFinite); i >= 0 {
		return nil, nil, brief.Errorf("circuits: the logit of token %d is %v", i, rec.logits[i])
	}
	probabilities := softmax(rec.logits)
	given := o.Targets
	if len(given) == 0 {
		for _, token := range salient(probabilities, o.MaxTargets, o.Probability) {
			given = append(given, Target{Token: token})
		}
	}
	directions, err := rec.logitDirections(given)
	if err != nil {
		return nil, nil, err
	}
	weights, err := rec.finalWeights()
	if err != nil {
		return nil, nil, err
	}
	var logits []Logit
	var targets []target
	for i, t := range given {
		direction := directions[i]
		for j, w := range weights {
			direction[j] *= w
		}
		logit := Logit{Token: t.Token, Text: rec.text(t.Token)}
		if t.Direction != nil {
			logit = Logit{len(probabilities) + i, t.Label, t.Weight}
		} else {
			logit.Probability = probabilities[t.Token]
		}
		logits = append(logits, logit)
		targets = append(targets, target{rec.layers(), rec.pos() - 1, direction})
	}
	return logits, targets, nil
}

// salient are the most probable tokens until their probabilities add up to enough.
func salient(probabilities []float64, most int, enough float64) []int {
	order := make([]int, len(probabilities))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(probabilities[b], probabilities[a]) })
	order = order[:min(most, len(order))]
	sum := 0.0
	for i, token := range order {
		if sum += probabilities[token]; sum >= enough {
			return order[:i+1]
		}
	}
	return order
}

func softmax(logits []float32) []float64 {
	most := float64(slices.Max(logits))
	out := make([]float64, len(logits))
	sum := 0.0
	for i, v := range logits {
		out[i] = math.Exp(float64(v) - most)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// logitDirections are the directions of targets at the output of the final norm: of a token its
// column of W_U less the mean column.
func (rec *record) logitDirections(given []Target) ([][]float32, error) {
	unembed, err := rec.r.model.WU()
	if err != nil {
		return nil, err
	}
	d, vocabulary := rec.width(), unembed.Shape()[1]
	tokens := make([]int, len(given))
	for i, t := range given {
		if err := t.check(i, d, vocabulary); err != nil {
			return nil, err
		}
		tokens[i] = t.Token
	}
	columns, err := columnsOf(unembed, tokens)
	if err != nil {
		return nil, err
	}
	mean, err := meanOf(unembed)
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(given))
	for i, t := range given {
		if t.Direction != nil {
			if out[i], err = t.values(i); err != nil {
				return nil, err
			}
			continue
		}
		out[i] = columns[i*d : (i+1)*d]
		for j := range out[i] {
			out[i][j] -= mean[j]
		}
	}
	return out, nil
}

// meanOf is the mean column of W_U.
func meanOf(unembed *hooked.Tensor) (mean []float32, err error) {
	err = hooked.Try(func() { mean = unembed.Mean(unembed.AxisNames()[1]).Float32s() })
	return mean, err
}

// check reports a target that means nothing.
func (t Target) check(i, width, vocabulary int) error {
	fail := func(format string, args ...any) error {
		return brief.Errorf("circuits: target %d: "+format, append([]any{i}, args...)...)
	}
	switch {
	case t.Direction == nil && (t.Label != "" || t.Weight != 0):
		return fail("a label and a weight are for a Direction; a token has its text and probability")
	case t.Direction == nil && (t.Token < 0 || t.Token >= vocabulary):
		return fail("token %d does not exist: the model predicts %d tokens", t.Token, vocabulary)
	case t.Direction == nil:
		return nil
	case t.Token != 0:
		return fail("it is a token and a direction: leave one out")
	case !(t.Weight > 0 && t.Weight <= math.MaxFloat32):
		return fail("a direction's weight is %v: want a number above 0, such as 1", t.Weight)
	}
	var shape []int
	if err := hooked.Try(func() { shape = t.Direction.Shape() }); err != nil {
		return fail("%w", err)
	}
	if len(shape) != 1 || shape[0] != width {
		return fail("its direction has shape %v, want [d_model] = [%d]", shape, width)
	}
	return nil
}

// values are those of a direction.
func (t Target) values(i int) ([]float32, error) {
	values, err := floats(t.Direction)
	if err != nil {
		return nil, err
	}
	if at := slices.IndexFunc(values, notFinite); at >= 0 {
		return nil, brief.Errorf("circuits: target %d: entry %d of its direction is %v", i, at, values[at])
	}
	return slices.Clone(values), nil
}

// finalWeights are those that the final norm multiplies by after the site that directions stand at;
// nil if there are none.
func (rec *record) finalWeights() ([]float32, error) {
	c := rec.r.model.Config()
	rms := c.Normalization == hooked.RMS || c.FinalRMS && c.Normalization.HasWeights()
	if !rms {
		return nil, nil
	}
	w, err := rec.r.model.Weight("ln_final.w")
	if err != nil {
		return nil, err
	}
	return floats(w)
}

// text is a token's; its number in a model without tokenizer.
func (rec *record) text(token int) string {
	texts, err := rec.r.model.StrTokens([]int{token})
	if err != nil || len(texts) != 1 {
		return fmt.Sprintf("<%d>", token)
	}
	return texts[0]
}
