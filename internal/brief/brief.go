// Package brief keeps what messages print short. A value out of a file or from the
// network can be of any size, and of any shape: a few hundred bytes of pickle make
// nested tuples that share their parts, which fmt would print for ever.
package brief

import (
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	longest = 200 // bytes of one text
	deepest = 600 // bytes of an error inside another: it has several values of its own
	shown   = 8   // elements of a list
)

// Text shortens a text and says how long it was.
func Text(s string) string { return Cut(s, longest) }

// Names joins a list of names, and counts those that it leaves out.
func Names(names []string) string {
	texts := make([]string, 0, shown)
	for _, name := range names[:min(len(names), shown)] {
		texts = append(texts, Text(name))
	}
	return strings.Join(texts, ", ") + more(len(names), ", ")
}

// Errorf is fmt.Errorf with arguments that are printed in short.
func Errorf(format string, args ...any) error {
	if false {
		_ = fmt.Errorf(format, args...) // so that go vet checks the callers' formats
	}
	format, args = typed(format, args)
	return fmt.Errorf(format, values(args)...)
}

// Sprintf is fmt.Sprintf with arguments that are printed in short.
func Sprintf(format string, args ...any) string {
	if false {
		_ = fmt.Sprintf(format, args...) // as above
	}
	format, args = typed(format, args)
	return fmt.Sprintf(format, values(args)...)
}

// directive is one of a format, from % to its verb.
var directive = regexp.MustCompile(`%[^a-zA-Z%]*[a-zA-Z%]`)

// numbered is one that says which argument it prints.
var numbered = regexp.MustCompile(`%[^a-zA-Z%\[]*\[[0-9]+\]`)

// typed has the names of types in place of %T, which would name the type of what [value] makes of
// an argument. A format that numbers its arguments stays as it is.
func typed(format string, args []any) (string, []any) {
	if !strings.Contains(format, "%T") || numbered.MatchString(format) {
		return format, args
	}
	args = slices.Clone(args)
	next := 0
	format = directive.ReplaceAllStringFunc(format, func(d string) string {
		if strings.HasSuffix(d, "%") {
			return d
		}
		next += 1 + strings.Count(d, "*")
		if d != "%T" || next > len(args) {
			return d
		}
		args[next-1] = fmt.Sprintf("%T", args[next-1])
		return "%s"
	})
	return format, args
}

func values(args []any) []any {
	out := make([]any, len(args))
	for i, arg := range args {
		out[i] = value(arg)
	}
	return out
}

// value replaces what may be long. Numbers and truth values print as they are; of
// what is composite and no plain list, only the type is told.
func value(arg any) any {
	switch arg := arg.(type) {
	case nil:
		return nil
	case error:
		return inner(arg)
	case fmt.Stringer:
		return Text(arg.String())
	}
	v := reflect.ValueOf(arg)
	switch v.Kind() {
	case reflect.String:
		return Text(v.String())
	case reflect.Slice, reflect.Array:
		return list(v)
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return arg
	}
	return plain(fmt.Sprintf("a %T", arg))
}

// list prints the first elements of a list of numbers, truth values or texts.
func list(v reflect.Value) any {
	switch v.Type().Elem().Kind() {
	case reflect.Uint8:
		if v.Kind() == reflect.Slice {
			return Text(string(v.Bytes()))
		}
	case reflect.Interface:
		if !allPlain(v) {
			return plain(fmt.Sprintf("%d of %s", v.Len(), v.Type().Elem()))
		}
	case reflect.Slice, reflect.Array, reflect.Map, reflect.Struct, reflect.Pointer:
		return plain(fmt.Sprintf("%d of %s", v.Len(), v.Type().Elem()))
	}
	elements := make([]any, min(v.Len(), shown))
	for i := range elements {
		elements[i] = value(v.Index(i).Interface())
	}
	return items{elements, more(v.Len(), " ")}
}

// allPlain reports whether the elements that are shown are numbers, truth values or texts.
func allPlain(v reflect.Value) bool {
	for i := range min(v.Len(), shown) {
		switch v.Index(i).Elem().Kind() {
		case reflect.Invalid, reflect.Slice, reflect.Array, reflect.Map, reflect.Struct, reflect.Pointer,
			reflect.Interface, reflect.Func, reflect.Chan:
			return false
		}
	}
	return true
}

// items prints its elements with the verb that the list was given.
type items struct {
	elements []any
	rest     string
}

// Format implements fmt.Formatter.
func (l items) Format(f fmt.State, verb rune) {
	io.WriteString(f, "[")
	for i, element := range l.elements {
		if i > 0 {
			io.WriteString(f, " ")
		}
		fmt.Fprintf(f, fmt.FormatString(f, verb), element)
	}
	io.WriteString(f, l.rest+"]")
}

// plain prints itself whatever the verb.
type plain string

// Format implements fmt.Formatter.
func (p plain) Format(f fmt.State, _ rune) { io.WriteString(f, string(p)) }

// brieferError is an error with a shorter text.
type brieferError struct {
	error
	text string
}

func (e brieferError) Error() string { return e.text }

// Unwrap keeps the kind of the error visible.
func (e brieferError) Unwrap() error { return e.error }

func inner(err error) error {
	if text := err.Error(); len(text) > deepest {
		return brieferError{err, Cut(text, deepest)}
	}
	return err
}

// Cut ends a text after n bytes, between letters, and says how long it was.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n
	for end > n-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%s... (%d bytes)", s[:end], len(s))
}

func more(n int, separator string) string {
	if n <= shown {
		return ""
	}
	return fmt.Sprintf("%s... (%d in all)", separator, n)
}
