package hooked

import (
	"cmp"
	"math"

	"gopherlens/internal/brief"
)

// ropeNames are how a family's config.json calls its rotary settings outside the object that scales
// them: the base, and which share of a head is turned. In a family without a name for the share all
// of a head is.
type ropeNames struct{ theta, share string }

// The names of most families.
var (
	wholeRope   = ropeNames{theta: "rope_theta"}
	partialRope = ropeNames{"rope_theta", "partial_rotary_factor"}
)

// rope reads the rotary settings, in the newer spelling (rope_parameters) or the older
// (rope_scaling, with base and share beside it). As in transformers 5 an older object that holds
// something replaces a newer one, and what stands inside wins over what stands beside.
func (f *fields) rope(c *Config, names ropeNames) {
	name, inside := f.ropeObject()
	c.RotaryBase = f.ropeNumber(inside, "rope_theta", names.theta)
	c.RotaryDim = f.rotaryDim(c, inside, names.share)
	inside.ropeScaling(c, f)
	f.adopt(name, inside)
}

// rotaryDim is how many entries of a head are turned.
func (f *fields) rotaryDim(c *Config, inside *fields, share string) int {
	const name = "partial_rotary_factor"
	switch {
	case f.gguf:
		return f.IntOr(ggufRotaryField, c.DHead)
	case share == "":
		f.want(name, 1.0)
		inside.want(name, 1.0)
		return c.DHead
	}
	v := f.ropeNumber(inside, name, share)
	if !(v <= 1) {
		f.fail("field %q is %v: no more than a whole head can be turned", share, v)
		return c.DHead
	}
	return int(v * float64(c.DHead))
}

// ropeObject is the object that scales the angles, and its name; an empty one if the file has none.
func (f *fields) ropeObject() (string, *fields) {
	older, newer := f.sub("rope_scaling"), f.sub("rope_parameters")
	switch {
	case older != nil && len(older.values) > 0:
		return "rope_scaling", older
	case newer != nil:
		return "rope_parameters", newer
	}
	return "rope_parameters", newFields(nil)
}

// ropeNumber is a setting that stands inside an object, or beside it, or is the family's default.
func (f *fields) ropeNumber(inside *fields, within, beside string) float64 {
	if _, ok := inside.said(within); ok {
		f.read[beside] = true
		return inside.Positive(within)
	}
	return f.Positive(beside)
}

// Where [ggufFields] puts what only GGUF files say. No config.json has such fields.
const (
	ggufRotaryField = "rotary width in GGUF" // how many entries of a head are turned
	ggufValueField  = "value width in GGUF"  // the width of a value
)

// ropeScaling reads the object r, which beside is the rest of.
func (r *fields) ropeScaling(c *Config, beside *fields) {
	// the newer name wins
	said := r.StringOr("rope_type", r.StringOr("type", r.untypedScaling(beside)))
	r.read["type"] = true
	kind := RopeKind(said)
	if other, ok := beside.ropeAliases[said]; ok {
		kind = other
	}
	if kind == "default" || kind == "none" {
		// which then scale nothing
		r.read["factor"], r.read["original_max_position_embeddings"] = true, true
		return
	}
	read, ok := ropeReaders[kind]
	if !ok {
		r.fail("rotary scaling of type %q is not supported; known: default, linear, dynamic, yarn, longrope, llama3", kind)
		return
	}
	s := &RopeScaling{Kind: kind}
	read(r, s, c, beside)
	c.RotaryScaling = s
}

// untypedScaling is the type of an object that does not say it. A GGUF file with a factor alone
// means linear scaling: llama.cpp, src/llama-model.cpp, load_hparams.
func (r *fields) untypedScaling(beside *fields) string {
	if factor := r.values["factor"]; beside.gguf && factor != nil && factor != 0.0 {
		return string(LinearRope)
	}
	return "default"
}

// ropeReaders read what each kind of scaling needs.
var ropeReaders = map[RopeKind]func(r *fields, s *RopeScaling, c *Config, beside *fields){
	LinearRope: func(r *fields, s *RopeScaling, _ *Config, _ *fields) {
		s.Factor = r.Positive("factor")
		r.said("original_max_position_embeddings") // changes nothing here
	},
	DynamicRope: func(r *fields, s *RopeScaling, c *Config, _ *fields) {
		s.Factor, s.OriginalContext = r.Positive("factor"), c.NCtx
		r.want("original_max_position_embeddings", float64(c.NCtx))
	},
	YarnRope: func(r *fields, s *RopeScaling, c *Config, beside *fields) {
		r.stretched(s, c, beside)
		// 0 is none there
		s.BetaFast, s.BetaSlow = cmp.Or(r.FloatOr("beta_fast", 0), 32), cmp.Or(r.FloatOr("beta_slow", 0), 1)
		s.Truncate = r.BoolOr("truncate", true)
		for _, name := range []string{"ext_factor", "attn_factor"} { // GGUF's
			r.want(name, 1.0)
		}
		if long := s.Factor * float64(s.OriginalContext); long > float64(c.NCtx) && long <= maxSize {
			// the block was added to a file that still tells the original context
			c.NCtx = int(long)
		}
		m, all := r.FloatOr("mscale", 0), r.FloatOr("mscale_all_dim", 0)
		usual := yarnAttnFactor(s.Factor, 1)
		if m != 0 && all != 0 {
			usual = yarnAttnFactor(s.Factor, m) / yarnAttnFactor(s.Factor, all)
		}
		s.AttnFactor = r.PositiveOr("attention_factor", usual)
	},
	LongRope: func(r *fields, s *RopeScaling, c *Config, beside *fields) {
		r.stretched(s, c, beside)
		s.ShortFactors, s.LongFactors = r.floats("short_factor"), r.floats("long_factor")
		usual := 1.0
		if s.Factor > 1 {
			usual = math.Sqrt(1 + math.Log(s.Factor)/math.Log(float64(s.OriginalContext)))
		}
		s.AttnFactor = r.PositiveOr("attention_factor", usual)
	},
	Llama3Rope: func(r *fields, s *RopeScaling, c *Config, beside *fields) {
		r.stretched(s, c, beside)
		s.LowFreqFactor, s.HighFreqFactor = r.Positive("low_freq_factor"), r.Positive("high_freq_factor")
	},
}

// stretched reads the original context and how many times longer it became. The former may stand
// beside the object, where it wins; the latter follows from the two contexts where it is not said.
func (r *fields) stretched(s *RopeScaling, c *Config, beside *fields) {
	const name = "original_max_position_embeddings"
	s.OriginalContext = r.IntOr(name, c.NCtx)
	if _, ok := beside.get(name); ok {
		s.OriginalContext = beside.Int(name)
	}
	_, inside := r.said(name)
	_, outside := beside.get(name)
	if (inside || outside) && s.OriginalContext > 0 {
		s.Factor = r.PositiveOr("factor", float64(c.NCtx)/float64(s.OriginalContext))
	} else {
		s.Factor = r.Positive("factor")
	}
}

// yarnAttnFactor is the factor that the paper recommends, weighted with m.
func yarnAttnFactor(factor, m float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*m*math.Log(factor) + 1
}

// floats reads a list of numbers.
func (f *fields) floats(name string) []float64 {
	v, ok := f.get(name)
	if !ok {
		f.fail("field %q is missing", name)
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		f.fail("field %q is %v, want a list of numbers", name, v)
		return nil
	}
	out := make([]float64, len(list))
	for i, item := range list {
		if out[i], ok = item.(float64); !ok {
			f.fail("field %q: entry %d is %s, want a number", name, i, brief.Sprintf("%v", item))
		}
	}
	return out
}
