package steer

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"gopherlens/hooked"
	"gopherlens/internal/brief"
)

// This file holds what is done with a vector in a run. Each is an option of hooked's, in all
// activations of the vector's layers or in the picked entries. Strengths and directions are
// run-time values: others of the same layers compile nothing.

// AddTo adds strength times the direction to the activations of each of the vector's layers, as
// llama.cpp and repeng apply control vectors:
//
//	model.GenerateText(prompt, hooked.Generation{}, steer.AddTo(v, 1.5))
//	model.Run(prompt, steer.AddTo(v, -2, hooked.Pos(-1)))
func AddTo(v *Vector, strength float64, at ...hooked.Entries) hooked.Option {
	if err := steady("AddTo", v, "strength", strength); err != nil {
		return hooked.Fails(err)
	}
	return v.edits(func(direction []float32) hooked.Intervention {
		return hooked.AddTo(scaled(direction, strength), at...)
	})
}

// AddKeepingNorm adds strength times the direction and gives each activation x its length again,
// (x + c) |x| / |x + c|, repeng's normalize.
func AddKeepingNorm(v *Vector, strength float64, at ...hooked.Entries) hooked.Option {
	if err := steady("AddKeepingNorm", v, "strength", strength); err != nil {
		return hooked.Fails(err)
	}
	return v.edits(func(direction []float32) hooked.Intervention {
		return limited(along("AddKeepingNorm", direction, strength, func(x, direction, strength *graph.Node) *graph.Node {
			y := graph.Add(x, graph.Mul(direction, strength))
			long := func(x *graph.Node) *graph.Node {
				return graph.Sqrt(graph.ReduceAndKeep(graph.Mul(x, x), graph.ReduceSum, -1))
			}
			// an activation that the vector cancels out has no direction left: it stays zero
			return graph.Mul(y, graph.Div(long(x), graph.MaxScalar(long(y), 1e-30)))
		}), at)
	})
}

// ProjectOut takes the directions out of the activations, x - (x u) u with u of length 1: x has
// nothing left along u.
func ProjectOut(v *Vector, at ...hooked.Entries) hooked.Option {
	return clamp("ProjectOut", v, 0, at)
}

// Clamp sets how far the activations lie along the directions, x + (value - x u) u with u of length
// 1, whatever it was.
func Clamp(v *Vector, value float64, at ...hooked.Entries) hooked.Option {
	return clamp("Clamp", v, value, at)
}

func clamp(verb string, v *Vector, value float64, at []hooked.Entries) hooked.Option {
	err := steady(verb, v, "value", value)
	if err == nil {
		err = v.needLength(verb)
	}
	if err != nil {
		return hooked.Fails(err)
	}
	return v.edits(func(direction []float32) hooked.Intervention {
		return limited(along(verb, unit(direction), value, func(x, u, value *graph.Node) *graph.Node {
			return graph.Add(x, graph.Mul(graph.Sub(value, graph.ReduceAndKeep(graph.Mul(x, u), graph.ReduceSum, -1)), u))
		}), at)
	})
}

// Steps picks the positions that steps of a generation compute, for prompts of so many tokens: step
// 0 reads the prompt and makes the first new token at its last position, and step s reads the token
// that the step before has made. The steps are from first up to last, or if that is 0 to the end.
//
//	model.Generate(prompts, g, steer.AddTo(v, 2, steer.Steps(len(prompts[0]), 4, 0)))
//
// Prompts of several lengths are padded on the left: count the longest.
func Steps(promptTokens, first, last int) hooked.Entries {
	if promptTokens < 1 || first < 0 || last < 0 || last != 0 && last <= first {
		return hooked.Pos([]int{}...) // which picks nothing, and is refused by the run
	}
	picked := hooked.Range{From: promptTokens - 1 + first}
	if last > 0 {
		picked.To = promptTokens - 1 + last
	}
	return hooked.Pos(picked)
}

// steady refuses a vector that is none and a number that is none.
func steady(verb string, v *Vector, what string, number float64) error {
	if err := v.need(); err != nil {
		return brief.Errorf("%s: %w", verb, err)
	}
	if !finite(number) {
		return brief.Errorf("%s: the %s is %v", verb, what, number)
	}
	return nil
}

// edits are an edit for each layer.
func (v *Vector) edits(of func(direction []float32) hooked.Intervention) hooked.Option {
	var options []hooked.Option
	for _, layer := range v.Layers() {
		options = append(options, hooked.Edit(v.at(layer), of(v.Directions[layer])))
	}
	return hooked.Hooks(options...)
}

// along is an intervention by a function of the activation, the direction spread to its shape and a
// number, all float32.
func along(verb string, direction []float32, number float64, f func(x, direction, number *graph.Node) *graph.Node) hooked.Intervention {
	return hooked.With(func(x *graph.Node, _ hooked.Site, values []*graph.Node) *graph.Node {
		if n := x.Shape().Dim(-1); n != len(direction) {
			exceptions.Panicf("%s has a direction of %d entries for an activation of %d", verb, len(direction), n)
		}
		spread := graph.BroadcastToDims(graph.ExpandLeftToRank(values[0], x.Rank()), x.Shape().Dimensions...)
		return graph.ConvertDType(f(graph.ConvertDType(x, dtypes.Float32), spread, values[1]), x.DType())
	}, hooked.Value(direction), hooked.Value(number))
}

// limited is a change of the picked entries alone, or of all if none are given.
func limited(i hooked.Intervention, at []hooked.Entries) hooked.Intervention {
	if i = i.Local(); len(at) > 0 {
		i = i.Only(at...)
	}
	return i
}
