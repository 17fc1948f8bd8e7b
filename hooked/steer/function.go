package steer

import (
	"context"
	"slices"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
	"gopherlens/internal/brief"
)

// A Head is an attention head of a layer.
type Head struct{ Layer, Head int }

// FunctionVector is the sum over some heads of what each writes into the residual stream, in the
// mean over in-context prompts, whose last token is the one that the answer comes after: Todd et
// al. 2024 (arXiv:2310.15213). It is for the residual stream after a layer, where it is added at
// the last position:
//
//	v, err := steer.FunctionVector(ctx, model, probe.Collection{Texts: antonyms}, heads, 9)
//	model.Run("The word \"fast\" means", steer.AddTo(v, 1, hooked.Pos(-1)))
//
// One head makes the vector of its mean output. The collection may say At, one row of each text; it
// has no Sites.
func FunctionVector(ctx context.Context, m *hooked.Model, prompts probe.Collection, heads []Head, layer int) (*Vector, error) {
	fail := func(err error) (*Vector, error) { return nil, brief.Errorf("FunctionVector: %w", err) }
	if err := checkHeads(m, prompts, heads, layer); err != nil {
		return fail(err)
	}
	var sites []hooked.Site
	for _, h := range heads {
		if at := hooked.AttnResult.At(h.Layer); !slices.Contains(sites, at) {
			sites = append(sites, at)
		}
	}
	prompts.Sites = sites
	found, err := probe.Collect(ctx, m, prompts)
	if err != nil {
		return fail(err)
	}
	sum, width := make([]float32, m.Config().DModel), m.Config().DModel
	for _, h := range heads {
		rows, err := found.Rows(hooked.AttnResult.At(h.Layer))
		if err != nil {
			return fail(err)
		}
		for i, x := range mean(rowsOf(rows))[h.Head*width : (h.Head+1)*width] {
			sum[i] += float32(x)
		}
	}
	return checked("FunctionVector", &Vector{Site: residPost, Directions: map[int][]float32{layer: sum}})
}

// checkHeads refuses what FunctionVector could not mean.
func checkHeads(m *hooked.Model, prompts probe.Collection, heads []Head, layer int) error {
	if m == nil {
		return brief.Errorf("the model is nil: look at the error of what should have loaded it")
	}
	c := m.Config()
	switch {
	case prompts.Sites != nil:
		return brief.Errorf("the prompts have Sites: the heads say which are read")
	case len(heads) == 0:
		return brief.Errorf("there are no heads")
	case layer < 0 || layer >= c.NLayers:
		return brief.Errorf("there is no layer %d, only 0 to %d", layer, c.NLayers-1)
	case c.NormalizesOutputs() || c.NormAfterSum:
		return brief.Errorf("in this model a norm stands after the heads, so that what one writes is not its own")
	}
	for i, h := range heads {
		switch {
		case h.Layer < 0 || h.Layer >= c.NLayers || h.Head < 0 || h.Head >= c.NHeads:
			return brief.Errorf("there is no head %d of layer %d: the model has %d layers of %d heads", h.Head, h.Layer, c.NLayers, c.NHeads)
		case slices.Contains(heads[:i], h):
			return brief.Errorf("head %d of layer %d is there twice", h.Head, h.Layer)
		}
	}
	return nil
}
