package notebook

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// parametersTag marks the cell that declares a notebook's parameters: papermill's convention.
const parametersTag = "parameters"

// A parameter is a constant or variable that the tagged cell declares.
type parameter struct {
	keyword token.Token // const or var
	kind    string      // the type that is written there, or ""
	value   ast.Expr    // what it is otherwise
	alone   bool        // whether nothing else comes from the same declaration
}

// inject returns the source of a cell that gives parameters other values: the kernel takes the
// newest declaration of a name.
func (f *File) inject(assignments []string) (source string, err error) {
	if len(assignments) == 0 {
		return "", nil
	}
	tagged, ok := f.tagged(parametersTag)
	if !ok {
		return "", fmt.Errorf("no code cell has the tag %q, so that parameters would do nothing; "+
			"in JupyterLab, the panel of the two cogwheels adds tags to a cell", parametersTag)
	}
	declared, err := parametersOf(tagged.Source)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("// Parameters\n")
	for _, assignment := range assignments {
		name, text, ok := strings.Cut(assignment, "=")
		if !ok {
			return "", brief.Errorf("%q is no parameter; write NAME=VALUE", assignment)
		}
		line, err := declare(declared, strings.TrimSpace(name), text)
		if err != nil {
			return "", err
		}
		b.WriteString(line)
	}
	formatted, err := format.Source([]byte(b.String()))
	return string(formatted), err
}

// declare writes the declaration of a parameter with another value.
func declare(declared map[string]parameter, name, text string) (string, error) {
	p, ok := declared[name]
	switch {
	case !ok:
		return "", brief.Errorf("there is no parameter %q%s", name, nearest.Hint(name, slices.Sorted(maps.Keys(declared))))
	case !p.alone:
		return "", brief.Errorf("parameter %q is declared together with others, which would go with it: give each a line of its own", name)
	}
	value, err := p.literal(text)
	if err != nil {
		return "", brief.Errorf("parameter %s: %w", name, err)
	}
	return fmt.Sprintf("%s %s %s = %s\n", p.keyword, name, p.kind, value), nil
}

// parametersOf reads the declarations of a cell.
func parametersOf(source string) (map[string]parameter, error) {
	above, _, _ := strings.Cut("\n"+source, "\n%%") // what stands below is no declaration
	parsed, err := parser.ParseFile(token.NewFileSet(), "parameters", "package p\n"+above, 0)
	if err != nil {
		return nil, brief.Errorf("the cell with the tag %q: %w", parametersTag, err)
	}
	declared := map[string]parameter{}
	for _, declaration := range parsed.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.CONST && general.Tok != token.VAR {
			continue
		}
		for _, one := range general.Specs {
			spec := one.(*ast.ValueSpec)
			for i, name := range spec.Names {
				p := parameter{keyword: general.Tok, alone: len(spec.Names) == 1}
				if spec.Type != nil {
					p.kind = text(spec.Type)
				}
				if i < len(spec.Values) {
					p.value = spec.Values[i]
				}
				declared[name.Name] = p
			}
		}
	}
	return declared, nil
}

// text writes an expression as Go source.
func text(e ast.Expr) string {
	var b strings.Builder
	if err := format.Node(&b, token.NewFileSet(), e); err != nil {
		return "" // the parser has just made it
	}
	return b.String()
}

// literal makes a Go expression of a value from the command line: a text where the parameter is
// one, else what Go would take there.
func (p parameter) literal(value string) (string, error) {
	switch kind := p.basicKind(); kind {
	case "string":
		return strconv.Quote(value), nil
	case "bool":
		if value != "true" && value != "false" {
			return "", brief.Errorf("%q is neither true nor false", value)
		}
	case "int":
		if _, err := strconv.ParseInt(value, 0, 64); err != nil {
			return "", brief.Errorf("%q is no whole number", value)
		}
	case "float64":
		x, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return "", brief.Errorf("%q is no number", value)
		}
		if p.kind == "" && x == math.Trunc(x) && !strings.ContainsAny(value, ".eEpP") {
			return value + ".0", nil // without it, Go would take a variable for an int
		}
	default:
		if _, err := parser.ParseExpr(value); err != nil {
			return "", brief.Errorf("%q is no Go expression, as its value %s is: %w", value, brief.Text(text(p.value)), err)
		}
	}
	return value, nil
}

// basicKind tells what a parameter holds by its type, or by its value where none is written.
func (p parameter) basicKind() string {
	switch kind := p.kind; {
	case kind == "string" || kind == "bool":
		return kind
	case strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "uint"):
		return "int"
	case strings.HasPrefix(kind, "float"):
		return "float64"
	case kind != "":
		return kind
	}
	value := p.value
	if signed, ok := value.(*ast.UnaryExpr); ok && (signed.Op == token.SUB || signed.Op == token.ADD) {
		value = signed.X
	}
	switch value := value.(type) {
	case *ast.BasicLit:
		return map[token.Token]string{token.STRING: "string", token.INT: "int", token.FLOAT: "float64"}[value.Kind]
	case *ast.Ident:
		if value.Name == "true" || value.Name == "false" {
			return "bool"
		}
	}
	return ""
}
