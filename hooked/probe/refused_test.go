package probe_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/internal/golden"
	"gopherlens/internal/zeros"
	"gopherlens/plots"
)

// TestCollectRefused names what is wrong with a collection before or when it meets it.
func TestCollectRefused(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	long := slices.Repeat([]int{1}, 41)
	rows := [][]int{{1, 2, 3}, {1, 2, 3, 4}}
	notFinite := func(x *graph.Node, _ hooked.Site) *graph.Node {
		return graph.Log(graph.MulScalar(graph.OnesLike(x), -1))
	}
	for want, c := range map[string]probe.Collection{
		"0 Texts and 0 Tokens":                          {Sites: hooked.ResidPost},
		"1 Texts and 2 Tokens":                          {Sites: hooked.ResidPost, Texts: []string{"a"}, Tokens: rows},
		"has no Sites":                                  {Tokens: rows},
		"NoBOS is for Texts":                            {Sites: hooked.ResidPost, Tokens: rows, NoBOS: true},
		"Mask is for Tokens":                            {Sites: hooked.ResidPost, Texts: []string{"a"}, Mask: [][]int{{1}}},
		"Mask has 1 rows for 2":                         {Sites: hooked.ResidPost, Tokens: rows, Mask: [][]int{{1, 1, 1}}},
		"text 1: the mask has 1 entries for 4 tokens":   {Sites: hooked.ResidPost, Tokens: rows, Mask: [][]int{{1, 1, 1}, {1}}},
		"text 0: the mask has pads between tokens":      {Sites: hooked.ResidPost, Tokens: rows, Mask: [][]int{{1, 0, 1}, {1, 1, 1, 1}}},
		"text 0: the mask holds 7":                      {Sites: hooked.ResidPost, Tokens: rows, Mask: [][]int{{1, 7, 1}, {1, 1, 1, 1}}},
		"text 1 has no tokens":                          {Sites: hooked.ResidPost, Tokens: [][]int{{1}, {}}},
		"text 0 has 41 tokens, the model's context 40":  {Sites: hooked.ResidPost, Tokens: [][]int{long}},
		"MaxTokens is 50, the model's context 40":       {Sites: hooked.ResidPost, Tokens: rows, MaxTokens: 50},
		"MaxTokens -1":                                  {Sites: hooked.ResidPost, Tokens: rows, MaxTokens: -1},
		"text 1: its last 2 tokens are the pad token":   {Sites: hooked.ResidPost, Tokens: [][]int{{1, 2}, {1, 0, 0}}},
		"text 0 has 3 tokens, and none at the position": {Sites: hooked.ResidPost, Tokens: rows, At: probe.At(3)},
		"At of no positions":                            {Sites: hooked.ResidPost, Tokens: rows, At: probe.At()},
		"AtEach has 1 positions for 2 texts":            {Sites: hooked.ResidPost, Tokens: rows, At: probe.AtEach([]int{0})},
		"text 1 has 4 tokens, text 0 has 3":             {Sites: hooked.ResidPost, Tokens: rows, At: probe.Every()},
		"From(3) leaves none":                           {Sites: hooked.ResidPost, Tokens: rows, At: probe.All().From(3)},
		"From(-1)":                                      {Sites: hooked.ResidPost, Tokens: rows, At: probe.Mean().From(-1)},
		"From is for All and Mean":                      {Sites: hooked.ResidPost, Tokens: rows, At: probe.Last().From(1)},
		"hook_pattern has axes [batch head query key]":  {Sites: hooked.AttnPattern, Tokens: rows},
		"hook_tokens has axes [batch pos]":              {Sites: hooked.TokenIDs, Tokens: rows},
		`unknown hook "resid_past"`:                     {Sites: "resid_past", Tokens: rows},
		"leave what cuts activations out":               {Sites: hooked.ResidPost, Tokens: rows, Edits: []hooked.Option{hooked.PosSlice(0)}},
		"row 0 of blocks.1.hook_resid_post holds NaN":   {Sites: hooked.ResidPost, Tokens: rows, Edits: []hooked.Option{hooked.Edit(hooked.ResidPost.At(1), notFinite)}},
		"token 999999 is outside the vocabulary":        {Sites: hooked.ResidPost, Tokens: [][]int{{999999}}},
	} {
		_, err := probe.Collect(ctx, m, c)
		zeros.NoBug(t, want, err)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	a := must(probe.Collect(ctx, m, probe.Collection{Tokens: rows, Sites: hooked.ResidPost, At: probe.At(0, 1)}))(t)
	second := func(_ any, err error) error { return err }
	for want, err := range map[string]error{
		"takes which of 2 positions (0, 1)":                second(a.Rows(hooked.ResidPost.At(0))),
		"there is no column 2":                             second(a.Rows(hooked.ResidPost.At(0), 2)),
		"nothing was collected at blocks.0.hook_resid_pre": second(a.Rows(hooked.ResidPre.At(0))),
		"means 3 sites: want one":                          second(a.Rows(hooked.ResidPost)),
		"a selector of type int":                           second(a.Rows(3)),
		`unknown hook "resid_past"`:                        second(a.Rows("resid_past", 0)),
		"the zero Site":                                    second(a.Rows(hooked.Site{})),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// TestPlots draws what tables give as it is.
func TestPlots(t *testing.T) {
	m := tiny(t, golden.PureGo(t), "gpt2")
	var tokens [][]int
	var labels []int
	for i := range 40 {
		tokens, labels = append(tokens, []int{1, 2 + i%7, 3 + i%5}), append(labels, i%2)
	}
	for _, at := range []probe.Positions{probe.Last(), probe.Every()} {
		table := must(probe.ByLayer(ctx, m, probe.Collection{Tokens: tokens, Sites: hooked.ResidPost, At: at}, labels, probe.Ridge{}, probe.Split{}))(t)
		path := filepath.Join(t.TempDir(), "accuracy.svg")
		err := plots.Line(table.Accuracy(), plots.Axes{YName: "accuracy"}).WriteSVG(path)
		if len(table.Columns()) > 1 {
			err = plots.Imshow(table.Accuracy(), plots.Axes{Title: "accuracy"}).WriteSVG(path)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
