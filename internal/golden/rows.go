package golden

// Rows are n rows of a length of ids below a bound that have little in common: a linear
// congruential generator's, the same on each machine.
func Rows(n, length, ids int) [][]int {
	rows := make([][]int, n)
	state := uint32(1)
	for i := range rows {
		for range length {
			state = state*1664525 + 1013904223
			rows[i] = append(rows[i], int(state>>16)%ids)
		}
	}
	return rows
}
