package fit

import "gopherlens/internal/permute"

// inEpoch are the places of the batch of this number: n places in another order in each epoch, cut
// into whole batches.
func inEpoch(number, size, n int, seed uint64) []int {
	batches := n / size
	epoch, from := number/batches, number%batches*size
	order := permute.Order{N: n, Seed: permute.Mix(permute.Mix(seed) + uint64(epoch))}
	at := make([]int, size)
	for i := range at {
		at[i] = order.At(from + i)
	}
	return at
}

// picked are some rows of a matrix.
func picked(rows []float32, at []int, width int) []float32 {
	out := make([]float32, 0, len(at)*width)
	for _, i := range at {
		out = append(out, rows[i*width:(i+1)*width]...)
	}
	return out
}
