package tokenize

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// settings are what the files beside a tokenizer say about ids and decoding:
// tokenizer_config.json, special_tokens_map.json, added_tokens.json and the kind of
// model in config.json.
//
// They are read as AutoTokenizer of transformers 5.24 reads them. Where version 4 gives
// other ids, the comment at the field says so. Fields that neither reads, or that change
// neither ids nor text (model_max_length, padding_side), are not looked at: padding and
// length are up to the caller here. The chat templates are read by readChatTemplates.
type settings struct {
	class string      // of transformers, without "Fast"; "" for none in particular
	plain bool        // a file says that it is none in particular
	names []nameRole  // bos_token and the like, in the order in which they get ids
	extra []sideToken // special tokens without a role
	added map[int]sideToken
	// older says that added is from added_tokens.json, which tokenizer.json completes.
	older bool

	// without a tokenizer.json; version 4 reads them for Llama and its like in any case
	addBOS, addEOS *bool
	prefixSpace    *bool
	lower          *bool
	accents        *bool
	chinese        *bool
	legacy         *bool
	extraIDs       *int
	splitSpecial   bool // special tokens are not found in text
	// blanks before punctuation go in decoding; not for BPE, unlike in version 4
	cleanUp    bool
	cleanUpBPE bool // for BPE, too

	config    *sideFile
	fileAdded []sideToken // added_tokens of tokenizer.json
	filePad   string      // the padding token of tokenizer.json
}

// A nameRole is a token and its task: bos_token.
type nameRole struct {
	role  string
	token sideToken
}

// roles are the tokens with a task that every tokenizer can have, in transformers'
// order (SPECIAL_TOKENS_ATTRIBUTES).
var roles = []string{"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"}

// readSettings reads the files of a folder; all are optional. hasFile says that there
// is a tokenizer.json.
func readSettings(from *folder, hasFile bool) (*settings, error) {
	files := make(map[string]*sideFile)
	for _, name := range []string{"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "config.json"} {
		if name == "config.json" && !hasFile {
			continue // what the kind of model means for other formats is not known
		}
		f, err := readSideFile(from, name)
		if err != nil {
			return nil, err
		}
		files[name] = f
	}
	s := &settings{config: files["tokenizer_config.json"]}
	steps := []func() error{
		s.readFlags,
		func() error { return s.readClass(files["config.json"]) },
		func() error { return s.readAdded(files["added_tokens.json"], files["special_tokens_map.json"]) },
		s.refuse,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// readFlags reads the fields of a fixed type.
func (s *settings) readFlags() error {
	var errs []error
	for key, into := range map[string]any{
		"add_bos_token": &s.addBOS, "add_eos_token": &s.addEOS, "add_prefix_space": &s.prefixSpace,
		"do_lower_case": &s.lower, "strip_accents": &s.accents, "tokenize_chinese_chars": &s.chinese,
		"legacy": &s.legacy, "extra_ids": &s.extraIDs,
		"split_special_tokens": &s.splitSpecial, "clean_up_tokenization_spaces": &s.cleanUp,
		"clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": &s.cleanUpBPE,
	} {
		errs = append(errs, s.config.get(key, into))
	}
	return errors.Join(errs...)
}

// readClass finds the class of tokenizer: as tokenizer_config.json names it, else
// config.json, else the one of the kind of model.
func (s *settings) readClass(model *sideFile) error {
	if err := s.config.get("tokenizer_class", &s.class); err != nil {
		return err
	}
	if s.class == "" && model != nil {
		var kind string
		if err := errors.Join(model.get("tokenizer_class", &s.class), model.get("model_type", &kind)); err != nil {
			return err
		}
		if s.class == "" {
			s.class = modelClasses[kind]
		}
	}
	s.class = strings.TrimSuffix(s.class, "Fast")
	if slices.Contains(plainClasses, s.class) {
		s.class, s.plain = "", true
	}
	return nil
}

// readAdded reads the tokens that are added, and the names of those with a task.
// special_tokens_map.json and added_tokens.json count only where tokenizer_config.json
// has no added_tokens_decoder; then the former goes before tokenizer_config.json.
func (s *settings) readAdded(older, roleFile *sideFile) error {
	s.older = s.config.raw("added_tokens_decoder") == nil
	names := namesOf(s.config)
	if s.older {
		names.overrideBy(roleFile)
	}
	err := names.read(s)
	if err != nil {
		return err
	}
	s.added = make(map[int]sideToken)
	if s.older {
		return s.readOlder(older, names)
	}
	var byID map[string]sideToken
	if err := s.config.get("added_tokens_decoder", &byID); err != nil {
		return err
	}
	for key, token := range byID {
		id, err := strconv.Atoi(key)
		if err != nil || !token.object {
			return s.config.errorf("added_tokens_decoder", "the entry %q is no id with the fields of a token", brief(key))
		}
		s.added[id] = token
	}
	return nil
}

// readOlder reads added_tokens.json, {"token": id}.
func (s *settings) readOlder(f *sideFile, names *nameFields) error {
	for _, field := range f.fields {
		var id *int
		if err := f.get(field.key, &id); err != nil {
			return err
		}
		if id == nil {
			return f.errorf(field.key, "null is no token id")
		}
		token := sideToken{addedToken: addedToken{Content: field.key, Normalized: true}, object: true}
		if names.early[field.key] {
			token = token.asSpecial()
		}
		s.added[*id] = token
	}
	return nil
}

// tokensToAdd are the tokens that the files add to those of tokenizer.json, in the
// order in which they get ids.
func (s *settings) tokensToAdd() []addedToken {
	added := maps.Clone(s.added)
	if s.older {
		for _, t := range s.fileAdded {
			added[t.ID] = t
		}
	}
	var list []sideToken
	flags := make(map[string]sideToken) // of the tokens by content
	for _, id := range slices.Sorted(maps.Keys(added)) {
		list = append(list, added[id])
		flags[added[id].Content] = added[id]
	}
	known := make(map[string]bool) // by content, those that need not be added for their task
	for _, t := range slices.Concat(s.fileAdded, list) {
		known[t.Content] = true
	}
	named := make(map[string]bool)
	for _, n := range s.names {
		named[n.token.Content] = true
		if t, ok := flags[n.token.Content]; ok && slices.Contains(roles, n.role) {
			n.token = t
		}
		if !known[n.token.Content] {
			list = append(list, n.token)
		}
	}
	for _, t := range s.extra {
		if !known[t.Content] {
			list = append(list, t)
		}
	}
	out := make([]addedToken, len(list))
	for i, t := range list {
		if !t.object || named[t.Content] && !t.Special {
			t = t.asSpecial()
		}
		out[i] = t.addedToken
	}
	return out
}
