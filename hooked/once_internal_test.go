package hooked

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"gopherlens/internal/cachedir"
	"gopherlens/tokenize"
)

// TestOnceKnowsAllFields fails when a type that Once takes apart gets another field: pack it, and
// raise onceVersion if what was kept before would be wrong without it.
func TestOnceKnowsAllFields(t *testing.T) {
	for _, c := range []struct {
		of     reflect.Type
		fields []string
	}{
		{reflect.TypeFor[Tensor](), []string{"value", "axes", "eng"}},
		{reflect.TypeFor[Array](), []string{"Shape", "Data"}},
		{reflect.TypeFor[FactoredMatrix](), []string{"a", "b"}},
		{reflect.TypeFor[Encoder](), []string{"m"}},
		{reflect.TypeFor[EncoderDecoder](), []string{"m"}},
		{reflect.TypeFor[Cache](), []string{"m", "tokens", "mask", "past", "order", "mu", "at", "later", "noBatch", "positions", "weights"}},
		{reflect.TypeFor[KVCache](), []string{"m", "batch", "length", "room", "frozen", "values", "tokens", "mask", "angles", "edited", "inUse"}},
		{reflect.TypeFor[Model](), []string{"cfg", "id", "eng", "weights", "tok", "texts", "givenTok", "adapted", "applied", "skipped", "notes", "backend"}},
	} {
		var fields []string
		forFields(c.of, func(_ int, name string) { fields = append(fields, name) })
		if !slices.Equal(fields, c.fields) {
			t.Errorf("%s has the fields %q, and Once packs %q", c.of, fields, c.fields)
		}
	}
}

// again packs a value and makes it anew, from memory and from a file.
func again[T any](t *testing.T, value T) (back []T) {
	t.Helper()
	typ := reflect.TypeFor[T]()
	if err := canKeep(typ); err != nil {
		t.Fatal(err)
	}
	p, err := pack(value, typ)
	if err != nil {
		t.Fatal(err)
	}
	c := &onceCall{name: "value", typ: typ, print: "print", onDisk: true}
	p.record.Name, p.record.Type, p.record.Print = c.name, typ.String(), c.print
	text, err := p.record.marshal()
	if err != nil {
		t.Fatal(err)
	}
	fromMemory := &packed{arrays: p.arrays}
	var ok bool
	if fromMemory.record, ok = readRecord(text); !ok {
		t.Fatal("the record does not read back")
	}
	t.Setenv(cachedir.Variable, t.TempDir())
	if err := (diskStore{limit: 1 << 30}).put(c, p); err != nil {
		t.Fatal(err)
	}
	fromDisk, err := diskStore{limit: 1 << 30}.take(c)
	if err != nil || fromDisk == nil {
		t.Fatal("nothing is on disk", err)
	}
	for _, p := range []*packed{fromMemory, fromDisk} {
		v, ok, err := p.unpack(typ)
		if err != nil || !ok {
			t.Fatalf("unpacking: %t, %v", ok, err)
		}
		back = append(back, v.(T))
	}
	return back
}

type mixed struct {
	T    *Tensor
	None *Tensor
	More []*Tensor
	By   map[int]*Array
	Deep *struct{ A *Array }
	Long []float64
	NaN  float32
	Text string
}

func TestOncePacks(t *testing.T) {
	m, err := FromPretrained("testdata/arch/gpt2", DefaultProcessing)
	if err != nil {
		t.Fatal(err)
	}
	w, err := m.Weight("embed.W_E")
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, got, want *Tensor) {
		t.Helper()
		if !slices.Equal(got.Float32s(), want.Float32s()) || !slices.Equal(got.AxisNames(), want.AxisNames()) {
			t.Errorf("%s came back as %v, want %v", what, got, want)
		}
	}
	_, ids := w.At(3).TopK(2, "d_model")
	values := mixed{T: w, More: []*Tensor{w, nil, ids}, By: map[int]*Array{4: {Shape: []int{2, 1}, Data: []float32{1, 2}}},
		Deep: &struct{ A *Array }{&Array{Shape: nil, Data: []float32{3}}}, Long: make([]float64, 20_000), NaN: float32(math.NaN()), Text: "x"}
	values.Long[19_999] = 5
	for _, v := range again(t, values) {
		same("a tensor", v.T, w)
		same("a tensor of whole numbers", v.More[2], values.More[2])
		if v.None != nil || v.More[0] != v.T || v.More[1] != nil || !reflect.DeepEqual(v.By, values.By) || v.Deep.A.Data[0] != 3 ||
			!slices.Equal(v.Long, values.Long) || v.NaN == v.NaN || v.Text != "x" {
			t.Errorf("came back as %+v", v)
		}
	}
	ov := Must(m.OV())
	for _, v := range again(t, ov) {
		same("a factored matrix", v.AB(), ov.AB())
	}
}

