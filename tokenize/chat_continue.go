package tokenize

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	short "gopherlens/internal/brief"
	"gopherlens/internal/jinja"
)

// endTag is set at the end of the message that is to go on, to see where the template puts that.
// Its blank tells whether the template takes blanks away.
const endTag = "CONTINUE_FINAL_MESSAGE_TAG "

// A continuation is the message that is left open.
type continuation struct{ text string }

// leaveOpen marks the end of a message's field.
func leaveOpen(message *jinja.Dict, field, source string) (*continuation, error) {
	field = cmp.Or(field, contentKey)
	value := message.Get(field)
	if value == nil {
		return nil, short.Errorf("ContinueFinalMessage: the last message has no %q to go on with", field)
	}
	fields := []string{field}
	if slices.Contains(reasoningFields, field) {
		fields = slices.DeleteFunc(slices.Clone(reasoningFields), func(f string) bool { return !sameText(message.Get(f), value) })
	}
	if !slices.ContainsFunc(fields, func(f string) bool { return strings.Contains(source, f) }) {
		return nil, short.Errorf("ContinueFinalMessage: the template does not read %q", field)
	}
	if parts, ok := jinja.Items(value); ok {
		return leavePartOpen(parts)
	}
	text, ok := value.(string)
	if !ok {
		return nil, short.Errorf("ContinueFinalMessage: the last message's %q is neither text nor a list of parts", field)
	}
	for _, f := range fields {
		message.Set(f, text+endTag)
	}
	return &continuation{text}, nil
}

// sameText reports fields that hold the same, but where both are lists: those are copies of one.
func sameText(a, b any) bool {
	text, ok := b.(string)
	if !ok {
		return a != nil
	}
	return a == any(text)
}

// leavePartOpen marks the last part that has text.
func leavePartOpen(parts []any) (*continuation, error) {
	for _, part := range slices.Backward(parts) {
		d, ok := part.(*jinja.Dict)
		if !ok || d.Get("text") == nil {
			continue
		}
		text, ok := d.Get("text").(string)
		if !ok {
			break
		}
		d.Set("text", text+endTag)
		return &continuation{text}, nil
	}
	return nil, errors.New("ContinueFinalMessage: no part of the last message is text")
}

// cut ends a rendered chat where the message ends.
func (c *continuation) cut(chat string) (string, error) {
	tag := strings.TrimRight(endTag, " ")
	at := strings.LastIndex(chat, tag)
	if at < 0 || !strings.Contains(chat, strings.TrimFunc(c.text, jinja.IsBlank)) {
		return "", short.Errorf("ContinueFinalMessage: the template changes the last message, or leaves it out: %q", c.text)
	}
	if strings.HasPrefix(chat[at:], endTag) {
		return chat[:at], nil
	}
	return strings.TrimRightFunc(chat[:at], jinja.IsBlank), nil
}
