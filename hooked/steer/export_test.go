package steer

// Direction is a method's, of rows that the fixtures hold.
func Direction(m Method, positive, negative [][]float64) ([]float32, error) {
	return m.direction(positive, negative)
}
