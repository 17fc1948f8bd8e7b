package tokenize

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// This file is what the classes of tokenizers in Hugging Face's transformers add to a
// tokenizer.json: names of special tokens, and settings that go before the file's.
//
// The steps of tokenizer.json stand otherwise, as in transformers 4. Version 5 makes
// them anew for some classes (LlamaTokenizer, GemmaTokenizer, Qwen2Tokenizer, ...), which
// is the same but for files that do not fit their class; a SmolLM2 of class
// GPT2Tokenizer would lose the splitting of digits that its model was trained with.

// plainClasses are those of no tokenizer in particular.
var plainClasses = []string{
	"PreTrainedTokenizer", "TokenizersBackend", "PythonBackend", "SentencePieceBackend", "BloomTokenizer",
}

// modelClasses are the classes for a model_type of config.json where nothing names one.
var modelClasses = map[string]string{
	"bert": "BertTokenizer", "codegen": "CodeGenTokenizer", "distilbert": "DistilBertTokenizer",
	"electra": "ElectraTokenizer", "gemma": "GemmaTokenizer", "gemma2": "GemmaTokenizer",
	"gemma3": "GemmaTokenizer", "gemma3_text": "GemmaTokenizer", "gpt2": "GPT2Tokenizer",
	"gpt_neo": "GPT2Tokenizer", "gpt_neox": "GPTNeoXTokenizer", "gptj": "GPT2Tokenizer",
	"mamba": "GPTNeoXTokenizer", "mobilebert": "MobileBertTokenizer", "mpt": "GPTNeoXTokenizer",
	"mt5": "T5Tokenizer", "olmo": "GPTNeoXTokenizer", "opt": "GPT2Tokenizer", "phi": "GPT2Tokenizer",
	"qwen2": "Qwen2Tokenizer", "qwen2_moe": "Qwen2Tokenizer", "qwen3": "Qwen2Tokenizer",
	"qwen3_moe": "Qwen2Tokenizer", "rwkv": "GPTNeoXTokenizer", "starcoder2": "GPT2Tokenizer",
	"t5": "T5Tokenizer",
}

// bertClasses make the normaliser of do_lower_case (true where it is missing),
// strip_accents and tokenize_chinese_chars, whatever tokenizer.json says.
var bertClasses = []string{
	"BertTokenizer", "ConvBertTokenizer", "DPRContextEncoderTokenizer", "DPRQuestionEncoderTokenizer",
	"DPRReaderTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "FunnelTokenizer", "LayoutLMTokenizer",
	"LayoutLMv2Tokenizer", "LxmertTokenizer", "MPNetTokenizer", "MobileBertTokenizer", "RetriBertTokenizer",
	"SplinterTokenizer", "SqueezeBertTokenizer",
}

// gpt2Classes set add_prefix_space (false where it is missing), whatever tokenizer.json
// says.
var gpt2Classes = []string{"GPT2Tokenizer", "CodeGenTokenizer", "GPTNeoXTokenizer"}

// classTemplates are the special tokens that a class puts around a text, by their roles,
// whatever tokenizer.json says. (In version 4 the file's stay.)
var classTemplates = func() map[string][2]string {
	out := map[string][2]string{
		"T5Tokenizer": {"", "eos_token"}, "RobertaTokenizer": {"cls_token", "sep_token"},
		"BartTokenizer": {"cls_token", "sep_token"},
	}
	for _, class := range bertClasses {
		out[class] = [2]string{"cls_token", "sep_token"}
	}
	return out
}()

// applyTemplate sets the special tokens around a text to those of the class.
func (s *settings) applyTemplate(t *Tokenizer) {
	sides, ok := classTemplates[s.class]
	if !ok {
		return
	}
	t.template = template{s.idsOf(t, sides[0]), s.idsOf(t, sides[1])}
}

// idsOf are the ids of the token with a role, if there is one.
func (s *settings) idsOf(t *Tokenizer, role string) []int {
	for _, n := range s.names {
		if id, ok := t.TokenToID(n.token.Content); ok && n.role == role {
			return []int{id}
		}
	}
	return nil
}

