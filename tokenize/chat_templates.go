package tokenize

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	short "gopherlens/internal/brief"
)

const (
	chatFile        = "chat_template.jinja"
	chatFolder      = "additional_chat_templates"
	chatEnding      = ".jinja"
	chatField       = "chat_template"
	defaultTemplate = "default"
	toolTemplate    = "tool_use"
)

// readChatTemplates finds the templates of chats by name, as AutoTokenizer of transformers 5 does:
// files of their own put the field of tokenizer_config.json out of force.
func readChatTemplates(from *folder, config *sideFile) (map[string]string, error) {
	files := map[string]string{defaultTemplate: chatFile}
	for _, name := range from.list(chatFolder, chatEnding) {
		files[name] = chatFolder + "/" + name + chatEnding
	}
	all := make(map[string]string)
	for name, file := range files {
		data, err := from.file(file)
		if file == chatFile && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(data) {
			return nil, short.Errorf("%s is not UTF-8", file)
		}
		all[name] = string(data)
	}
	if len(all) > 0 {
		return all, nil
	}
	return chatTemplatesOf(config)
}

// chatTemplatesOf reads the field of tokenizer_config.json: one template, or several with names.
func chatTemplatesOf(config *sideFile) (map[string]string, error) {
	raw := config.raw(chatField)
	if isNull(raw) {
		return nil, nil
	}
	switch raw[0] {
	case '"':
		var one string
		err := config.get(chatField, &one)
		return map[string]string{defaultTemplate: one}, err
	case '{':
		var all map[string]string
		err := config.get(chatField, &all)
		return all, err
	}
	var list []struct{ Name, Template *string }
	if err := config.get(chatField, &list); err != nil {
		return nil, err
	}
	all := make(map[string]string)
	for i, t := range list {
		if t.Name == nil || t.Template == nil {
			return nil, config.errorf(chatField, "entry %d has no name or no template", i)
		}
		all[*t.Name] = *t.Template
	}
	return all, nil
}

// ggufChatName is the name of the template that a key of GGUF's metadata holds; ok is false for
// another key.
func ggufChatName(key string) (name string, ok bool) {
	const prefix = "tokenizer." + chatField
	if key == prefix {
		return defaultTemplate, true
	}
	return strings.CutPrefix(key, prefix+".")
}

func (g ggufReader) chatTemplates() (map[string]string, error) {
	all := make(map[string]string)
	for key, value := range g.metadata {
		name, ok := ggufChatName(key)
		if !ok {
			continue
		}
		template, ok := value.(string)
		if !ok {
			return nil, short.Errorf("%s holds a %T where a string belongs", key, value)
		}
		all[name] = template
	}
	return all, nil
}

// ChatTemplates are the templates of the tokenizer's chats by name. The one that a chat takes
// unless told otherwise is called "default".
func (t *Tokenizer) ChatTemplates() map[string]string { return maps.Clone(t.need().chats) }

// chatTemplate is the template that a chat takes.
func (t *Tokenizer) chatTemplate(o ChatOptions) (string, error) {
	names := slices.Sorted(maps.Keys(t.chats))
	if o.Template != "" {
		template, ok := t.chats[o.Template]
		if !ok && !strings.Contains(o.Template, "{") {
			return "", short.Errorf("Template %q is no template, and names none of the tokenizer's: %q", o.Template, names)
		}
		if !ok {
			template = o.Template
		}
		return template, nil
	}
	if template, ok := t.chats[toolTemplate]; ok && o.Tools != nil {
		return template, nil
	}
	if template, ok := t.chats[defaultTemplate]; ok {
		return template, nil
	}
	if len(names) > 0 {
		return "", short.Errorf("the tokenizer has several chat templates, and none by default: name one as Template: %q", names)
	}
	return "", errors.New("the tokenizer has no chat template, as those of base models: give one as Template, " +
		"such as that of the model's instruct sister")
}
