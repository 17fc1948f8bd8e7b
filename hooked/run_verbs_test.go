package hooked_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/internal/golden"
)

// verbCall calls a method of a model and shows all that comes out.
type verbCall func(m *hooked.Model, input any, options ...hooked.Option) (string, error)

func tensorText(ts ...*hooked.Tensor) string {
	var b strings.Builder
	for _, t := range ts {
		fmt.Fprintln(&b, t.AxisNames(), t.Shape(), t.Float32s())
	}
	return b.String()
}

func cacheText(caches ...*hooked.Cache) string {
	var b strings.Builder
	for _, c := range caches {
		for _, name := range c.Names() {
			fmt.Fprint(&b, name, tensorText(c.Get(name)))
		}
		for _, name := range slices.Sorted(maps.Keys(c.WeightGradients())) {
			fmt.Fprint(&b, name, tensorText(c.WeightGradients()[name]))
		}
	}
	return b.String()
}

var fewTokens = hooked.Generation{MaxNewTokens: 3, StopTokens: []int{}}

var verbCalls = map[string]verbCall{
	"Run": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		out, err := m.Run(in, o...)
		if err != nil {
			return "", err
		}
		return tensorText(out), nil
	},
	"RunWithCache": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		out, cache, err := m.RunWithCache(in, o...)
		if err != nil {
			return "", err
		}
		return tensorText(out) + cacheText(cache), nil
	},
	"Cache": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		cache, err := m.Cache(in, o...)
		if err != nil {
			return "", err
		}
		return cacheText(cache), nil
	},
	"Loss": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		loss, err := m.Loss(in, o...)
		if err != nil {
			return "", err
		}
		return tensorText(loss), nil
	},
	"LogitsAndLoss": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		logits, loss, err := m.LogitsAndLoss(in, o...)
		if err != nil {
			return "", err
		}
		return tensorText(logits, loss), nil
	},
	"Measure": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		value, err := m.Measure(in, hooked.LogitDiff(hooked.Tokens{{5, 6}, {7, 8}}), o...)
		if err != nil {
			return "", err
		}
		return tensorText(value), nil
	},
	"RunWithGradients": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		value, cache, grads, err := m.RunWithGradients(in, hooked.LogitDiff(hooked.Tokens{{5, 6}, {7, 8}}), o...)
		if err != nil {
			return "", err
		}
		return tensorText(value) + cacheText(cache, grads), nil
	},
	"LossWithGradients": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		value, cache, grads, err := m.LossWithGradients(in, o...)
		if err != nil {
			return "", err
		}
		return tensorText(value) + cacheText(cache, grads), nil
	},
	"Generate": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		tokens, err := m.Generate(in, fewTokens, o...)
		return fmt.Sprint(tokens), err
	},
	"GenerateStream": func(m *hooked.Model, in any, o ...hooked.Option) (text string, err error) {
		for step, err := range m.GenerateStream(in, fewTokens, o...) {
			if err != nil {
				return "", err
			}
			text += fmt.Sprint(step.Tokens)
			if step.Cache != nil {
				text += cacheText(step.Cache)
			}
		}
		return text, nil
	},
	"GenerateText": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		return m.GenerateText("When John and Mary", fewTokens, o...)
	},
	"ToTokens": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		tokens, err := m.ToTokens(someTexts, o...)
		return fmt.Sprint(tokens), err
	},
	"ToStrTokens": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		tokens, err := m.ToStrTokens(someTexts[0], o...)
		return fmt.Sprintf("%q", tokens), err
	},
	"a sweep": func(m *hooked.Model, in any, o ...hooked.Option) (string, error) {
		tokens, ok := in.(hooked.Tokens)
		if !ok {
			// of whose last position nobody knows whether it is a pad
			tokens = hooked.Must(m.ToTokens(someTexts))
		}
		at, err := m.PositionsOf(hooked.NewMetric([]int{-1}, nil), tokens, o...)
		return fmt.Sprint(at), err
	},
}

var someTexts = []string{"When John and Mary went", "The cat"}

// optionCase is an option and what it is tried with: an input, and options beside it. What it
// changes is told by a comparison with the call without it.
type optionCase struct {
	option hooked.Option
	ofOne  hooked.Option // for a method of one text, if it is another
	input  any           // someTexts if nil
	beside []hooked.Option
	alone  []hooked.Option // what the comparison has in place of the option
}

