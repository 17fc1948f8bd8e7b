package probe

import (
	"math/rand/v2"
	"testing"
)

// TestBatches holds that each text is read, that none is cut off, and that batches have few shapes:
// each is a program.
func TestBatches(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	for _, n := range []int{1, 3, 64, 1000} {
		for _, padsMatter := range []bool{false, true} {
			lengths := make([]int, n)
			for i := range lengths {
				lengths[i] = 1 + random.IntN(64)
			}
			shapes, read, fresh := make(map[[2]int]bool), make(map[int]bool), 0
			for _, b := range batchesOf(lengths, 16, padsMatter) {
				shapes[[2]int{len(b.texts), b.width}] = true
				fresh += b.fresh
				for _, i := range b.texts {
					read[i] = true
					if lengths[i] > b.width || padsMatter && lengths[i] != b.width {
						t.Fatalf("a text of %d tokens in a batch of %d", lengths[i], b.width)
					}
				}
			}
			if len(read) != n || fresh != n {
				t.Errorf("%d texts: %d are read, %d are counted", n, len(read), fresh)
			}
			if n == 1000 && !padsMatter && len(shapes) > 7 {
				t.Errorf("batches of %d shapes", len(shapes))
			}
		}
	}
}