// classNames are the special tokens that a class has if the files name none: "role=token".
var classNames = func() map[string][]nameRole {
	const (
		bert = "unk_token=[UNK] sep_token=[SEP] pad_token=[PAD] cls_token=[CLS] mask_token=[MASK]"
		gpt2 = "bos_token=<|endoftext|> eos_token=<|endoftext|> unk_token=<|endoftext|>"
		bart = "bos_token=<s> eos_token=</s> unk_token=<unk> sep_token=</s> pad_token=<pad> cls_token=<s> mask_token=<mask>"
	)
	texts := map[string]string{
		"GPT2Tokenizer": gpt2, "CodeGenTokenizer": gpt2, "WhisperTokenizer": gpt2,
		"GPTNeoXTokenizer": gpt2 + " pad_token=<|padding|>",
		"Qwen2Tokenizer":   "eos_token=<|endoftext|> unk_token=<|endoftext|> pad_token=<|endoftext|>",
		"LlamaTokenizer":   "bos_token=<s> eos_token=</s> unk_token=<unk>",
		"CodeLlamaTokenizer": "bos_token=<s> eos_token=</s> unk_token=<unk> " +
			"prefix_token=▁<PRE> middle_token=▁<MID> suffix_token=▁<SUF> eot_token=▁<EOT> fill_token=<FILL_ME>",
		"GemmaTokenizer": "bos_token=<bos> eos_token=<eos> unk_token=<unk> pad_token=<pad> mask_token=<mask>",
		"CohereTokenizer": "bos_token=<BOS_TOKEN> eos_token=<|END_OF_TURN_TOKEN|> unk_token=<UNK> sep_token=<SEP> " +
			"pad_token=<PAD> cls_token=<CLS> mask_token=<MASK_TOKEN>",
		"T5Tokenizer": "eos_token=</s> unk_token=<unk> pad_token=<pad>",
		"FunnelTokenizer": "bos_token=<s> eos_token=</s> unk_token=<unk> sep_token=<sep> pad_token=<pad> " +
			"cls_token=<cls> mask_token=<mask>",
		"MPNetTokenizer": "bos_token=<s> eos_token=</s> unk_token=[UNK] sep_token=</s> pad_token=<pad> " +
			"cls_token=<s> mask_token=<mask>",
		"AlbertTokenizer": "bos_token=[CLS] eos_token=[SEP] unk_token=<unk> sep_token=[SEP] pad_token=<pad> " +
			"cls_token=[CLS] mask_token=[MASK]",
		"CLIPTokenizer": "bos_token=<|startoftext|> eos_token=<|endoftext|> unk_token=<|endoftext|> pad_token=<|endoftext|>",
		"DebertaTokenizer": "bos_token=[CLS] eos_token=[SEP] unk_token=[UNK] sep_token=[SEP] pad_token=[PAD] " +
			"cls_token=[CLS] mask_token=[MASK]",
	}
	for _, class := range bertClasses {
		if texts[class] == "" {
			texts[class] = bert
		}
	}
	for _, class := range []string{"BartTokenizer", "CamembertTokenizer", "RobertaTokenizer", "XLMRobertaTokenizer"} {
		texts[class] = bart
	}
	names := make(map[string][]nameRole)
	for class, text := range texts {
		for field := range strings.FieldsSeq(text) {
			role, content, _ := strings.Cut(field, "=")
			names[class] = append(names[class], nameRole{role, sideToken{addedToken: addedToken{Content: content}}})
		}
	}
	return names
}()

// addClassNames adds the special tokens of the class to those that the files name.
func (s *settings) addClassNames() {
	names := classNames[s.class]
	if s.filePad != "" {
		names = append(slices.Clip(names), nameRole{"pad_token", sideToken{addedToken: addedToken{Content: s.filePad}}})
	}
	for _, n := range names {
		have := slices.ContainsFunc(s.names, func(h nameRole) bool { return h.role == n.role })
		if !have && !s.config.isSetToNull(n.role) {
			s.names = append(s.names, n)
		}
	}
	if s.class == "T5Tokenizer" && len(s.extra) == 0 {
		s.addSentinels()
	}
	order := func(n nameRole) int {
		if i := slices.Index(roles, n.role); i >= 0 {
			return i
		}
		return len(roles)
	}
	slices.SortStableFunc(s.names, func(a, b nameRole) int { return order(a) - order(b) })
}

// addSentinels adds a T5's <extra_id_0>, <extra_id_1>, ...
func (s *settings) addSentinels() {
	n := 100
	if s.extraIDs != nil {
		n = *s.extraIDs
	}
	for i := range min(n, maxID) {
		s.extra = append(s.extra, sideToken{addedToken: addedToken{Content: fmt.Sprintf("<extra_id_%d>", i)}})
	}
}

// isSetToNull reports a field that is there and null.
func (f *sideFile) isSetToNull(key string) bool { return string(f.raw(key)) == "null" }

// codeFields are settings of classes that make a normaliser of them that is not known
// here.
var codeFields = map[string][]string{
	"AlbertTokenizer":    {"do_lower_case", "keep_accents", "remove_space"},
	"DebertaV2Tokenizer": {"do_lower_case", "split_by_punct"},
	"FNetTokenizer":      {"do_lower_case", "keep_accents", "remove_space"},
	"RemBertTokenizer":   {"do_lower_case", "keep_accents", "remove_space"},
	"RoFormerTokenizer":  {"do_lower_case", "strip_accents"},
	"XLNetTokenizer":     {"do_lower_case", "keep_accents", "remove_space"},
}

// refuse refuses what would change ids and is not known here.
func (s *settings) refuse() error {
	if s.config.has("auto_map") && !s.plain && classNames[s.class] == nil {
		return s.config.errorf("auto_map", "the tokenizer is code of its repository, which is not run here; "+
			"save it with transformers' save_pretrained, as a tokenizer.json of its own")
	}
	for _, key := range codeFields[s.class] {
		if s.config.has(key) {
			return s.config.errorf(key, "what a %s makes of it is not known; "+
				"leave it out where tokenizer.json has it in its steps", s.class)
		}
	}
	return nil
}

