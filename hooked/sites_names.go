package hooked

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gopherlens/internal/brief"
	"gopherlens/internal/fault"
	"gopherlens/internal/nearest"
)

// ActName is TransformerLens' get_act_name: the full hook name that a short form stands for.
//
//	ActName("q", 3)             blocks.3.attn.hook_q
//	ActName("scale", 4, "ln1")  blocks.4.ln1.hook_scale
//	ActName("k6")               blocks.6.attn.hook_k
//	ActName("scale4ln1")        blocks.4.ln1.hook_scale
//	ActName("resid_pre1")       blocks.1.hook_resid_pre
//	ActName("normalized")       ln_final.hook_normalized
//	ActName("hook_embed")       hook_embed
//
// After the name may stand a layer (int) and a part (string), either alone as in Python. A full
// name, or one that matches no known hook, is returned completed but unchecked: it takes a
// model to say which hooks exist.
func ActName(name string, layerAndType ...any) (string, error) {
	short, err := parseShort(name, layerAndType)
	if err != nil {
		return "", err
	}
	return short.fullName(), nil
}

// shortName is a hook name taken apart.
type shortName struct {
	name  string // "q", or a full name
	layer string // "", or a number, perhaps negative
	part  string // "attn", "mlp", "ln1" and so on, or ""
}

// compact are forms such as "k6", "scale4ln1", "pre5" and, which TransformerLens does not take
// apart, "resid_pre1".
var compact = regexp.MustCompile(`^([a-z][a-z_]*)(\d+)([a-z]?.*)$`)

var (
	nameAliases = map[string]string{"attn": "pattern", "attn_logits": "attn_scores", "key": "k", "query": "q", "value": "v",
		"mlp_pre": "pre", "mlp_mid": "mid", "mlp_post": "post"}
	partAliases = map[string]string{"a": "attn", "m": "mlp", "b": "", "block": "", "blocks": "", "attention": "attn"}
)

// partOf is the part of a layer that a hook lies in, by the last word of its name, where it tells:
// "attn" for q, none for scale.
var partOf = sync.OnceValue(func() map[string]string {
	parts := make(map[string]string)
	for _, info := range siteList {
		inLayer, ok := strings.CutPrefix(info.path, "blocks.%d.")
		part, word, _ := strings.Cut(inLayer, ".hook_")
		if !ok || word == "" || strings.Contains(part, ".") {
			continue
		}
		if _, twice := parts[word]; twice {
			part = ""
		}
		parts[word] = part
	}
	return parts
})

func parseShort(name string, layerAndType []any) (shortName, error) {
	short := shortName{name: name}
	for _, arg := range layerAndType {
		l, isLayer := arg.(int)
		part, isPart := arg.(string)
		switch {
		case isLayer && short.layer == "":
			short.layer = strconv.Itoa(l)
		case isPart && short.part == "":
			short.part = part
		default:
			return short, brief.Errorf("hook name %q: after the name stand at most a layer (int) and a part (string), got %v of type %s", name, arg, typeOf(arg))
		}
	}
	if strings.Contains(name, ".") || strings.HasPrefix(name, "hook_") && short.layer == "" {
		return short, nil
	}
	if m := compact.FindStringSubmatch(name); m != nil {
		if short.layer != "" || short.part != "" && m[3] != "" {
			return short, brief.Errorf("hook name %q names the layer or the part, and so does %v after it: give it once", name, layerAndType[0])
		}
		short.name, short.layer, short.part = m[1], m[2], cmp.Or(m[3], short.part)
	}
	if alias, ok := partAliases[short.part]; ok {
		short.part = alias
	}
	if alias, ok := nameAliases[short.name]; ok {
		short.name = alias
	}
	if short.part == "" {
		short.part = partOf()[short.name]
	}
	return short, nil
}

func (s shortName) fullName() string {
	if strings.Contains(s.name, ".") || strings.HasPrefix(s.name, "hook_") && s.layer == "" {
		return s.name
	}
	var parts []string
	if s.layer != "" {
		parts = append(parts, "blocks", s.layer)
	}
	switch {
	case s.layer != "" && s.part != "":
		parts = append(parts, s.part)
	case s.layer == "" && (s.name == "scale" || s.name == "normalized"):
		parts = append(parts, "ln_final")
	}
	return strings.Join(append(parts, "hook_"+strings.TrimPrefix(s.name, "hook_")), ".")
}

