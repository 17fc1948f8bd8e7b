package jinja_test

import (
	"strings"
	"testing"
	"time"

	"gopherlens/internal/jinja"
)

// hostile are long templates, and values of nearly the largest size, that ask for much work in one
// piece: begin, a part that is repeated, end.
var hostile = []struct{ begin, part, end string }{
	{"{{ 1", " + 1", " }}"},
	{"{{ 1", " ~ 1", " }}"},
	{"{{ 1", " if 1", " }}"},
	{"{{ 1", " or 1", " }}"},
	{"{{ 1", " < 2", " }}"},
	{"{{ x", ".a", " }}"},
	{"{{ x", "[0]", " }}"},
	{"{{ x", "|list", " }}"},
	{"{{ x", "|trim", " }}"},
	{"{{ x", "()", " }}"},
	{"{{ 1", " is odd", " }}"},
	{"{{ ", "-", "1 }}"},
	{"{{ ", "not ", "1 }}"},
	{"{{ ", "(", " }}"},
	{"{{ ", "[", " }}"},
	{"{{ ", "{1:", " }}"},
	{"{% set ", "(", " %}"},
	{"{{ ", "'a'", " }}"},
	{"{{ [", "1,", "] }}"},
	{"{{ [", "1.5,", "] }}"},
	{"{{ {", "1:2,", "} }}"},
	{"{{ f(", "1,", ") }}"},
	{"{{ ", "a", " }}"},
	{"{% ", "a", " %}"},
	{"{{ x|", "a", " }}"},
	{"{{ x is ", "a", " }}"},
	{"{{ ", "9", " }}"},
	{"{{ 1.", "9", " }}"},
	{"", "{{ x }}", ""},
	{"", "{", ""},
	{"", "{%", ""},
	{"", "{#", ""},
	{"", "{# #}", ""},
	{"", "{% raw %}", "{% endraw %}"},
	{"", "{% raw %}{% endraw %}", ""},
	{"", "{% if x %}", ""},
	{"{% if x %}", "{% elif x %}", "{% endif %}"},
	{"", "{% for i in x %}", ""},
	{"", "\r", ""},
	{"", "  \n", "{%- if x %}{% endif %}"},
	{"{% macro f(", "a,", "b) %}{% endmacro %}{{ f() }}"},
	{"{% set s = '<!-- >' * 1333333 %}{{ s|striptags|length }}", "", ""},
	{"{% set s = '<a>' * 2666666 %}{{ s|striptags|length }}", "", ""},
	{"{% set s = 'a\\n' * 4000000 %}{{ s|indent|length }}", "", ""},
	{"{% set s = 'a ' * 4000000 %}{{ s|title|length }}{{ s.title()|length }}{{ s|wordcount }}", "", ""},
	{"{% set s = 'é ' * 4000000 %}{{ s.title()|length }}", "", ""},
	{"{% set s = 'a' * 8000000 %}{{ s.split('a')|length }}", "", ""},
	{"{% set s = 'a' * 8000000 %}{% for c in s %}{% endfor %}", "", ""},
	{"{% set s = '%c' * 4000000 %}{{ strftime_now(s)|length }}", "", ""},
	{"{% set s = 'a,' * 4000000 %}{{ [1]|map(attribute=s)|list|length }}", "", ""},
	{"{% set s = 'a' * 8000000 %}{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = ns.l + [x[s]] %}{% endfor %}", "", ""},
	{"{% set s = 'a' * 8000000 %}{% for i in range(100000) %}{% if s %}{% endif %}{% endfor %}", "", ""},
	{"{% set s = 'a' * 8000000 %}{% for i in range(100000) %}{% if {s: 1}[s] %}{% endif %}{% endfor %}", "", ""},
	{"{% set s = '{}' * 4000000 %}{{ s.format() }}", "", ""},
	{"{% set s = '{' * 8000000 %}{{ s.format() }}", "", ""},
	{"{% set s = '%s' * 4000000 %}{{ s % 1 }}", "", ""},
	{"{% set ns = namespace(t=(1,)) %}{% for i in range(60) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ {ns.t: 1} }}", "", ""},
	{"{% set ns = namespace(t=(1,)) %}{% for i in range(60) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}{{ x is in ns.t }}{{ ns.t == ns.t }}", "", ""},
	{"{% set ns = namespace(l=[]) %}{% set big = [0] * 1000000 %}{% for i in range(1000) %}{% set ns.l = ns.l + [big + big] %}{% endfor %}", "", ""},
	{"{{ ''|slice(16000000)|list|length }}", "", ""},
	{"{{ [1]|batch(16000000, 1)|list|length }}", "", ""},
	{"{% for i in range(2000) %}{{ range(100000)|sort|length }}{% endfor %}", "", ""},
	{"{% for i in range(100000) %}{{ range(100000)[5] }}{% endfor %}", "", ""},
	{"{% for i in range(100000) %}{{ range(100000) == range(100000) }}{% endfor %}", "", ""},
	{"{{ 'abc'|truncate(9223372036854775807, leeway=9223372036854775807) }}", "", ""},
	{"{{ 'abc'.center(-9223372036854775807) }}{{ '-1'.zfill(-9223372036854775807) }}", "", ""},
	{"{{ x[,] }}", "", ""},
	{"{%+%}", "", ""},
	{"{{-}}", "", ""},
	{"{#-#}", "", ""},
}

func TestHostile(t *testing.T) {
	const size = 64 << 10
	for _, h := range hostile {
		source := h.begin + h.end
		if h.part != "" {
			source = h.begin + strings.Repeat(h.part, size/len(h.part)) + h.end
		}
		name := h.begin + h.part + h.end
		begun := time.Now()
		template, err := jinja.Parse(source)
		if err == nil {
			_, err = template.Render(map[string]any{"x": []any{1}}, jinja.Options{})
		}
		took := time.Since(begun)
		if err != nil && !strings.HasPrefix(err.Error(), "chat template: ") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("%s: the message has %d bytes", name, len(err.Error()))
		}
		if took > 10*time.Second { // about a second at most where nothing else runs
			t.Errorf("%s took %v", name, took)
		}
		t.Logf("%8v %s: %.60v", took.Round(time.Millisecond), name, err)
	}
}
