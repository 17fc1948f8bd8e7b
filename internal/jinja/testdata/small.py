"""Writes small.json: what transformers' environment renders of small templates with x = [1]."""
import json
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template

TEMPLATES = r'''
{{ 'aaa'.rsplit('aa') }}
{{ 'aaa'.rsplit('aa', 1) }}
{{ 'aaaa'.split('aa', 1) }}
{{ 'a  b c'.split(none, 1) }}
{{ 'a  b c '.rsplit(none, 1) }}
{{ ' a  b '.split(none, 0) }}
{{ 'a\x1cb'.split() }}
{{ '\x1c'.isspace() }}
{{ '\x1ca\x1c' | trim }}
{{ '<b>x</b> &amp; &eacute; &nbsp;y <!-- c --> z <i' | striptags }}
{{ 'a<!-->b-->c<d>' | striptags }}
{{ 'a < b > c' | striptags }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\n\nb' | indent(2, true, true) }}|{{ 'a\nb\n' | indent('>') }}|{{ '' | indent(2, true) }}
{{ 'hello world foo' | truncate(9) }}|{{ 'hello world foo' | truncate(9, true) }}|{{ 'hello world' | truncate(9, false, '..', 0) }}
{{ 'ab'.center(5, '*') }}|{{ 'ab'.center(-5) }}|{{ '-1'.zfill(5) }}|{{ '-1'.zfill(-5) }}|{{ 'abc'.zfill(2) }}
{{ "it's a dog's" | title }}|{{ "it's a dog's".title() }}|{{ 'ǆabc'.title() }}
{{ range(10)[2] }}|{{ range(10)[-1] }}|{{ range(10)[20] }}|{{ range(10)[2:4] }}|{{ range(10)[::3] | list }}
{{ {'a': 1}.keys() }}|{{ {'a': 1}.values() }}|{{ {'a': 1}.items() }}|{{ {'a': 1}.items() | list }}
{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}{% for k in {'a': 1}.keys() %}{{ k }}{% endfor %}
{{ {'a': 1}.keys() | length }}{{ {'a': 1}.keys() | list }}{{ {'a': 1}.values() | list }}{{ 'a' in {'a': 1}.keys() }}
{% macro f(a, b=2) %}{{ a }}{{ b }}{{ kwargs }}{{ varargs }}{% endmacro %}{{ f(1, c=3) }}{{ f(b=1, a=2) }}{{ f(1, 2, 3, d=4, e=5) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, a=2) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}
{{ 1234567 | round(-3) }}|{{ 15 | round(-1) }}|{{ 25 | round(-1) }}|{{ -15 | round(-1) }}|{{ 9100000000000000000 | round(-18) }}
{{ (1, (2, 3)) in {(1, (2, 3)): 1} }}|{{ {(1, (2, [3])): 1} }}
{{ {(1, 2): 3}[(1, 2)] }}|{{ {(1, 2): 3}[(1, [2])] }}
{{ [1, 2, 3] | batch(2) | list }}|{{ [1, 2, 3] | batch(2, 0) | list }}|{{ [1, 2, 3] | slice(2) | list }}|{{ [1,2,3] | slice(2, 'x') | list }}
{{ 'a' 'b' "c" }}
{{ x[,] }}
{{ x[1:2, 3] }}
{%+%}x
{{-}}x
{#-#}x
  {#- a -#}  b
{%- if true -%}  a  {%- endif -%}  b
{{ dict([('a', 1), ('b', 2)], c=3) }}|{{ dict({'a': 1}) }}|{{ dict() }}
{{ ns }}{% set ns = namespace(a=1) %}{% set ns.b = 2 %}{{ ns.a }}{{ ns.b }}
{{ strftime_now('%%') }}
{{ 'a,b' | list }}|{{ 'é😀' | list | length }}|{{ 'é😀'[1] }}|{{ 'é😀'[::-1] }}
{{ '%5.2f|%-5d|%05d|%x|%s|%r|%%' % (3.14159, 42, 42, 255, 'a', 'b') }}
{{ '{:>5}|{:<5}|{:^5}|{:05d}|{:,}|{!r}|{a[0]}|{0}'.format('a', 'b', 'c', 42, 1234567, 'x', a=[1]) }}
{{ '{0}{1}'.format(1, 2) }}
{{ [3, 1, 2] | sort }}|{{ ['b', 'A', 'c'] | sort }}|{{ ['b', 'A'] | sort(case_sensitive=true) }}|{{ [1, 1.0, true, 2] | unique | list }}
{{ ['a', 'B', 'b'] | unique | list }}|{{ [{'a': 1}, {'a': 2}, {'a': 1}] | groupby('a') }}
{{ 'a-b c' | title }}|{{ 'ÉCOLE' | lower }}|{{ 'straße' | upper }}|{{ 'STRASSE'.casefold() }}
{{ 'a b  c' | wordcount }}|{{ 'a' is string }}|{{ '' | default('x') }}|{{ '' | default('x', true) }}
{{ markup | safe }}{{ '<' | e }}{{ ('<' | e) + '<' }}{{ '<' | safe ~ '<' }}
{{ 1.0 }}|{{ 1e100 }}|{{ 1e16 }}|{{ 123456789.123 }}|{{ 0.1 + 0.2 }}|{{ 7 // 2 }}|{{ -7 // 2 }}|{{ -7 % 3 }}|{{ 7.5 // 2 }}|{{ 2 ** -1 }}
{% for i in range(3) recursive %}{{ i }}{% if i and loop.depth < 3 %}{{ loop([i - 1]) }}{% endif %}{% endfor %}
{% for i in [1, 2, 3] if i != 2 %}{{ loop.index }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{% else %}none{% endfor %}
{{ true and none }}|{{ none or 0 }}|{{ not 0 }}|{{ 1 < 2 < 3 }}|{{ 1 if 0 }}|{{ 'a' if 1 else 'b' }}
{{ 'a\tb'.expandtabs(4) }}|{{ 'a b'.partition(' ') }}|{{ 'abc'.find('c') }}|{{ 'abcabc'.rindex('b') }}|{{ 'a.b'.split('.') }}
{{ {'b': 1, 'a': 2} | dictsort }}|{{ {'b': 1, 'a': 2} | dictsort(by='value') }}|{{ {'b': 1} | items | list }}
{{ [1, [2, 'a']] | tojson }}|{{ {'a': none} | tojson(indent=2) }}|{{ 'é<' | tojson }}|{{ 'é' | tojson(ensure_ascii=true) }}
{{ [1, 2] | sum }}|{{ [0.1] * 3 }}|{{ [1] + [2] }}|{{ (1,) + (2,) }}|{{ [1] * -1 }}|{{ 'ab' * 2 }}
{{ '9' | int }}|{{ '0x1f' | int(base=16) }}|{{ 'z' | int(5) }}|{{ '1.9' | int }}|{{ '1e3' | float }}|{{ ' 7 ' | int }}
{{ (1, 2) == [1, 2] }}|{{ 1 == 1.0 }}|{{ 1 == true }}|{{ range(3) == range(3) }}|{{ range(0) == range(1, 1) }}|{{ 'a' < 'b' }}
{{ ['a', 'b'] | join(', ') }}|{{ [1, none] | join }}|{{ [{'a': 1}] | join(attribute='a') }}|{{ [{'a': 1}] | map(attribute='a') | list }}
{{ range(10)[2:4] }}|{{ range(10)[::-1] }}|{{ range(0, 10, 3)[1:] }}|{{ range(5)[5:] }}|{{ range(5)[::100] | list }}|{{ range(5)[::-100] | list }}
{{ range(5)[-2:] | list }}|{{ range(10, 0, -2)[1:3] }}|{{ range(10, 0, -2)[::-1] | list }}|{{ range(0)[1:] }}
{{ [1,2,3,4][::2] }}|{{ [1,2,3][::-1] }}|{{ [1,2,3][5:1:-1] }}|{{ [1,2,3][-1:0:-1] }}|{{ [][::-1] }}|{{ 'abc'[::-5] }}|{{ 'abc'[1:2] }}|{{ [1][::9] }}
{{ 'abcd'.rsplit('b', 0) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ 'a,b,c'.split(',', 1) }}|{{ 'a,b'.split(',', 9223372036854775807) }}|{{ 'a,b'.rsplit(',') }}
{{ '{}{}'.format(1, 2) }}|{{ '{0:{1}}'.format(1, 5) }}|{{ '{:{}}'.format(1, 5) }}
{{ '{0}{}'.format(1, 2) }}
{{ '{:{0}}'.format(1, 5) }}
{{ '{a}{}'.format(1, a=2) }}
{{ x[1:2, 3] }}
{{ x[(1, 2)] }}|{{ x[1, 2] }}
{{ range(5).index(3) }}|{{ range(5).count(3) }}|{{ 3 in range(5) }}
{{ range(3)['a'] }}|{{ range(3).start }}
{{ range(3) | first }}|{{ range(3) | last }}|{{ range(3) | reverse | list }}|{{ range(3) | length }}
{{ range(3).start }}{{ range(1,5,2).step }}
{{ '{0:{1}.{2}f}'.format(1.5, 8, 2) }}|{{ '{0!r:>{1}}'.format('a', 6) }}
{{ '{0:{1:{2}}}'.format(1, 5, 3) }}
{{ '{:{}{}}'.format('x', '>', 5) }}
{{ '{a.b}'.format(a={'b': 1}) }}
{{ '{a.__class__}'.format(a=1) }}
{{ '{'.format() }}
{{ '}'.format() }}
{{ '{:d}'.format('a') }}
{{ '{:+d}|{: d}|{:#x}|{:#b}|{:o}|{:e}|{:.3g}|{:%}|{:_}|{:c}'.format(5, 5, 255, 5, 8, 12345.678, 0.00012345, 0.5, 1234567, 97) }}
{{ '{:<10}|{:*^9}|{:=+6d}|{:,.2f}'.format('ab', 'mid', 42, 1234567.891) }}
{{ '{:.2}|{:5.1}|{:s}'.format('abc', 'xyz', 'q') }}|{{ '{:}'.format(none) }}|{{ '{}'.format([1, 'a']) }}
{{ '%s %s' % ('a',) }}
{{ '%s' % ('a', 'b') }}
{{ '%(a)s %(b)d' % {'a': 1, 'b': 2} }}|{{ '%s' % [1, 2] }}|{{ '%s' % {'a': 1} }}|{{ '%5s|%-5s|%.1s' % ('a', 'b', 'cd') }}
{{ '%d' % 1.9 }}|{{ '%i' % true }}|{{ '%e|%g|%G' % (1e10, 1e-5, 1e20) }}|{{ '%+d|% d|%#o|%#x' % (1, 1, 8, 255) }}|{{ '%c%c' % (97, 'b') }}
{{ '%d' % 'a' }}
{{ '%q' % 1 }}
{{ '%*d' % (5, 1) }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = (3, 4) %}{{ c }}{{ d }}
{% set x %}a{% endset %}{{ x }}{% set y | upper %}b{% endset %}{{ y }}
{% set x.y = 1 %}
{% filter upper | replace('A', 'b') %}abc{% endfilter %}
{% call(x) f() %}{{ x }}{% endcall %}
{% macro f() %}[{{ caller(1) }}]{% endmacro %}{% call(x) f() %}{{ x }}{% endcall %}
{% macro f() %}[{{ caller() }}]{% endmacro %}{{ f() }}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}
{% raw %}{{ x }}{% endraw %}|{%- raw -%}  {% y %} {%- endraw -%}  z
{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% break %}
{% for a in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}
{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }}{{ loop.cycle('x', 'y') }}{{ loop.changed(b) }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}
{{ x.append }}|{{ x.__class__ }}|{{ x['__class__'] }}|{{ ''.__class__.__mro__ }}
{{ x.append(1) }}
{{ [].x.y }}
{{ none.x }}|{{ 1 .x }}
{{ loop }}
{{ cycler('a', 'b').next() }}|{% set c = cycler(1, 2) %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}
{% set j = joiner('|') %}{{ j() }}a{{ j() }}b
{{ x is defined and y is not defined }}{{ 1 is not none }}{{ 1 in [1] }}{{ 1 not in [1] }}{{ 'a' in 'abc' }}
{{ 1 is eq 1 }}{{ 2 is gt(1) }}{{ 'a' is in ['a'] }}
{{ - 1 }}{{ +1 }}{{ --1 }}{{ not not 1 }}{{ -'a' }}
{{ 1 / 0 }}
{{ 5 / 2 }}|{{ 4 / 2 }}|{{ 1e308 * 10 }}|{{ 0.0 }}|{{ -0.0 }}|{{ 5 % -3 }}|{{ -5 // 3 }}|{{ 2 ** 10 }}|{{ 2 ** 0.5 }}
{{ 0b101 }}{{ 0o17 }}{{ 0xff }}{{ 1_000 }}{{ 1e3 }}{{ 1.5e-3 }}
{{ 'a\nb\t\\\'\"\x41\u00e9\U0001F600\101\q' }}
{{ [1, 2, 3] | select('odd') | list }}|{{ [1, 2] | reject('eq', 1) | list }}|{{ [{'a': 1}, {'a': 0}] | selectattr('a') | list }}|{{ [{'a': 1}] | rejectattr('a', 'eq', 1) | list }}
{{ ['a', 'b'] | map('upper') | join }}|{{ [[1, 2], [3]] | map('sum') | list }}|{{ [{'a': {'b': 1}}] | map(attribute='a.b') | list }}|{{ [{}] | map(attribute='a', default=0) | list }}
{{ [3, 1] | max }}|{{ [3, 1] | min }}|{{ [] | first is defined }}|{{ [] | max is defined }}|{{ ['b', 'A'] | min }}
{{ 3.7 | round }}|{{ 3.14159 | round(2) }}|{{ 2.5 | round }}|{{ 3.2 | round(0, 'ceil') }}|{{ 3.7 | int }}|{{ -3 | abs }}
{{ 'http://a b/?c=d&e' | urlencode }}|{{ {'a': 1, 'b': 'x y'} | urlencode }}
{{ 'abc' | reverse }}|{{ [1, 2] | reverse | list }}|{{ 'abc' | first }}|{{ 'abc' | last }}|{{ 'abc' | list }}
{{ x is sameas x }}{{ x is sameas [1] }}{{ 1 is divisibleby 1 }}{{ x is iterable }}{{ x is mapping }}{{ 'a' is lower }}{{ 3 is odd }}
{{ {'a': {'b': [1, 2]}}.a.b[1] }}|{{ {'items': 1}['items'] }}
'''

cases = []
for template in TEMPLATES.strip("\n").split("\n"):
    try:
        case = {"text": _compile_jinja_template(template).render(x=[1])}
    except Exception as e:
        case = {"error": f"{type(e).__name__}: {e}"[:80]}
    cases.append({"template": template, **case})
json.dump(cases, sys.stdout, ensure_ascii=False, indent=0)
