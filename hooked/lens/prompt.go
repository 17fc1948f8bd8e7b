package lens

import (
	"fmt"
	"slices"
	"strings"

	"gopherlens/hooked"
)

// PromptTest is what a model makes of an answer to a prompt, token by token.
type PromptTest struct {
	Prompt []string // the prompt's tokens
	Answer []AnswerToken
}

// AnswerToken is one token of an answer, and what the model predicted in its place.
type AnswerToken struct {
	Text  string
	Rank  int // 0 if no token is likelier
	Logit float32
	Prob  float32 // probability
	Top   []Guess // the likeliest tokens
}

// Guess is a token that the model thinks likely.
type Guess struct {
	Text  string
	Logit float32
	Prob  float32
}

// testPromptTop is how many of the likeliest tokens TestPrompt tells, as many as TransformerLens
// does.
const testPromptTop = 10

// TestPrompt runs a prompt followed by an answer and tells how likely each token of the answer was:
// TransformerLens' test_prompt. An answer that does not begin with a blank gets one. Print the
// result to see it. The one option is [hooked.PrependBOS].
func TestPrompt(m *hooked.Model, prompt, answer string, options ...hooked.Option) (*PromptTest, error) {
	if !strings.HasPrefix(answer, " ") {
		answer = " " + answer
	}
	before, err := m.ToTokens([]string{prompt}, options...)
	if err != nil {
		return nil, err
	}
	after, err := m.ToTokens([]string{answer}, hooked.PrependBOS(false))
	if err != nil {
		return nil, err
	}
	all := append(slices.Clone(before[0]), after[0]...)
	logits, err := m.Run(hooked.Tokens{all[:len(all)-1]})
	if err != nil {
		return nil, err
	}
	t := &PromptTest{}
	if t.Prompt, err = m.StrTokens(before[0]); err != nil {
		return nil, err
	}
	for i, id := range after[0] {
		var token AnswerToken
		var err error
		if e := hooked.Try(func() { token, err = answerToken(m, logits.At(0, len(before[0])-1+i), id) }); e != nil {
			return nil, e
		}
		if err != nil {
			return nil, err
		}
		t.Answer = append(t.Answer, token)
	}
	return t, nil
}

// answerToken compares a token with the logits [d_vocab] in its place.
func answerToken(m *hooked.Model, logits *hooked.Tensor, id int) (AnswerToken, error) {
	logits, vocab, err := vocabularyLast(logits)
	if err != nil {
		return AnswerToken{}, err
	}
	values, probs := logits.Float32s(), logits.Softmax(vocab).Float32s()
	_, indices := logits.TopK(min(testPromptTop, len(values)), vocab)
	top := indices.Ints()
	texts, err := m.StrTokens(append([]int{id}, top...))
	if err != nil {
		return AnswerToken{}, err
	}
	token := AnswerToken{Text: texts[0], Logit: values[id], Prob: probs[id]}
	for _, v := range values {
		if v > values[id] {
			token.Rank++
		}
	}
	for i, t := range top {
		token.Top = append(token.Top, Guess{texts[1+i], values[t], probs[t]})
	}
	return token, nil
}

// String is a table of the answer's tokens, each with the tokens that the model found likeliest.
func (t *PromptTest) String() string {
	if t == nil {
		return "nil prompt test"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "prompt: %q\n", t.Prompt)
	for _, a := range t.Answer {
		fmt.Fprintf(&b, "%-12q rank %d, logit %.2f, probability %.2f %%\n", a.Text, a.Rank, a.Logit, 100*a.Prob)
		for i, g := range a.Top {
			fmt.Fprintf(&b, "  %2d. %-12q logit %.2f, probability %.2f %%\n", i, g.Text, g.Logit, 100*g.Prob)
		}
	}
	return b.String()
}
