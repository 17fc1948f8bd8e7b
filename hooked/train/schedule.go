package train

import "math"

// A Schedule is the share of the learning rate that a step gets; steps count from 1. In this
// package's schedules a warm-up of n steps gives step 1 a share of 1/n and step n the whole, so
// that no step is for nothing, and the last step of a decay gets 0. PyTorch's and transformers'
// count from 0: see [Delayed].
type Schedule func(step int) float64

// Constant is the whole rate in every step.
func Constant() Schedule { return func(int) float64 { return 1 } }

// Warmup rises linearly to the whole rate in step warm, and stays.
func Warmup(warm int) Schedule {
	return func(t int) float64 { return warmingUp(t, warm) }
}

// WarmupLinear is [Warmup], and then falls linearly to 0 in step total.
func WarmupLinear(warm, total int) Schedule {
	return func(t int) float64 {
		if t <= warm {
			return warmingUp(t, warm)
		}
		return 1 - progress(t, warm, total)
	}
}

// WarmupCosine is [Warmup], and then falls to 0 in step total along half a cosine.
func WarmupCosine(warm, total int) Schedule {
	return func(t int) float64 {
		if t <= warm {
			return warmingUp(t, warm)
		}
		return halfCosine(1, 0, progress(t, warm, total))
	}
}

// Linear goes from one share to another in steps 1 to total, and stays.
func Linear(from, to float64, total int) Schedule {
	return func(t int) float64 { return from + (to-from)*progress(t, 0, total) }
}

// Exponential multiplies by decay from step to step.
func Exponential(decay float64) Schedule {
	return func(t int) float64 { return math.Pow(decay, float64(t)) }
}

// OneCycle is PyTorch's OneCycleLR with its defaults, the rate being its max_lr: from 1/25 up to
// the whole along half a cosine in the first 0.3 of total steps, and then down to 1/250,000 (Smith
// and Topin 2017, arXiv:1708.07120). It counts from 0 as PyTorch does.
func OneCycle(total int) Schedule {
	const low, lowest = 1. / 25, 1. / 25 / 1e4
	top := 0.3*float64(total) - 1
	return func(t int) float64 {
		at := float64(t - 1)
		if at <= top {
			return halfCosine(low, 1, at/top)
		}
		return halfCosine(1, lowest, min(1, (at-top)/(float64(total-1)-top)))
	}
}

// Delayed gives each step what s has for the step before: step 1 of a warm-up gets 0, as in
// PyTorch, transformers and TransformerLens, whose schedulers count from 0.
func Delayed(s Schedule) Schedule { return func(t int) float64 { return s(t - 1) } }

// Conventions are schedules as other libraries' defaults compute them, for a warm-up and a total in
// steps; those that have no warm-up or no end ignore it.
var Conventions = map[string]func(warm, total int) Schedule{
	"transformers.get_cosine_schedule_with_warmup":   func(w, n int) Schedule { return Delayed(WarmupCosine(w, n)) },
	"transformers.get_linear_schedule_with_warmup":   func(w, n int) Schedule { return Delayed(WarmupLinear(w, n)) },
	"transformers.get_constant_schedule_with_warmup": func(w, _ int) Schedule { return Delayed(Warmup(w)) },
	"transformer_lens.train":                         func(w, _ int) Schedule { return Delayed(Warmup(w)) },
	"torch.CosineAnnealingLR":                        func(_, n int) Schedule { return Delayed(WarmupCosine(0, n)) },
	"torch.OneCycleLR":                               func(_, n int) Schedule { return OneCycle(n) },
}

// warmingUp is the share of step t of a warm-up.
func warmingUp(t, warm int) float64 {
	if t >= warm {
		return 1
	}
	return float64(t) / float64(warm)
}

// progress is how far t is on the way from one step to another, 0 to 1.
func progress(t, from, to int) float64 {
	if t >= to {
		return 1
	}
	return max(0, float64(t-from)/float64(to-from))
}

// halfCosine goes from a to b while x goes from 0 to 1.
func halfCosine(a, b, x float64) float64 { return b + (a-b)*(1+math.Cos(math.Pi*x))/2 }
