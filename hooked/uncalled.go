package hooked

import (
	"fmt"
	"path"
	"reflect"
	"regexp"
	"runtime"
	"strings"
)

// typeOf is the type of a value for a message that refuses it. Of a function it says how it is
// called, since what it returns may be what was meant: hooked.AttnZ.At for hooked.AttnZ.At(3).
func typeOf(v any) string {
	name := fmt.Sprintf("%T", v)
	f := reflect.ValueOf(v)
	if f.Kind() != reflect.Func || f.IsNil() {
		return name
	}
	return name + ", a function (to have what it returns, call it: " + callOf(f) + ")"
}

// callOf is how a function is called, by its name if it has one.
func callOf(f reflect.Value) string {
	args := "(...)"
	if f.Type().NumIn() == 0 {
		args = "()"
	}
	full := path.Base(runtime.FuncForPC(f.Pointer()).Name()) // hooked.ZeroHead, hooked.Site.At-fm, main.init.func1
	if closure.MatchString(full) {
		return "f" + args
	}
	full, _, _ = strings.Cut(full, "[")
	if name, method := strings.CutSuffix(full, "-fm"); method {
		return "x." + name[strings.LastIndex(name, ".")+1:] + args
	}
	return strings.TrimPrefix(full, "main.") + args
}

var closure = regexp.MustCompile(`\.func\d`)
