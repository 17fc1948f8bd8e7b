package hooked

import (
	"fmt"
	"slices"
	"strings"
)

// A verb is a method of a model that takes options: what it computes, and which options mean
// something to it. An option that it would ignore is refused by [verb.check].
type verb struct {
	name  string
	plan  plan
	takes []string
	also  []Option // what the verb itself asks for
}

// Options that go together.
var (
	ofAll      = []string{"WithContext"} // what computes
	ofTexts    = []string{"PrependBOS", "PaddingSide"}
	ofInput    = slices.Concat(ofAll, ofTexts, []string{"AttentionMask", "StartAtLayer"})
	ofEncoders = slices.Concat(ofAll, []string{"AttentionMask", "StartAtLayer", "TokenTypes"})
	ofTwo      = slices.Concat(ofAll, []string{"AttentionMask"})
	ofEdits    = []string{"Edit", "Observe"}
	ofSites    = slices.Concat(ofEdits, []string{"UngroupKV"})
	ofRecords  = slices.Concat(ofSites, []string{"Names", "PosSlice"})
	ofBackward = slices.Concat(ofRecords, []string{"EditGrad", "Gradients", "GradientsOfWeights"})
	ofSteps    = slices.Concat(ofAll, []string{"AttentionMask", "WithKV"})
)

// The verbs. Those of a model and its encoder that compute the same differ in what they take.
var (
	verbRun = verb{name: "Run", plan: plan{scope: scope{logits: true}},
		takes: slices.Concat(ofInput, ofSites, []string{"StopAtLayer", "LogitsAt", "WithKV"})}
	verbRunWithCache = verb{name: "RunWithCache", plan: plan{scope: scope{logits: true}}, also: []Option{recordAll},
		takes: slices.Concat(ofInput, ofRecords, []string{"StopAtLayer", "LogitsAt", "WithKV"})}
	verbCache = verb{name: "Cache", also: []Option{recordAll},
		takes: slices.Concat(ofInput, ofRecords, []string{"StopAtLayer", "WithKV"})}
	verbLoss = verb{name: "Loss", plan: plan{scope: scope{loss: true}},
		takes: slices.Concat(ofInput, ofSites, []string{"LossPerToken", "LossTokens"})}
	verbLogitsAndLoss = verb{name: "LogitsAndLoss", plan: plan{scope: scope{logits: true, loss: true}},
		takes: slices.Concat(ofInput, ofSites, []string{"LossPerToken", "LossTokens", "LogitsAt"})}
	verbMeasure          = verb{name: "Measure", plan: plan{scope: scope{logits: true}}, takes: slices.Concat(ofInput, ofSites)}
	verbRunWithGradients = verb{name: "RunWithGradients", plan: plan{scope: scope{logits: true}}, also: []Option{recordAll, gradAll},
		takes: slices.Concat(ofInput, ofBackward)}
	verbLossWithGradients = verb{name: "LossWithGradients", plan: plan{scope: scope{loss: true}}, also: []Option{recordAll, gradAll},
		takes: slices.Concat(ofInput, ofBackward, []string{"LossTokens"})}

	verbGenerate       = verb{name: "Generate", takes: slices.Concat(ofTexts, ofSteps, ofEdits)}
	verbGenerateStream = verb{name: "GenerateStream", takes: slices.Concat(ofTexts, ofSteps, ofEdits, []string{"Names", "PosSlice"})}
	verbGenerateText   = verb{name: "GenerateText", takes: slices.Concat([]string{"PrependBOS"}, ofSteps, ofEdits)}
	verbStep           = verb{name: "a step of generation", takes: verbGenerateStream.takes}

	verbToTokens    = verb{name: "ToTokens", takes: ofTexts}
	verbToStrTokens = verb{name: "ToStrTokens", takes: []string{"PrependBOS"}}
	verbPositions   = verb{name: "a sweep", takes: []string{"AttentionMask", "PaddingSide", "PrependBOS"}}

	verbEncode          = verb{name: "Encoder.Run", plan: plan{scope: scope{logits: true}}, takes: slices.Concat(ofEncoders, ofEdits, []string{"StopAtLayer", "LogitsAt"})}
	verbEncodeWithCache = verb{name: "Encoder.RunWithCache", plan: plan{scope: scope{logits: true}}, also: []Option{recordAll},
		takes: slices.Concat(ofEncoders, ofEdits, []string{"Names", "PosSlice", "StopAtLayer", "LogitsAt"})}
	verbTranslate = verb{name: "EncoderDecoder.Run", plan: plan{scope: scope{logits: true}}, also: []Option{ofTwoTexts},
		takes: slices.Concat(ofTwo, ofEdits, []string{"LogitsAt"})}
	verbTranslateWithCache = verb{name: "EncoderDecoder.RunWithCache", plan: plan{scope: scope{logits: true}}, also: []Option{ofTwoTexts, recordAll},
		takes: slices.Concat(ofTwo, ofEdits, []string{"Names", "LogitsAt"})}
	verbEncodeSource = verb{name: "Encode", plan: plan{scope: scope{encoded: true}}, also: []Option{ofTwoTexts},
		takes: slices.Concat(ofTwo, ofEdits)}
	verbTranslationLoss = verb{name: "EncoderDecoder.Loss", plan: plan{scope: scope{loss: true}}, also: []Option{ofTwoTexts},
		takes: slices.Concat(ofTwo, ofEdits, []string{"LossPerToken"})}
	verbMeasureTranslation = verb{name: "EncoderDecoder.Measure", plan: plan{scope: scope{logits: true}}, also: []Option{ofTwoTexts},
		takes: slices.Concat(ofTwo, ofEdits)}
	verbTranslateWithGradients = verb{name: "EncoderDecoder.RunWithGradients", plan: plan{scope: scope{logits: true}},
		also:  []Option{ofTwoTexts, recordAll, gradAll},
		takes: slices.Concat(ofTwo, ofEdits, []string{"Names", "EditGrad", "Gradients", "GradientsOfWeights"})}
	verbTranslationLossWithGradients = verb{name: "EncoderDecoder.LossWithGradients", plan: plan{scope: scope{loss: true}},
		also: verbTranslateWithGradients.also, takes: verbTranslateWithGradients.takes}
	verbTranslating       = verb{name: "EncoderDecoder.Generate", also: []Option{ofTwoTexts}, takes: slices.Concat(ofTwo, ofEdits)}
	verbTranslatingStream = verb{name: "EncoderDecoder.GenerateStream", also: []Option{ofTwoTexts}, takes: slices.Concat(ofTwo, ofEdits, []string{"Names"})}

	verbNextSentence = verb{name: "NextSentence", takes: slices.Concat(ofAll, []string{"AttentionMask", "TokenTypes"}, ofEdits),
		also: []Option{Names(NSPOut)}}
)