// findSite is the one site of the model that name stands for.
func (c Config) findSite(name string, layerAndType ...any) (Site, error) {
	short, err := parseShort(name, layerAndType)
	if err != nil {
		return Site{}, err
	}
	if short.layer != "" {
		n, _ := strconv.Atoi(short.layer)
		if n, err = c.layer(n); err != nil {
			return Site{}, fault.Mark(brief.Errorf("hook %q: %w", name, err), ErrUnknownHook)
		}
		short.layer = strconv.Itoa(n)
	}
	full := short.fullName()
	sites := c.Sites()
	for _, s := range sites {
		if s.Name() == full {
			return s, nil
		}
	}
	return Site{}, unknownHook(name, sites)
}

// OneSite is the one site in a model of this configuration that a name ("blocks.5.hook_resid_post",
// "resid_post5") or a [Site] of one layer means, the layer counted from the first. It may be one
// that an edit names with [Tap]: whether there is such an edit only a run can tell.
func (c Config) OneSite(at any) (Site, error) { return c.oneSite(at, nil) }

func (c Config) oneSite(name any, layerAndPart []any) (Site, error) {
	switch v := name.(type) {
	case string:
		s, err := c.findSite(v, layerAndPart...)
		if err != nil && len(layerAndPart) == 0 {
			if tap, ok := c.tapNamed(v); ok {
				return tap, nil
			}
		}
		return s, err
	case Site:
		return c.oneOf(v, layerAndPart)
	}
	return Site{}, brief.Errorf("one site is meant by a hook name (string) or a hooked.Site, not by %s", typeOf(name))
}

func (c Config) oneOf(s Site, layer []any) (Site, error) {
	switch l, ok := one[int](layer); {
	case s.info == nil:
		return s, errZeroSite
	case ok:
		s = s.At(l)
	case len(layer) > 0:
		return s, brief.Errorf("after the Site %s may stand a layer (int), got %v", s, layer)
	}
	find := func() ([]Site, error) { return c.resolveSite(s, c.Sites()) }
	if s.isTap() {
		find = func() ([]Site, error) { return c.everyTap(s) }
	}
	found, err := find()
	if err != nil {
		return s, err
	}
	if len(found) != 1 {
		return s, brief.Errorf("%s stands for %d layers: say which with At", s, len(found))
	}
	return found[0], nil
}

// one is the single value of a list, if it is of the type T.
func one[T any](list []any) (value T, ok bool) {
	if len(list) == 1 {
		value, ok = list[0].(T)
	}
	return value, ok
}

// unknownHook is the error about a name as it was asked for. A name without dots may have been
// meant as a short one.
func unknownHook(name string, sites []Site) error {
	asked, names := name, make([]string, len(sites))
	for i, s := range sites {
		names[i] = s.Name()
	}
	if !strings.Contains(name, ".") {
		asked = strings.TrimPrefix(name, "hook_")
		names = shortNames(asked, sites)
	}
	return fault.Mark(brief.Errorf("unknown hook %q%s", name, nearest.Hint(asked, names)), ErrUnknownHook)
}

// shortNames are the short names of sites, with the number behind that the name asked for has, as
// in "k6", and the part of the layer where the word alone does not tell it, as in "scale4ln1".
func shortNames(asked string, sites []Site) []string {
	number := ""
	if m := compact.FindStringSubmatch(asked); m != nil {
		number = m[2]
	}
	var names []string
	for _, s := range sites {
		inLayer := strings.TrimPrefix(s.info.path, "blocks.%d.")
		part, word, ok := strings.Cut("."+inLayer, ".hook_")
		if !ok {
			continue
		}
		if s.info.perLayer() && number != "" {
			word += number
			if part = strings.TrimPrefix(part, "."); partOf()[strings.TrimSuffix(word, number)] != part {
				word += part
			}
		}
		names = append(names, word)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