// applyClass changes the steps of tokenizer.json as the class does.
func (f *tokenizerFile) applyClass(s *settings) error {
	switch {
	case slices.Contains(bertClasses, s.class):
		return f.applyBert(s)
	case s.class == "GemmaTokenizer":
		return f.expectOnly(s, "Replace")
	case s.class != "LlamaTokenizer" || s.prefixSpace == nil || *s.prefixSpace:
		return nil
	case bytes.Contains(f.Normalizer, []byte(`"Prepend"`)):
		return s.config.errorf("add_prefix_space", "it is false, and tokenizer.json prepends a blank")
	}
	return nil
}

// expectOnly refuses a file whose normaliser is not the one that the class has.
func (f *tokenizerFile) expectOnly(s *settings, normalizer string) error {
	list, err := components("normalizer", "normalizers", f.Normalizer)
	if err == nil && (len(list) != 1 || list[0].name != normalizer) {
		err = s.config.errorf("tokenizer_class", "the normalizer of a %s is a %s, and that of tokenizer.json is another; "+
			"transformers 4 and 5 differ in which counts", s.class, normalizer)
	}
	return err
}

// applyBert makes the normaliser of a BERT.
func (f *tokenizerFile) applyBert(s *settings) error {
	list, err := components("normalizer", "normalizers", f.Normalizer)
	if err != nil {
		return err
	}
	if err := f.expectOnly(s, "BertNormalizer"); err != nil {
		return err
	}
	var n bertNormalizer
	if err := list[0].read(&n); err != nil {
		return err
	}
	n.Lowercase = s.lower == nil || *s.lower
	n.StripAccents = s.accents
	n.ChineseChars = s.chinese == nil || *s.chinese
	f.Normalizer, err = json.Marshal(struct {
		Type string `json:"type"`
		bertNormalizer
	}{"BertNormalizer", n})
	return err
}

// checkUnknown refuses an unknown token that is not the model's: a BERT of version 5
// takes it for unknown words, one of version 4 does not.
func (s *settings) checkUnknown(m model) error {
	w, ok := m.(*wordPiece)
	if !ok || !slices.Contains(bertClasses, s.class) {
		return nil
	}
	for _, n := range s.names {
		if n.role == "unk_token" && n.token.Content != w.unk {
			return s.config.errorf(n.role, "it is %q, and the model's in tokenizer.json is %q",
				brief(n.token.Content), brief(w.unk))
		}
	}
	return nil
}

// applyPrefixSpace applies add_prefix_space.
func (s *settings) applyPrefixSpace(t *Tokenizer) error {
	switch {
	case slices.Contains(gpt2Classes, s.class):
		return s.setPrefixSpace(t, s.prefixSpace != nil && *s.prefixSpace)
	case s.prefixSpace == nil:
		return nil
	}
	for _, split := range t.splits {
		if b, ok := split.(*byteLevel); ok && b.AddPrefixSpace != *s.prefixSpace {
			return s.prefixSpaceClash(b)
		}
		m, ok := split.(*metaspace)
		if ok && s.class != "" && s.class != "T5Tokenizer" && *s.prefixSpace != (m.PrependScheme != "never") {
			return s.config.errorf("add_prefix_space", "tokenizer.json has the prepend_scheme %s", m.PrependScheme)
		}
	}
	return nil
}

// prefixSpaceClash is the refusal of an add_prefix_space that goes against tokenizer.json.
func (s *settings) prefixSpaceClash(b *byteLevel) error {
	return s.config.errorf("add_prefix_space", "it is %v, and tokenizer.json has %v; "+
		"transformers 4 and 5 differ in which counts", !b.AddPrefixSpace, b.AddPrefixSpace)
}

// setPrefixSpace sets add_prefix_space of the last pre-tokenizer.
func (s *settings) setPrefixSpace(t *Tokenizer, want bool) error {
	if len(t.splits) == 0 {
		return nil
	}
	b, ok := t.splits[len(t.splits)-1].(*byteLevel)
	switch {
	case !ok || b.AddPrefixSpace == want:
		return nil
	case len(t.splits) > 1 && s.prefixSpace == nil:
		return nil
	case len(t.splits) > 1:
		return s.prefixSpaceClash(b)
	}
	b.AddPrefixSpace = want
	t.scan = nil
	if b.keepBytes && !want {
		t.scan = oneScanner(nil, b.UseRegex)
	}
	return nil
}

// checkLegacy refuses a setting of Llama's that says otherwise than tokenizer.json:
// version 5 goes by it, version 4 does not.
func (s *settings) checkLegacy(t *Tokenizer) error {
	if s.legacy == nil || s.class != "LlamaTokenizer" {
		return nil
	}
	want := map[bool]string{true: "always", false: "first"}[*s.legacy]
	for _, split := range t.splits {
		if m, ok := split.(*metaspace); ok && m.PrependScheme != "never" && m.PrependScheme != want {
			return s.config.errorf("legacy", "it is %v, which stands for a prepend_scheme %q, and tokenizer.json has %q",
				*s.legacy, want, m.PrependScheme)
		}
	}
	return nil
}