// optionCases are all of the package's options, by name.
func optionCases(m *hooked.Model, met *int) map[string]optionCase {
	resid := hooked.Must(m.Run(someTexts, hooked.StopAtLayer(1)))
	tokens := hooked.Tokens{{1, 5, 9, 13}, {1, 7, 11, 20}}
	other := hooked.Tokens(slices.Repeat([][]int{slices.Repeat([]int{9}, resid.Shape()[1])}, 2))
	meet := func(x *hooked.Tensor, _ hooked.Site) { *met += x.Shape()[2] }
	kv := m.NewKVCache(2)
	hooked.Must(m.Run(tokens, hooked.WithKV(kv)))
	kv.Freeze()
	// what it does shows in [TestContextOfVerbs]
	over, end := context.WithCancel(context.Background())
	end()
	one := m.NewKVCache(1)
	hooked.Must(m.Run(tokens[:1], hooked.WithKV(one)))
	masked := [][]int{slices.Repeat([]int{1}, len(hooked.Must(m.ToTokens([]string{"When John and Mary"}))[0]))}
	masked[0][0] = 0
	return map[string]optionCase{
		"Names":              {option: hooked.Names("hook_embed")},
		"Edit":               {option: hooked.Edit(hooked.ResidPost.At(0), hooked.Zero())},
		"EditGrad":           {option: hooked.EditGrad(hooked.ResidPost.At(1), hooked.Zero())},
		"Observe":            {option: hooked.Observe(hooked.ResidPost.At(0), meet)},
		"StopAtLayer":        {option: hooked.StopAtLayer(1)},
		"StartAtLayer":       {option: hooked.StartAtLayer(1), input: resid, beside: nil, alone: []hooked.Option{hooked.StartAtLayer(2)}},
		"LogitsAt":           {option: hooked.LogitsAt(0)},
		"PosSlice":           {option: hooked.PosSlice(0)},
		"LossPerToken":       {option: hooked.LossPerToken()},
		"LossTokens":         {option: hooked.LossTokens(other), input: resid, beside: []hooked.Option{hooked.StartAtLayer(1)}},
		"PrependBOS":         {option: hooked.PrependBOS(!m.Config().DefaultPrependBOS)},
		"PaddingSide":        {option: hooked.PaddingSide(hooked.Left)},
		"AttentionMask":      {option: hooked.AttentionMask([][]int{{1, 1, 1, 1}, {0, 1, 1, 1}}), ofOne: hooked.AttentionMask(masked), input: tokens},
		"UngroupKV":          {option: hooked.UngroupKV(), beside: []hooked.Option{hooked.Observe(hooked.AttnK.At(0), meet)}},
		"WithKV":             {option: hooked.WithKV(kv), ofOne: hooked.WithKV(one), input: tokens},
		"Gradients":          {option: hooked.Gradients("hook_embed")},
		"GradientsOfWeights": {option: hooked.GradientsOfWeights("blocks.0.attn.W_Q")},
		"WithContext":        {option: hooked.WithContext(over)},
		"TokenTypes":         {option: hooked.TokenTypes([][]int{{0, 0, 0, 0}, {0, 0, 1, 1}}), input: tokens},
	}
}

// withoutEffect are pairs whose comparison cannot tell: what the option does there is shown by
// other tests.
var withoutEffect = map[string]string{
	"Generate PaddingSide":       "texts are padded on the left anyway",
	"GenerateStream PaddingSide": "texts are padded on the left anyway",
	"a sweep AttentionMask":      "both prompts have a token last",
	"Measure PaddingSide":        "a prompt's own last token says the same on either side",
}

// TestVerbsAndOptions tries every option with every method that takes some: it changes what comes
// out, or an error names both.
func TestVerbsAndOptions(t *testing.T) {
	m := load(t, "llama", hooked.DefaultProcessing, golden.PureGo(t))
	met := 0
	taken := 0
	for option, c := range optionCases(m, &met) {
		input := c.input
		if input == nil {
			input = someTexts
		}
		for verb, call := range verbCalls {
			met = 0
			tried := c.option
			if verb == "GenerateText" && c.ofOne != nil {
				tried = c.ofOne
			}
			with, err := call(m, input, append([]hooked.Option{tried}, c.beside...)...)
			seen := met
			if err != nil {
				if !strings.Contains(err.Error(), option) || !strings.Contains(err.Error(), verb) {
					t.Errorf("%s with %s: the error does not name both: %v", verb, option, err)
				}
				continue
			}
			taken++
			met = 0
			without, _ := call(m, input, append(slices.Clone(c.beside), c.alone...)...)
			if with == without && seen == met && withoutEffect[verb+" "+option] == "" {
				t.Errorf("%s with %s gives what it gives without", verb, option)
			}
		}
	}
	if taken < 90 { // so that not all are refused
		t.Errorf("only %d pairs are taken", taken)
	}
}

