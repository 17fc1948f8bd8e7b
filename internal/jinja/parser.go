package jinja

import (
	"slices"
	"strings"

	"gopherlens/internal/nearest"
)

// A parser makes nodes of a template's chunks.
type parser struct {
	chunks []chunk
	at     int     // the next chunk
	words  []token // of the tag that is being read
	depth  int
	soft   int             // how many ifs are around it
	loops  int             // how many loops are around what is being read
	read   map[string]bool // the names that were read in the macro that is being read
}

// deepestSource is how deep expressions and blocks may be nested.
const deepestSource = 100

func newParser(source string) *parser {
	return &parser{chunks: cutSource(source), read: map[string]bool{}}
}

func (p *parser) deeper() {
	if p.depth++; p.depth > deepestSource {
		fail("the template is nested more than %d deep", deepestSource)
	}
}

func (p *parser) template() []node {
	body, _ := p.nodes()
	return body
}

// nodes reads until a tag that begins with one of the words in until, and returns that word;
// without any it reads to the end.
func (p *parser) nodes(until ...string) (body []node, ended string) {
	p.deeper()
	defer func() { p.depth-- }()
	for p.at < len(p.chunks) {
		c := p.chunks[p.at]
		p.at++
		switch c.kind {
		case "text":
			body = append(body, textNode(c.text))
			continue
		case "{{":
			p.words = tokens(c)
			body = append(body, printNode{p.tuple(true)})
			p.end()
			continue
		}
		p.words = tokens(c)
		word := p.name("a block")
		if slices.Contains(until, word) {
			return body, word
		}
		body = append(body, p.statement(word, c.line))
	}
	if len(until) > 0 {
		fail("unexpected end of the template: a block is to be closed by %s", strings.Join(until, " or "))
	}
	return body, ""
}

// statements are the blocks that there are. It is filled by init, for they read blocks themselves.
var statements map[string]func(p *parser) node

func init() {
	statements = map[string]func(p *parser) node{
		"for": (*parser).forBlock, "if": (*parser).ifBlock, "set": (*parser).setBlock, "macro": (*parser).macroBlock,
		"call": (*parser).callBlock, "filter": (*parser).filterBlock, "with": (*parser).withBlock, "generation": (*parser).generationBlock,
		"block": (*parser).namedBlock, "break": (*parser).breakBlock, "continue": (*parser).continueBlock,
	}
}

// refused are blocks that need what a chat template does not have.
var refused = []string{"include", "import", "from", "extends", "autoescape"}

func (p *parser) statement(word string, line int) node {
	if slices.Contains(refused, word) {
		fail("line %d: {%% %s %%} is not for chat templates: there is nothing to load from and nothing to escape for", line, word)
	}
	parse, ok := statements[word]
	if !ok {
		fail("line %d: unknown tag %q%s", line, word, nearest.Hint(word, keys(statements)))
	}
	return parse(p)
}

func keys[V any](m map[string]V) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// peek is the next word of the tag, and next takes it.
func (p *parser) peek() token { return p.words[0] }

func (p *parser) next() token {
	t := p.words[0]
	if t.kind != "end" {
		p.words = p.words[1:]
	}
	return t
}

// is says whether the next word is an operator, or a name that has a meaning.
func (p *parser) is(what string) bool {
	t := p.peek()
	return t.kind == what || t.kind == "name" && t.text == what
}

// skip takes the next word if it is this one.
func (p *parser) skip(what string) bool {
	if p.is(what) {
		p.next()
		return true
	}
	return false
}

func (p *parser) want(what string) {
	if !p.skip(what) {
		fail("line %d: want %q, not %v", p.peek().line, what, p.peek())
	}
}

// name takes a name.
func (p *parser) name(of string) string {
	t := p.next()
	if t.kind != "name" {
		fail("line %d: want the name of %s, not %v", t.line, of, t)
	}
	return t.text
}

// end is the end of a tag.
func (p *parser) end() {
	if t := p.peek(); t.kind != "end" {
		fail("line %d: unexpected %v", t.line, t)
	}
}

// body reads to the tag that closes a block, and that tag.
func (p *parser) body(until ...string) ([]node, string) {
	p.end()
	return p.nodes(until...)
}

func (p *parser) block(closing string) []node {
	body, _ := p.body(closing)
	p.end()
	return body
}

func (p *parser) forBlock() node {
	n := &forNode{target: p.target(false)}
	p.want("in")
	n.over = p.tuple(false, "recursive")
	if p.skip("if") {
		n.test = p.expression()
	}
	n.recursive = p.skip("recursive")
	p.loops++
	body, ended := p.body("endfor", "else")
	p.loops--
	n.body = body
	if ended == "else" {
		n.otherwise, _ = p.body("endfor")
	}
	p.end()
	return n
}

