package patching

import (
	"gopherlens/hooked"
)

// A Kind says what a sweep patches. The variables of this package are ready ones.
type Kind struct {
	// Site is where activations are replaced, in each layer in turn or in one: site.At(l). It may
	// be one that the [Edits] of the sweep make with [hooked.Tap].
	Site hooked.Site

	// Over are the axes that the sweep runs over, separated by blanks, which become the grid's:
	// "layer" and the activation's own, such as "pos" and "head" ("dest" and "src" are the query
	// and key of a pattern). An axis that is not named is replaced as a whole, and so is the batch.
	Over string

	parts []part // of a kind that is several, in place of Site and Over
}

// part is one of the kinds in a grid of several.
type part struct {
	label string
	kind  Kind
}

// What TransformerLens' get_act_patch functions of the same names compute. The comments give the
// grid's axes.
var (
	// the residual stream before each layer
	ResidPre = Kind{Site: hooked.ResidPre, Over: "layer pos"}
	ResidMid = Kind{Site: hooked.ResidMid, Over: "layer pos"} // that between attention and MLP
	AttnOut  = Kind{Site: hooked.AttnOut, Over: "layer pos"}  // what attention writes
	MLPOut   = Kind{Site: hooked.MLPOut, Over: "layer pos"}   // what the MLPs write

	// single heads' z at single positions
	HeadOutByPos = Kind{Site: hooked.AttnZ, Over: "layer pos head"}
	HeadQByPos   = Kind{Site: hooked.AttnQ, Over: "layer pos head"} // queries
	HeadKByPos   = Kind{Site: hooked.AttnK, Over: "layer pos head"} // keys
	HeadVByPos   = Kind{Site: hooked.AttnV, Over: "layer pos head"} // values
	// patterns at single destinations
	HeadPatternByPos = Kind{Site: hooked.AttnPattern, Over: "layer head dest"}
	// single entries of patterns
	HeadPatternDestSrc = Kind{Site: hooked.AttnPattern, Over: "layer head dest src"}

	// single heads' z at all positions
	HeadOutAllPos     = Kind{Site: hooked.AttnZ, Over: "layer head"}
	HeadQAllPos       = Kind{Site: hooked.AttnQ, Over: "layer head"}       // queries
	HeadKAllPos       = Kind{Site: hooked.AttnK, Over: "layer head"}       // keys
	HeadVAllPos       = Kind{Site: hooked.AttnV, Over: "layer head"}       // values
	HeadPatternAllPos = Kind{Site: hooked.AttnPattern, Over: "layer head"} // patterns
)

// Several kinds in one grid, whose first axis is "site". In a model with grouped queries the rows
// of k and v end in zeros, unless [Ungroup] is given.
var (
	// BlockEvery is ResidPre, AttnOut and MLPOut: [site, layer, pos].
	BlockEvery = Kind{parts: []part{{"resid_pre", ResidPre}, {"attn_out", AttnOut}, {"mlp_out", MLPOut}}}

	// HeadAllPosEvery is all of a head's activations, z, q, k, v and pattern: [site, layer, head].
	HeadAllPosEvery = Kind{parts: []part{{"z", HeadOutAllPos}, {"q", HeadQAllPos}, {"k", HeadKAllPos}, {"v", HeadVAllPos},
		{"pattern", HeadPatternAllPos}}}

	// HeadByPosEvery is the same for single positions: [site, layer, pos, head].
	HeadByPosEvery = Kind{parts: []part{{"z", HeadOutByPos}, {"q", HeadQByPos}, {"k", HeadKByPos}, {"v", HeadVByPos},
		{"pattern", Kind{Site: hooked.AttnPattern, Over: "layer dest head"}}}}
)
