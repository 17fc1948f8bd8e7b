package jinja

import (
	"slices"
	"strings"

	"gopherlens/internal/nearest"
)

// The methods of this file are Jinja2's grammar of expressions, from the loosest tie to the
// tightest. Unlike in Python, ~ ties more tightly than +, a minus more tightly than **, which goes
// from left to right, and a filter more tightly than all.

func (p *parser) expression() expression {
	p.deeper()
	defer func() { p.depth-- }()
	return p.conditional()
}

func (p *parser) conditional() expression {
	e := p.or()
	for p.skip("if") {
		c := conditional{test: p.or(), yes: e}
		if p.skip("else") {
			p.soft++
			c.no = p.expression()
			p.soft--
		}
		e = c
	}
	return e
}

func (p *parser) or() expression {
	e := p.and()
	for p.skip("or") {
		e = either{e, p.and()}
	}
	return e
}

func (p *parser) and() expression {
	e := p.not()
	for p.skip("and") {
		e = both{e, p.not()}
	}
	return e
}

func (p *parser) not() expression {
	if p.skip("not") {
		p.deeper()
		defer func() { p.depth-- }()
		return not{p.not()}
	}
	return p.comparison()
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">=", "in"}

func (p *parser) comparison() expression {
	e := comparison{first: p.binary(0)}
	for {
		sign := ""
		switch t := p.peek(); {
		case slices.ContainsFunc(comparisons, p.is):
			sign = t.text
		case p.is("not") && p.words[1].kind == "name" && p.words[1].text == "in":
			p.next()
			sign = "not in"
		default:
			if len(e.signs) == 0 {
				return e.first
			}
			return e
		}
		p.next()
		e.signs, e.others = append(e.signs, sign), append(e.others, p.binary(0))
	}
}

// ties are the binary operators, those that tie most loosely first.
var ties = [][]string{{"+", "-"}, {"~"}, {"*", "/", "//", "%"}, {"**"}}

func (p *parser) binary(tie int) expression {
	if tie == len(ties) {
		return p.unary(true)
	}
	e := p.binary(tie + 1)
	for slices.ContainsFunc(ties[tie], p.is) && p.peek().kind != "name" {
		sign := p.next().kind
		other := p.binary(tie + 1)
		if sign == "~" {
			e = joined{e, other}
		} else {
			e = binary{sign, e, other}
		}
	}
	return e
}

func (p *parser) unary(filtered bool) expression {
	p.deeper()
	defer func() { p.depth-- }()
	var e expression
	switch {
	case p.peek().kind == "-":
		p.next()
		e = unary{"-", p.unary(false)}
	case p.peek().kind == "+":
		p.next()
		e = unary{"+", p.unary(false)}
	default:
		e = p.postfix(p.primary())
	}
	if filtered {
		return p.filtered(e)
	}
	return e
}

func (p *parser) primary() expression {
	t := p.next()
	switch t.kind {
	case "name":
		if v, ok := constants[t.text]; ok {
			return literal{v}
		}
		p.read[t.text] = true
		return name(t.text)
	case "string":
		all := []string{t.value.(string)}
		for p.peek().kind == "string" {
			all = append(all, p.next().value.(string))
		}
		return literal{strings.Join(all, "")}
	case "int", "float":
		return literal{t.value}
	case "(":
		return p.parenthesis()
	case "[":
		return listExpression(p.list("]"))
	case "{":
		return p.dict()
	}
	fail("line %d: unexpected %v", t.line, t)
	return nil
}

// parenthesis reads a tuple, or an expression in parentheses.
func (p *parser) parenthesis() expression {
	if p.skip(")") {
		return tupleExpression{}
	}
	e := p.tuple(true)
	p.want(")")
	return e
}

// list reads expressions to the closing bracket.
func (p *parser) list(closing string) []expression {
	var all []expression
	for !p.skip(closing) {
		if len(all) > 0 {
			p.want(",")
			if p.skip(closing) {
				break
			}
		}
		all = append(all, p.expression())
	}
	return all
}

func (p *parser) dict() expression {
	var d dictExpression
	for !p.skip("}") {
		if len(d.keys) > 0 {
			p.want(",")
			if p.skip("}") {
				break
			}
		}
		d.keys = append(d.keys, p.expression())
		p.want(":")
		d.values = append(d.values, p.expression())
	}
	return d
}

// tuple reads an expression, or several with commas between them. Where an if belongs to the tag
// itself, as in a for, no conditional is read.
func (p *parser) tuple(conditionals bool, enders ...string) expression {
	one := func() expression {
		if conditionals {
			return p.expression()
		}
		return p.or()
	}
	all := []expression{one()}
	several := false
	for p.skip(",") {
		several = true
		if p.peek().kind == "end" || p.peek().kind == ")" || slices.ContainsFunc(enders, p.is) {
			break
		}
		all = append(all, one())
	}
	if !several {
		return all[0]
	}
	return tupleExpression(all)
}

// postfix reads .name, [key] and (arguments).
func (p *parser) postfix(e expression) expression {
	for {
		switch p.peek().kind {
		case ".":
			p.next()
			e = p.afterDot(e)
		case "[":
			p.next()
			e = itemExpression{e, p.subscript()}
		case "(":
			e = p.called(e)
		default:
			return e
		}
	}
}

