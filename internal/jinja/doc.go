// Package jinja renders the Jinja templates in which models keep the form of their chats, to the
// letter as transformers does: Jinja2 3.1's language, in its immutable sandbox, with blocks
// trimmed, loop controls, generation blocks, and Python's way to print values.
//
//	t, err := jinja.Parse(source)
//	values := map[string]any{"messages": messages, "add_generation_prompt": true}
//	out, err := t.Render(values, jinja.Options{})
//
// A template is a program by whoever made the model. It reads nothing but its variables, and
// [Limits] bound its steps, its depth and the memory it asks for; what exceeds them is an error.
// Loading other templates (include, import, extends), randomness and HTML (urlize, xmlattr) are
// refused; integers are of 64 bits.
//
// How it works: lexer_text.go cuts the source into text and tags, lexer.go a tag into tokens;
// parser.go and parser_expr.go make nodes of them, which run themselves (node_*.go) on a [run] with
// its scopes. Values are Go's: nil, bool, int64, float64, string, and the types in value.go. What a
// node meets on its way that Python raises is a panic with a failure, and an error of Render.
//
// Sources: Jinja2 3.1.6's lexer, parser, filters and sandbox, and transformers 5.23's
// chat_template_utils, with whose output the tests compare.
package jinja
