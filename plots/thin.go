package plots

import "math"

// block is a run of neighbouring rows or columns that are drawn as one.
type block struct{ from, to int }

func (b block) n() int { return b.to - b.from }

// blocksFor cuts n neighbours into at most limit blocks of (nearly) equal size.
func blocksFor(n, limit int) []block {
	size := (n + limit - 1) / limit
	var blocks []block
	for from := 0; from < n; from += size {
		blocks = append(blocks, block{from, min(n, from+size)})
	}
	return blocks
}

// stronger is the value of larger magnitude, NaN being the largest: a joined
// block must not hide what stands out in it.
func stronger(a, b float64) float64 {
	if math.IsNaN(a) || math.Abs(a) >= math.Abs(b) {
		return a
	}
	return b
}

// joinRow gives the strongest value of each block.
func joinRow(row []float64, blocks []block) []float64 {
	out := make([]float64, len(blocks))
	for i, b := range blocks {
		out[i] = row[b.from]
		for _, v := range row[b.from+1 : b.to] {
			out[i] = stronger(out[i], v)
		}
	}
	return out
}

// joinLabels names each block by its first and last label.
func joinLabels(labels []string, blocks []block) []string {
	if len(blocks) == 0 || blocks[0].n() == 1 {
		return labels
	}
	if labels == nil {
		labels = indexLabels(blocks[len(blocks)-1].to)
	}
	out := make([]string, len(blocks))
	for i, b := range blocks {
		out[i] = labels[b.from] + " … " + labels[b.to-1]
		if b.n() == 1 {
			out[i] = labels[b.from]
		}
	}
	return out
}
