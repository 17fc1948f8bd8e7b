package steer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/hooked/steer"
)

// capitals are the pairs of TestFunctionVectorOfCapitals. Those from heldOutFrom on are in no prompt
// that the vector is made of.
var capitals = strings.Fields(`France Paris Germany Berlin Italy Rome Spain Madrid Japan Tokyo China Beijing Russia Moscow Egypt Cairo
	Greece Athens Portugal Lisbon Austria Vienna Poland Warsaw Ireland Dublin Norway Oslo Sweden Stockholm Finland Helsinki
	Denmark Copenhagen Hungary Budapest Turkey Ankara India Delhi Iran Tehran Iraq Baghdad Syria Damascus Cuba Havana
	Peru Lima Chile Santiago Kenya Nairobi Canada Ottawa Thailand Bangkok Belgium Brussels Ukraine Kiev Bulgaria Sofia
	Israel Jerusalem Lebanon Beirut Vietnam Hanoi Romania Bucharest`)

const heldOutFrom = 24

// TestFunctionVectorOfCapitals finds the heads that tell the capital of a country in SmolLM2-135M,
// adds their function vector to prompts that only name a country, and tells how often the capital is
// the likeliest next token, before and after, and with a random vector of the same length. It takes
// the default model, and minutes.
func TestFunctionVectorOfCapitals(t *testing.T) {
	if os.Getenv("GOPHERLENS_TEST_LONG") == "" {
		t.Skip("GOPHERLENS_TEST_LONG is not set: it runs SmolLM2-135M for minutes")
	}
	m := realModel(t)
	r := rand.New(rand.NewPCG(1, 2))
	prompt := func(shuffle bool) (text string, answer int) {
		order := r.Perm(heldOutFrom)[:6]
		said := append([]int(nil), order...)
		if shuffle { // each example has the answer of the next
			said = append(said[1:5], said[0], said[5])
		}
		for i, at := range order[:5] {
			text += fmt.Sprintf("%s: %s\n", capitals[2*at], capitals[2*said[i]+1])
		}
		return text + capitals[2*order[5]] + ":", firstToken(t, m, capitals[2*order[5]+1])
	}
	var task steer.InContext
	for range 20 {
		text, _ := prompt(false)
		task.Prompts.Texts = append(task.Prompts.Texts, text)
		text, answer := prompt(true)
		task.Shuffled.Texts, task.Answers = append(task.Shuffled.Texts, text), append(task.Answers, answer)
	}
	effects := must(steer.HeadEffects(ctx, m, task))(t)
	heads := must(steer.TopHeads(effects, 10))(t)
	for _, h := range heads {
		t.Logf("L%dH%d: %+.4f", h.Layer, h.Head, effects.At(h.Layer, h.Head))
	}
	var zeroShot, fewShot []string
	var answers []int
	examples := task.Prompts.Texts[0] // less the country that it asks for
	examples = examples[:strings.LastIndex(examples, "\n")+1]
	for i := 2 * heldOutFrom; i < len(capitals); i += 2 {
		zeroShot, fewShot = append(zeroShot, capitals[i]+":"), append(fewShot, examples+capitals[i]+":")
		answers = append(answers, firstToken(t, m, capitals[i+1]))
	}
	tell := func(what string, prompts []string, edits ...hooked.Option) float64 {
		right, logProb := answered(t, m, prompts, answers, edits...)
		t.Logf("%s: %d of %d right, log-probability %.2f", what, right, len(prompts), logProb)
		return logProb
	}
	tell("five examples", fewShot)
	before := tell("the country alone", zeroShot)
	best := math.Inf(-1)
	for _, layer := range []int{6, 12, 15, 17, 18, 19, 20} {
		v := must(steer.FunctionVector(ctx, m, probe.Collection{Texts: task.Prompts.Texts}, heads, layer))(t)
		for _, strength := range []float64{1, 2} {
			what := fmt.Sprintf("after layer %d, strength %v", layer, strength)
			best = max(best, tell(what, zeroShot, steer.AddTo(v, strength, hooked.Pos(-1))))
			tell(what+", a random vector", zeroShot, steer.AddTo(randomLike(v, 3), strength, hooked.Pos(-1)))
		}
	}
	if !(best > before+1) {
		t.Errorf("after no layer does the vector help: the best log-probability is %v, without it %v", best, before)
	}
}

// answered counts the prompts whose answer is the likeliest next token, and averages its
// log-probability.
func answered(t testing.TB, m *hooked.Model, prompts []string, answers []int, edits ...hooked.Option) (right int, logProb float64) {
	t.Helper()
	logits := must(m.Run(prompts, append(edits, hooked.LogitsAt(-1), hooked.PaddingSide(hooked.Left))...))(t)
	for i, row := range logits.Softmax("d_vocab").At(hooked.All, 0).Rows() {
		best := 0
		for k, p := range row {
			if p > row[best] {
				best = k
			}
		}
		if best == answers[i] {
			right++
		}
		logProb += math.Log(float64(row[answers[i]])) / float64(len(prompts))
	}
	return right, logProb
}

// firstToken is the first token of a word after a blank.
func firstToken(t testing.TB, m *hooked.Model, word string) int {
	t.Helper()
	return must(m.ToTokens([]string{" " + word}, hooked.PrependBOS(false)))(t)[0][0]
}
