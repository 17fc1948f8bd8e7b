package hooked

import (
	"fmt"
	"math"
	"strings"

	"gopherlens/internal/brief"
)

// A Check is one thing that [Model.Verify] found out.
type Check struct {
	Name string
	Err  error // nil if it holds
}

// String is "ok: ..." or "FAILED: ...".
func (c Check) String() string {
	if c.Err != nil {
		return fmt.Sprintf("FAILED: %s: %v", c.Name, c.Err)
	}
	return "ok: " + c.Name
}

// Verify checks a model as it is loaded, on this machine and backend: a published loss, where its
// name has one, and what must hold in any transformer. It runs the model once or twice.
func (m *Model) Verify() ([]Check, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	tokens, err := m.probe()
	if err != nil {
		return nil, err
	}
	logits, cache, err := m.RunWithCache(tokens)
	if err != nil {
		return nil, err
	}
	checks := []Check{{"all logits are finite", finite(logits)}}
	err = Try(func() {
		checks = append(checks,
			Check{"rows of every pattern sum to 1", m.patternsSum(cache)},
			Check{"what the parts write adds up to the residual stream", m.partsAddUp(cache)})
	})
	if err != nil {
		return nil, err
	}
	if want, ok := publishedLosses[strings.ToLower(m.cfg.ModelName)]; ok {
		checks = append(checks, Check{fmt.Sprintf("the loss on %q is the published one", start(want.text)), m.lossIs(want)})
	}
	return checks, nil
}

// scoredText is a text with the mean loss, in nats, that a model has on it.
type scoredText struct {
	text string
	loss float32
}

const hello = "Hello world!"

// lighthouse is the text of hooked/testdata/real/smollm2.json.
const lighthouse = "The lighthouse keeper climbed the spiral stairs every evening at dusk. He trimmed the wick, polished " +
	"the great lens, and wrote a line or two in his log about the weather. In 1897, after a storm that " +
	"lasted three days, he found a small boat on the rocks below, and in it a sleeping child who couldn't " +
	"say where she had come from."

// publishedLosses are mean losses with a BOS and default processing, by a model's short name in
// lower case. Source: TransformerLens 2.18, tests/acceptance/test_hooked_transformer.py, which
// asserts them; for the default model TransformerLens 2.16.1 run on the same file.
var publishedLosses = map[string]scoredText{
	"smollm2-135m":          {lighthouse, 3.87685704},
	"gpt2-small":            {hello, 5.331855773925781},
	"stanford-gpt2-small-a": {hello, 5.652035713195801},
	"gpt-neo-125m":          {hello, 4.900552272796631},
	"pythia-70m":            {hello, 4.659344673156738},
	"opt-125m":              {hello, 6.159054279327393},
	"attn-only-demo":        {hello, 5.701841354370117},
	"attn-only-3l":          {hello, 5.747507095336914},
	"solu-1l":               {hello, 5.256411552429199},
	"solu-4l-old":           {hello, 5.6021833419799805},
	"gelu-2l":               {hello, 6.501802444458008},
	"redwood_attn_2l":       {hello, 10.530948638916016},
	"tiny-stories-33m":      {hello, 12.203617095947266},
	"bloom-560m":            {hello, 5.237126350402832},
}

// verifyTolerance is what float32 on another machine may differ by, in nats; a wrong weight or BOS
// differs by far more.
const verifyTolerance = 1e-3

func (m *Model) lossIs(want scoredText) error {
	loss, err := m.Loss(want.text, PrependBOS(true))
	if err != nil {
		return err
	}
	if got := loss.Item(); !(math.Abs(float64(got-want.loss)) <= verifyTolerance) {
		return brief.Errorf("the loss is %.6f, published is %.6f", got, want.loss)
	}
	return nil
}

// start is the beginning of a text, to name it by.
func start(text string) string {
	const enough = 24
	if len(text) <= enough {
		return text
	}
	return text[:enough] + "..."
}

// probe is some input: a text, or for a model without a tokenizer a few tokens.
func (m *Model) probe() (Tokens, error) {
	if _, err := m.Tokenizer(); err == nil {
		return m.ToTokens([]string{"When John and Mary went to the shops, John gave the bag to"})
	}
	n := min(8, m.cfg.NCtx)
	row := make([]int, n)
	for i := range row {
		row[i] = i % m.cfg.DVocab
	}
	return Tokens{row}, nil
}

func finite(t *Tensor) error {
	for i, v := range t.Float32s() {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return brief.Errorf("value %d is %v", i, v)
		}
	}
	return nil
}

func (m *Model) patternsSum(c *Cache) error {
	for l := range m.cfg.NLayers {
		off := c.Get(AttnPattern, l).Sum("key").Shift(-1).Abs().Max().Item()
		if !(off < 1e-4) {
			return brief.Errorf("in layer %d a row is off by %g", l, off)
		}
	}
	return nil
}

// partsAddUp compares the last residual stream with the sum of what was written to it, relative to
// its own size: late streams of some models are in the ten thousands.
func (m *Model) partsAddUp(c *Cache) error {
	parts, _, err := c.DecomposeResid()
	if err != nil {
		return err
	}
	final := c.Get(ResidPost, -1)
	off, size := parts.Sum("component").Sub(final).Abs().Max().Item(), final.Abs().Max().Item()
	if !(off <= 1e-4*size) {
		return brief.Errorf("they differ by %g in a stream of up to %g", off, size)
	}
	return nil
}
