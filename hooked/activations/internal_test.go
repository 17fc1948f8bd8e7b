package activations

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestNaNIsNamed fills a shard with values one of which is no number.
func TestNaNIsNamed(t *testing.T) {
	for dtype := range codecs {
		x := &index{About: About{Context: 2, Batch: 1, Shard: 2, DType: dtype, Sites: []Site{{Name: "hook_embed", Axes: []string{"d_model"}, Shape: []int{3}}}}}
		f := newFilling(x).again(x, 4)
		if err := f.add([][]int{{5, 6}}, [][]float32{{1, 2, 3, 4, 5, 6}}); err != nil {
			t.Fatal(err)
		}
		err := f.add([][]int{{7, 8}}, [][]float32{{1, 2, 3, 4, float32(math.NaN()), 6}})
		if want := "hook_embed, row 9, position 1 (token 8): value 1 of 3 is NaN"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", dtype, err, want)
		}
	}
}

// TestGram compares sums of all widths and numbers of rows with the plain formula.
func TestGram(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, width := range []int{1, 5, 16, 19, 48} {
		for _, rows := range []int{1, 63, 64, 130} {
			g := newGram(width)
			want := make([]float64, width*width)
			mean := make([]float64, width)
			for i := range mean {
				mean[i] = random.NormFloat64()
			}
			for range rows {
				row := make([]float32, width)
				for i := range row {
					row[i] = float32(random.NormFloat64())
				}
				g.add(row, mean)
				for i := range width {
					for j := range width {
						want[i*width+j] += (float64(row[i]) - mean[i]) * (float64(row[j]) - mean[j])
					}
				}
			}
			k, got := 0, g.packed()
			for i := range width {
				for j := i; j < width; j++ {
					if math.Abs(got[k]-want[i*width+j]) > 1e-12*float64(rows) {
						t.Fatalf("%d rows of %d: [%d, %d] is %v, want %v", rows, width, i, j, got[k], want[i*width+j])
					}
					k++
				}
			}
		}
	}
}

// BenchmarkGram adds one row of SmolLM2-135M's width.
func BenchmarkGram(b *testing.B) {
	g := newGram(576)
	row, mean := make([]float32, 576), make([]float64, 576)
	for b.Loop() {
		g.add(row, mean)
	}
}