func (p *parser) afterDot(e expression) expression {
	switch t := p.next(); t.kind {
	case "name":
		return attrExpression{e, t.text}
	case "int":
		return itemExpression{e, literal{t.value}}
	default:
		fail("line %d: want a name after the dot, not %v", t.line, t)
		return nil
	}
}

// subscript reads what stands in brackets: an index, or a slice.
func (p *parser) subscript() expression {
	var all []expression
	for len(all) == 0 || p.skip(",") {
		if p.is("]") {
			break
		}
		all = append(all, p.oneSubscript())
	}
	p.want("]")
	switch len(all) {
	case 0:
		fail("line %d: there is nothing between the brackets", p.peek().line)
	case 1:
		return all[0]
	}
	for _, e := range all {
		if _, ok := e.(cutExpression); ok {
			fail("line %d: a slice stands alone in its brackets", p.peek().line)
		}
	}
	return tupleExpression(all)
}

func (p *parser) oneSubscript() expression {
	var parts []expression
	part := func() {
		if p.is(":") || p.is("]") || p.is(",") {
			parts = append(parts, nil)
			return
		}
		parts = append(parts, p.expression())
	}
	if !p.is(":") {
		first := p.expression()
		if !p.is(":") {
			return first
		}
		parts = append(parts, first)
	} else {
		parts = append(parts, nil)
	}
	for len(parts) < 3 && p.skip(":") {
		part()
	}
	for len(parts) < 3 {
		parts = append(parts, nil)
	}
	return cutExpression{parts[0], parts[1], parts[2]}
}

func (p *parser) called(e expression) expression {
	p.want("(")
	c := callExpression{of: e}
	c.arguments = p.arguments()
	return c
}

// arguments reads a, name=b, *c, **d) to the closing parenthesis.
func (p *parser) arguments() argumentList {
	var a argumentList
	for first := true; !p.skip(")"); first = false {
		if !first {
			p.want(",")
			if p.skip(")") {
				break
			}
		}
		switch {
		case p.peek().kind == "*":
			p.next()
			a.rest = p.expression()
		case p.peek().kind == "**":
			p.next()
			a.namedRest = p.expression()
		case p.peek().kind == "name" && p.words[1].kind == "=":
			a.names = append(a.names, p.next().text)
			p.next()
			a.named = append(a.named, p.expression())
		default:
			if len(a.names) > 0 || a.rest != nil || a.namedRest != nil {
				fail("line %d: an argument without a name follows one that has a name", p.peek().line)
			}
			a.values = append(a.values, p.expression())
		}
	}
	return a
}

// filtered reads filters, tests and calls after an expression.
func (p *parser) filtered(e expression) expression {
	for {
		switch {
		case p.peek().kind == "|":
			e = p.filters(e)
		case p.is("is"):
			p.next()
			e = p.test(e)
		case p.peek().kind == "(":
			e = p.called(e)
		default:
			return e
		}
	}
}

// filters reads |name(arguments), one after the other.
func (p *parser) filters(e expression) expression {
	for p.skip("|") {
		e = p.filter(e)
	}
	return e
}

// firstFilter reads the filters of a filter block, whose first has no |.
func (p *parser) firstFilter() expression { return p.filters(p.filter(nil)) }

func (p *parser) filter(e expression) expression {
	line := p.peek().line
	called := p.dotted("a filter")
	f, ok := filters[called]
	if !ok {
		refuse := p.unknown("filter", called, line, keys(filters))
		f = filter{raw: func(*run, any, arguments) any { refuse(); return nil }}
	}
	n := filterExpression{of: e, name: called, apply: f}
	if p.skip("(") {
		n.arguments = p.arguments()
	}
	return n
}

// unknown refuses a filter or a test that there is not: at once, but within an if, which may have
// asked for it, not before it is applied.
func (p *parser) unknown(kind, called string, line int, known []string) (refuse func()) {
	refuse = func() { fail("line %d: no %s is named %q%s", line, kind, called, nearest.Hint(called, known)) }
	if p.soft == 0 {
		refuse()
	}
	return refuse
}

func (p *parser) dotted(of string) string {
	words := []string{p.name(of)}
	for p.peek().kind == "." {
		p.next()
		words = append(words, p.name(of))
	}
	return strings.Join(words, ".")
}

// testBegins are the words with which a test's argument without parentheses begins.
var testBegins = []string{"name", "string", "int", "float", "(", "[", "{"}

func (p *parser) test(e expression) expression {
	negated := p.skip("not")
	line := p.peek().line
	called := p.dotted("a test")
	t, ok := tests[called]
	if !ok {
		refuse := p.unknown("test", called, line, keys(tests))
		t = func(*run, any, []any) bool { refuse(); return false }
	}
	n := testExpression{of: e, name: called, holds: t}
	switch {
	case p.peek().kind == "(":
		p.next()
		n.arguments = p.arguments()
	case slices.Contains(testBegins, p.peek().kind) && !slices.ContainsFunc([]string{"else", "or", "and"}, p.is):
		if p.is("is") {
			fail("line %d: tests cannot follow each other", line)
		}
		n.arguments.values = []expression{p.postfix(p.primary())}
	}
	if negated {
		return not{n}
	}
	return n
}