// once are the options of which a second would put the first out of force.
var once = []string{"StopAtLayer", "StartAtLayer", "LogitsAt", "PosSlice", "LossTokens", "PrependBOS", "PaddingSide", "AttentionMask",
	"WithKV", "TokenTypes", "WithContext"}

// contradictions are options that exclude each other, and why.
var contradictions = []struct{ a, b, why string }{
	{"StopAtLayer", "LogitsAt", "a run that stops before its end has no logits"},
	{"StopAtLayer", "WithKV", "a run on a key-value cache passes all layers, so that each gets its keys and values"},
	{"StartAtLayer", "WithKV", "a run on a key-value cache reads tokens"},
	{"UngroupKV", "WithKV", "a key-value cache holds the keys and values of groups"},
	{"StartAtLayer", "PrependBOS", "a run from a residual stream reads no text"},
	{"StartAtLayer", "PaddingSide", "a run from a residual stream reads no tokens: tell pads by AttentionMask"},
	{"StartAtLayer", "TokenTypes", "a run from a residual stream reads no tokens"},
}

// conditions are options that mean something only beside another.
var conditions = []struct {
	option string
	verbs  []string
	needs  []string
	why    string
}{
	{"UngroupKV", []string{"Run", "Loss", "LogitsAndLoss", "Measure"}, ofEdits, "it changes what edits and observers see of keys and values, and there are none"},
	{"PosSlice", []string{"GenerateStream"}, []string{"Names"}, "it picks positions of what is recorded, which is nothing"},
	{"StartAtLayer", []string{"Loss", "LogitsAndLoss", "LossWithGradients"}, []string{"LossTokens"}, "a residual stream does not tell which tokens come"},
	{"LossTokens", []string{"Loss", "LogitsAndLoss", "LossWithGradients"}, []string{"StartAtLayer"}, "a run that reads tokens is scored on these"},
}

// begin reads the options that a call of the verb was given, and those of its own.
func (v verb) begin(r *request, options []Option) error {
	if err := Hooks(options...)(r); err != nil {
		return err
	}
	if err := v.check(r); err != nil {
		return err
	}
	r.verb = v.name
	return Hooks(v.also...)(r)
}

// check refuses options that the verb would ignore.
func (v verb) check(r *request) error {
	for i, name := range r.given {
		if !slices.Contains(v.takes, name) {
			return fmt.Errorf("%s does not take %s; it takes %s", v.name, name, strings.Join(v.takes, ", "))
		}
		if slices.Contains(once, name) && slices.Contains(r.given[:i], name) {
			return fmt.Errorf("%s was given %s twice, and can follow only one", v.name, name)
		}
	}
	for _, c := range contradictions {
		if r.has(c.a) && r.has(c.b) {
			return fmt.Errorf("%s cannot follow %s and %s together: %s", v.name, c.a, c.b, c.why)
		}
	}
	for _, c := range conditions {
		if r.has(c.option) && slices.Contains(c.verbs, v.name) && !slices.ContainsFunc(c.needs, r.has) {
			return fmt.Errorf("%s needs %s beside %s: %s", v.name, strings.Join(c.needs, " or "), c.option, c.why)
		}
	}
	return nil
}

// checkInput refuses options that mean nothing to an input of this form.
func (r *request) checkInput(input any) error {
	switch input.(type) {
	case *Tensor:
	case string:
		if r.has("PaddingSide") {
			return fmt.Errorf("%s: PaddingSide would do nothing, one text (string) is not padded", r.verb)
		}
	case []string:
	default:
		if r.has("PrependBOS") && r.padding != Left {
			return fmt.Errorf("%s: PrependBOS would do nothing, it is for texts: the input is %T, whose tokens are taken as they are", r.verb, input)
		}
		if r.padding == Left && r.mask != nil {
			return fmt.Errorf("%s: PaddingSide and AttentionMask both say where the pads of the input's tokens are: leave one out", r.verb)
		}
	}
	return nil
}