func (p *parser) ifBlock() node {
	n := &ifNode{}
	for ended := "elif"; ; {
		if ended == "elif" {
			n.tests = append(n.tests, p.tuple(false))
		} else {
			n.tests = append(n.tests, literal{true})
			p.soft++
			body := p.block("endif")
			p.soft--
			n.bodies = append(n.bodies, body)
			return n
		}
		var body []node
		p.soft++
		body, ended = p.body("elif", "else", "endif")
		p.soft--
		n.bodies = append(n.bodies, body)
		if ended == "endif" {
			p.end()
			return n
		}
	}
}

func (p *parser) setBlock() node {
	target := p.target(true)
	if p.skip("=") {
		n := setNode{target, p.tuple(true)}
		p.end()
		return n
	}
	filters := p.filters(nil)
	return setBlockNode{target, filters, p.inner("endset")}
}

// inner reads the body of a block that is a function of its own: no loop is around it.
func (p *parser) inner(closing string) []node {
	loops := p.loops
	p.loops = 0
	defer func() { p.loops = loops }()
	return p.block(closing)
}

// macroBody reads the body of a macro, and says which names it reads.
func (p *parser) macroBody(closing string) (body []node, reads map[string]bool) {
	outer := p.read
	p.read = map[string]bool{}
	body, reads = p.inner(closing), p.read
	for name := range reads {
		outer[name] = true
	}
	p.read = outer
	return body, reads
}

func (p *parser) macroBlock() node {
	n := &macroNode{name: p.name("a macro")}
	n.signature = p.signature()
	n.body, n.reads = p.macroBody("endmacro")
	return n
}

// signature reads (a, b=1).
func (p *parser) signature() signature {
	var s signature
	p.want("(")
	for !p.skip(")") {
		if len(s.names) > 0 {
			p.want(",")
		}
		s.names = append(s.names, p.assignable("an argument"))
		var otherwise expression
		if p.skip("=") {
			otherwise = p.expression()
		} else if len(s.defaults) > 0 && s.defaults[len(s.defaults)-1] != nil {
			fail("line %d: an argument without a default follows one that has a default", p.peek().line)
		}
		s.defaults = append(s.defaults, otherwise)
	}
	return s
}

func (p *parser) callBlock() node {
	n := &callNode{}
	if p.is("(") {
		n.signature = p.signature()
	}
	line := p.peek().line
	called, ok := p.expression().(callExpression)
	if !ok {
		fail("line %d: a call block wants a call, as in {%% call name() %%}", line)
	}
	n.call = called
	n.body, n.reads = p.macroBody("endcall")
	return n
}

func (p *parser) filterBlock() node {
	filters := p.firstFilter()
	return filterNode{filters, p.inner("endfilter")}
}

func (p *parser) withBlock() node {
	n := &withNode{}
	for p.peek().kind != "end" {
		if len(n.targets) > 0 {
			p.want(",")
		}
		n.targets = append(n.targets, p.target(false))
		p.want("=")
		n.values = append(n.values, p.expression())
	}
	n.body = p.block("endwith")
	return n
}

func (p *parser) generationBlock() node { return generationNode{p.inner("endgeneration")} }

func (p *parser) namedBlock() node {
	p.name("a block")
	p.skip("scoped")
	p.skip("required")
	p.end()
	body, _ := p.nodes("endblock")
	if p.peek().kind == "name" {
		p.next()
	}
	p.end()
	return &withNode{body: body}
}

func (p *parser) breakBlock() node    { return p.jump(leaves) }
func (p *parser) continueBlock() node { return p.jump(skips) }

func (p *parser) jump(s signal) node {
	if p.loops == 0 {
		fail("line %d: break and continue belong in a loop", p.peek().line)
	}
	p.end()
	return jumpNode(s)
}

// constants are the names that stand for values.
var constants = map[string]any{"true": true, "True": true, "false": false, "False": false, "none": nil, "None": nil}

// assignable is a name that can be set.
func (p *parser) assignable(of string) string {
	name := p.name(of)
	if _, ok := constants[name]; ok {
		fail("line %d: %s cannot be set", p.peek().line, name)
	}
	return name
}

// target reads what is set: a name, several in a tuple, or an attribute of a namespace.
func (p *parser) target(attributes bool) target {
	all, several := []target{p.oneTarget(attributes)}, false
	for p.skip(",") {
		several = true
		if p.is("in") || p.is("=") || p.peek().kind == "end" {
			break
		}
		all = append(all, p.oneTarget(attributes))
	}
	if !several {
		return all[0]
	}
	return targets(all)
}

func (p *parser) oneTarget(attributes bool) target {
	if p.skip("(") {
		p.deeper()
		defer func() { p.depth-- }()
		t := p.target(attributes)
		p.want(")")
		return t
	}
	name := p.assignable("what is set")
	if attributes && p.skip(".") {
		return attributeTarget{name, p.name("an attribute")}
	}
	return nameTarget(name)
}