func TestOncePacksModels(t *testing.T) {
	m := Must(FromPretrained("testdata/arch/gpt2", NoProcessing))
	tokens := Tokens{{5, 6, 7, 8}}
	logits := Must(m.Run(tokens))
	for _, v := range again(t, m) {
		if v != m {
			t.Error("a model of this process came back as another")
		}
	}
	sd := Must(m.StateDict())
	sd["embed.W_E"].Data[5*m.Config().DModel]++ // of token 5
	for _, dtype := range []DType{F32, BF16} {
		other := Must(FromStateDict(m.Config(), sd, NoProcessing, LoadOptions{DType: dtype}))
		want := Must(other.Run(tokens))
		if slices.Equal(want.Float32s(), logits.Float32s()) {
			t.Fatal("the changed weight changes nothing")
		}
		for _, v := range again(t, other) {
			if v != other {
				t.Error("a model of this process came back as another")
			}
		}
		liveModels.list = nil // as in another process
		for _, v := range again(t, other) {
			if got := Must(v.Run(tokens)); v == other || !slices.Equal(got.Float32s(), want.Float32s()) {
				t.Errorf("a model in %s computes %v, want %v", dtype, got, want)
			}
			noteModel(other)
			liveModels.list = nil
		}
	}
	words := Must(tokenize.FromWords([]string{"a", "b", "c"}, tokenize.WordOptions{}))
	for _, given := range []*Model{Must(m.WithTokenizer(words)), Must(Must(m.WithWeights(StateDict{"embed.W_E": sd["embed.W_E"]})).WithTokenizer(words))} {
		noteModel(given)
		want := Must(given.Run(tokens))
		for _, v := range again(t, given) {
			if v != given {
				t.Error("a model with another tokenizer came back as another model")
			}
		}
		liveModels.list = nil
		noteModel(m) // which has another tokenizer
		for _, v := range again(t, given) {
			if got := Must(v.ToTokens([]string{"b c"}, PrependBOS(false))); v == given || len(got) != 1 || !slices.Equal(got[0], []int{1, 2}) {
				t.Errorf("a text is %v, want [1 2]", got)
			}
			if !slices.Equal(Must(v.Run(tokens)).Float32s(), want.Float32s()) {
				t.Error("a model with another tokenizer computes something else")
			}
			liveModels.list = nil
			noteModel(m)
		}
	}
	e := Must(EncoderFromPretrained("testdata/encoder/bert"))
	for _, v := range again(t, e) {
		if v.m != e.m {
			t.Error("an encoder's model came back as another")
		}
	}
}

func TestOncePacksCaches(t *testing.T) {
	m := Must(FromPretrained("testdata/arch/gpt2", NoProcessing))
	tokens := Tokens{{5, 6, 7, 8}, {9, 10, 11, 12}}
	same := func(v, c *Cache) {
		t.Helper()
		if v.m != m || !slices.Equal(v.Sites(), c.Sites()) || !reflect.DeepEqual(v.Tokens(), c.Tokens()) || !reflect.DeepEqual(v.Mask(), c.Mask()) ||
			v.noBatch != c.noBatch || v.past != c.past || !slices.Equal(v.positions, c.positions) || len(v.weights) != len(c.weights) {
			t.Errorf("a cache came back as %v, want %v", v, c)
		}
		for _, s := range c.Sites() {
			if !slices.Equal(v.Get(s).Float32s(), c.Get(s).Float32s()) {
				t.Errorf("%s came back with other values", s)
			}
		}
		for name, w := range c.weights {
			if !slices.Equal(v.weights[name].Float32s(), w.Float32s()) {
				t.Errorf("the gradient of %s came back with other values", name)
			}
		}
	}
	_, cache, err := m.RunWithCache(tokens, AttentionMask([][]int{{1, 1, 1, 1}, {1, 1, 1, 0}}))
	if err != nil {
		t.Fatal(err)
	}
	_, _, grads, err := m.LossWithGradients(tokens, GradientsOfWeights("blocks.0.attn.W_Q"))
	if err != nil {
		t.Fatal(err)
	}
	before := eagerBytes
	eagerBytes = 0
	deferred := Must(m.Cache(tokens))
	eagerBytes = before
	for _, c := range []*Cache{cache, grads, Must(cache.SliceBatch(1)), deferred, Must(m.Cache(tokens, PosSlice(1, 2)))} {
		for _, v := range again(t, c) {
			same(v, c)
		}
	}
	kv := m.NewKVCache(2)
	Must(m.Run(tokens, WithKV(kv)))
	next := Tokens{{1}, {2}}
	want := Must(m.Run(next, WithKV(kv.Clone())))
	for _, v := range again(t, kv) {
		if got := Must(m.Run(next, WithKV(v))); !slices.Equal(got.Float32s(), want.Float32s()) || v.Len() != 5 {
			t.Errorf("on the cache that came back: %v, want %v", got, want)
		}
	}
}
