//go:build !(goexperiment.simd && amd64)

package activations

func addTile(tile, a, b []float64) { addTilePlain(tile, a, b) }