// TestAllOptionsAreTried finds the package's options in its source.
func TestAllOptionsAreTried(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	met := 0
	cases := optionCases(load(t, "llama", hooked.DefaultProcessing, golden.PureGo(t)), &met)
	found := 0
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file := hooked.Must(parser.ParseFile(token.NewFileSet(), path, nil, 0))
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !f.Name.IsExported() || f.Type.Results == nil || f.Name.Name == "Hooks" || f.Name.Name == "Fails" { // an error in every verb
				continue
			}
			if name, ok := f.Type.Results.List[0].Type.(*ast.Ident); ok && name.Name == "Option" {
				found++
				if cases[f.Name.Name].option == nil {
					t.Errorf("%s is not among optionCases", f.Name.Name)
				}
			}
		}
	}
	if found != len(cases) {
		t.Errorf("the package has %d options, %d are tried", found, len(cases))
	}
}

// TestContradictoryOptions checks that options which exclude each other, or an input, are refused
// by an error that names both.
func TestContradictoryOptions(t *testing.T) {
	m := load(t, "gpt2", hooked.DefaultProcessing, golden.PureGo(t))
	tokens := hooked.Tokens{{1, 2, 3}, {4, 5, 6}}
	run := func(input any, o ...hooked.Option) error { _, err := m.Run(input, o...); return err }
	loss := func(input any, o ...hooked.Option) error { _, err := m.Loss(input, o...); return err }
	cache := func(input any, o ...hooked.Option) error { _, err := m.Cache(input, o...); return err }
	both := func(input any, o ...hooked.Option) error { _, _, err := m.LogitsAndLoss(input, o...); return err }
	grads := func(o ...hooked.Option) error {
		_, _, _, err := m.RunWithGradients(tokens, hooked.LogitDiff(hooked.Tokens{{1, 2}, {3, 4}}), o...)
		return err
	}
	mask := hooked.AttentionMask([][]int{{0, 1, 1}, {1, 1, 1}})
	_, two := hooked.New(m.Config(), hooked.LoadOptions{}, hooked.LoadOptions{Backend: golden.PureGo(t)})
	_, twice := hooked.FromPretrained("testdata/arch/gpt2", hooked.NoProcessing, hooked.LoadOptions{}, hooked.LoadOptions{})
	_, revised := hooked.New(m.Config(), hooked.LoadOptions{Revision: "step1000"})
	for want, err := range map[string]error{
		"LoadOptions.Revision":                                  revised,
		"Loss does not take StopAtLayer":                        loss(tokens, hooked.StopAtLayer(1)),
		"LogitsAndLoss does not take StopAtLayer":               both(tokens, hooked.StopAtLayer(1)),
		"RunWithGradients does not take StopAtLayer":            grads(hooked.StopAtLayer(1)),
		"RunWithGradients does not take LogitsAt":               grads(hooked.LogitsAt(0)),
		"Run does not take LossPerToken":                        run(tokens, hooked.LossPerToken()),
		"Run does not take Names":                               run(tokens, hooked.Names("k")),
		"Run does not take PosSlice":                            run(tokens, hooked.PosSlice(0)),
		"Loss does not take LogitsAt":                           loss(tokens, hooked.LogitsAt(0)),
		"StopAtLayer and LogitsAt together":                     run(tokens, hooked.LogitsAt(0), hooked.StopAtLayer(1)),
		"StopAtLayer and WithKV together":                       run(tokens, hooked.WithKV(m.NewKVCache(2)), hooked.StopAtLayer(1)),
		"Run was given StopAtLayer twice":                       run(tokens, hooked.StopAtLayer(1), hooked.Hooks(hooked.StopAtLayer(2))),
		"Run needs Edit or Observe beside UngroupKV":            run(tokens, hooked.UngroupKV()),
		"Loss needs StartAtLayer beside LossTokens":             loss(tokens, hooked.LossTokens(tokens)),
		"an input of one token has none":                        loss(hooked.Tokens{{1}, {2}}),
		"no two tokens follow each other":                       loss(tokens, hooked.AttentionMask([][]int{{1, 0, 1}, {0, 1, 0}})),
		"PosSlice(99): the input has 3 positions":               cache(tokens, hooked.PosSlice(99)),
		"PosSlice needs at least one position":                  cache(tokens, hooked.PosSlice()),
		"Names needs at least one selector":                     cache(tokens, hooked.Names()),
		"which StopAtLayer leaves out of this run":              cache(tokens, hooked.Names("k2"), hooked.StopAtLayer(1)),
		"Observe selects blocks.2.attn.hook_k":                  run(tokens, hooked.Observe("k2", func(*hooked.Tensor, hooked.Site) {}), hooked.StopAtLayer(1)),
		"Run: PrependBOS would do nothing, it is for texts: th": run(tokens, hooked.PrependBOS(true)),
		"Run: PaddingSide would do nothing, one text":           run("John", hooked.PaddingSide(hooked.Left)),
		"PaddingSide and AttentionMask both say":                run(tokens, mask, hooked.PaddingSide(hooked.Left)),
		"Run does not take TokenTypes":                          run(tokens, hooked.TokenTypes(tokens)),
		"2 LoadOptions were given":                              two,
		"2 LoadOptions were given, and only one":                twice,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}
