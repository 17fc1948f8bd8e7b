package steer_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/steer"
	"gopherlens/internal/golden"
)

// What TestSentiment steers with. The word list was named before anything was measured; the
// held-out prompts are about other things than the pairs.
var (
	pleased = []string{
		"I feel happy because everything went well", "She is delighted with the wonderful present", "What a great holiday, we loved it",
		"He smiled, for the news was good", "The food is delicious and the staff are kind", "My sister is proud of her excellent marks",
		"They celebrated the victory with joy", "The garden looks beautiful in the sun",
	}
	displeased = []string{
		"I feel sad because everything went wrong", "She is upset about the horrible present", "What an awful holiday, we hated it",
		"He wept, for the news was bad", "The food is disgusting and the staff are rude", "My sister is ashamed of her poor marks",
		"They mourned the defeat with grief", "The garden looks ugly in the rain",
	}
	goodWords = []string{" good", " great", " happy", " wonderful", " beautiful", " excellent", " love", " nice", " amazing", " fun"}
	heldOut   = []string{
		"The film last night was", "My neighbour's new car is", "In the end the meeting was", "The teacher said that my essay was", "This book is",
		"The weather tomorrow will be", "Our trip to the mountains was", "The music at the party was", "People say that this town is", "The soup tastes",
		"His first day at the office was", "The new phone is", "I think the painting is", "The hotel room was", "Working with this team is",
		"The match on Saturday was", "Her voice sounds", "That lecture was", "Living by the sea is", "The bread from this shop is",
	}
	neutral = []string{
		"The river rises in the hills and flows north for two hundred miles before it reaches the sea.",
		"Water boils at a lower temperature on a mountain, because the pressure of the air is lower there.",
		"The committee meets on the first Monday of each month and publishes its minutes a week later.",
		"To open the file, choose the folder in the menu on the left and press the return key.",
	}
)

// TestSentiment is the proof that steering works: over twenty held-out prompts the log-probability
// that the next word is one of a list moves up by two standard errors, and further than under a
// random vector of the same lengths. The perplexity of other texts is told beside. It takes the
// default model, and half a minute.
func TestSentiment(t *testing.T) {
	if os.Getenv("GOPHERLENS_TEST_LONG") == "" {
		t.Skip("GOPHERLENS_TEST_LONG is not set: it runs SmolLM2-135M")
	}
	m := realModel(t)
	const strength = 1.0
	v := must(steer.Contrast(ctx, m, steer.Prompts{Positive: pleased, Negative: displeased}))(t)
	v = must(v.Between(10, 20))(t)
	v = must(v.Scale(1.0 / 11))(t) // what layers add is passed on, so that the last has all of it
	path := filepath.Join(t.TempDir(), "pleased.gguf")
	if err := v.Save(path); err != nil {
		t.Fatal(err)
	}
	if again := must(steer.Load(path))(t); !reflect.DeepEqual(again, v) {
		t.Error("the file gives another vector")
	}
	random := randomLike(v, 1)
	plain := wordScores(t, m)
	t.Logf("unsteered: score %.3f, perplexity %.1f", average(plain), perplexity(t, m))
	shifts := map[string][]float64{}
	for _, c := range []struct {
		what string
		v    *steer.Vector
		by   float64
	}{{"steered", v, strength}, {"against", v, -strength}, {"random", random, strength}} {
		edit := steer.AddTo(c.v, c.by)
		for i, score := range wordScores(t, m, edit) {
			shifts[c.what] = append(shifts[c.what], score-plain[i])
		}
		shift, err := average(shifts[c.what]), standardError(shifts[c.what])
		t.Logf("%s: score %+.3f, standard error %.3f, perplexity %.1f", c.what, shift, err, perplexity(t, m, edit))
	}
	up, down := shifts["steered"], shifts["against"]
	if !(average(up) >= 2*standardError(up)) {
		t.Errorf("steering moves the score by %v, standard error %v", average(up), standardError(up))
	}
	if !(average(down) <= -2*standardError(down)) {
		t.Errorf("steering the other way moves the score by %v, standard error %v", average(down), standardError(down))
	}
	beyond := make([]float64, len(up))
	for i := range up {
		beyond[i] = up[i] - shifts["random"][i]
	}
	if !(average(beyond) >= 2*standardError(beyond)) {
		t.Errorf("steering moves the score by %v more than a random vector, standard error %v", average(beyond), standardError(beyond))
	}
}

// randomLike has directions of the same lengths that point anywhere.
func randomLike(v *steer.Vector, seed uint64) *steer.Vector {
	r := rand.New(rand.NewPCG(seed, seed))
	out := &steer.Vector{Site: v.Site, Directions: map[int][]float32{}}
	norms := v.Norms()
	for i, layer := range v.Layers() {
		x := make([]float32, len(v.Directions[layer]))
		for k := range x {
			x[k] = float32(r.NormFloat64())
		}
		factor := norms[i] / math.Sqrt(dot(x, x))
		for k := range x {
			x[k] = float32(float64(x[k]) * factor)
		}
		out.Directions[layer] = x
	}
	return out
}

// wordScores are the log-probabilities that the next token of each held-out prompt is a good word.
func wordScores(t testing.TB, m *hooked.Model, edits ...hooked.Option) (scores []float64) {
	t.Helper()
	var words []int
	for _, word := range goodWords {
		words = append(words, must(m.ToSingleToken(word))(t))
	}
	logits := must(m.Run(heldOut, append(edits, hooked.LogitsAt(-1), hooked.PaddingSide(hooked.Left))...))(t)
	p := logits.Softmax("d_vocab").Float32s()
	vocabulary := len(p) / len(heldOut)
	for i := range heldOut {
		sum := 0.0
		for _, word := range words {
			sum += float64(p[i*vocabulary+word])
		}
		scores = append(scores, math.Log(sum))
	}
	return scores
}

// perplexity is that of the neutral texts.
func perplexity(t testing.TB, m *hooked.Model, edits ...hooked.Option) float64 {
	t.Helper()
	sum := 0.0
	for _, text := range neutral {
		sum += float64(must(m.Loss(text, edits...))(t).Item())
	}
	return math.Exp(sum / float64(len(neutral)))
}

func average(x []float64) (sum float64) {
	for _, v := range x {
		sum += v / float64(len(x))
	}
	return sum
}

func standardError(x []float64) float64 {
	sum, mean := 0.0, average(x)
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)-1) / float64(len(x)))
}

// realModel is the default model on XLA; the test is skipped where set-up has not installed both.
func realModel(t testing.TB) *hooked.Model {
	t.Helper()
	return must(hooked.FromPretrained("smollm2-135m", hooked.DefaultProcessing, hooked.LoadOptions{Backend: golden.ForDefaultModel(t)}))(t)
}
