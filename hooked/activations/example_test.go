package activations_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/gonum/mat"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
)

// The examples run on a tiny random Llama; with "smollm2-135m" in place of the folder, and texts of
// package corpus for the rows, they run on a real model.
func exampleStore() (*hooked.Model, *activations.Store, func()) {
	folder := hooked.Must(os.MkdirTemp("", "activations"))
	model := hooked.Must(hooked.FromPretrained(llama, hooked.DefaultProcessing))
	store := hooked.Must(activations.Harvest(context.Background(), model, exampleRows(), activations.Config{
		Folder: filepath.Join(folder, "store"),
		Sites:  []string{"resid_post", "blocks.1.attn.hook_z"},
		DType:  hooked.BF16,
	}))
	return model, store, func() { store.Close(); os.RemoveAll(folder) }
}

// exampleRows are 20 rows of 16 tokens.
func exampleRows() corpus.Contexts {
	rows := make([][]int, 20)
	for i := range rows {
		for p := range 16 {
			rows[i] = append(rows[i], (31*i+7*p*p+i*p)%336)
		}
	}
	return hooked.Must(corpus.FromTokens(rows))
}

func Example() {
	_, store, remove := exampleStore()
	defer remove()

	fmt.Println(store.Tokens(), "tokens in", store.Rows(), "rows")
	about := hooked.Must(store.About())
	for _, site := range about.Sites {
		fmt.Println(site.Name, site.Axes, site.Shape)
	}
	// Output:
	// 320 tokens in 20 rows
	// blocks.0.hook_resid_post [d_model] [36]
	// blocks.1.attn.hook_z [head d_head] [6 6]
	// blocks.1.hook_resid_post [d_model] [36]
	// blocks.2.hook_resid_post [d_model] [36]
}

// Batches of a training, shuffled over the whole store and without the first position of each row.
func ExampleStore_Batches() {
	_, store, remove := exampleStore()
	defer remove()

	reading := activations.Reading{Size: 128, Shuffle: true, Seed: 1, SkipFirst: true}
	for batch, err := range store.Batches(hooked.ResidPost.At(1), reading) {
		if err != nil {
			fmt.Println(err)
			return
		}
		x := hooked.Must(batch.Tensor())
		z := hooked.Must(batch.At(hooked.AttnZ.At(1))) // the same tokens at another site
		fmt.Println(x.Describe(), len(z), "values of z, next", batch.Next)
	}
	// Output:
	// [batch=128 d_model=36] 4608 values of z, next 1
	// [batch=128 d_model=36] 4608 values of z, next 2
	// [batch=44 d_model=36] 1584 values of z, next 3
}

// Mean ablation with the mean of a corpus: the heads of layer 1 give at each position what they
// give on average.
func ExampleMoments_MeanTensor() {
	model, store, remove := exampleStore()
	defer remove()

	statistics := hooked.Must(store.Statistics(hooked.AttnZ.At(1)))
	mean := hooked.Must(statistics.Rest.MeanTensor())
	fmt.Println(mean.Describe())

	tokens := hooked.Tokens{{1, 20, 300, 4}}
	ablated := hooked.Must(model.Loss(tokens, hooked.Edit(hooked.AttnZ.At(1), hooked.Replace(mean, hooked.Head(2, 3)))))
	fmt.Println(ablated.Item() != hooked.Must(model.Loss(tokens)).Item())
	// Output:
	// [head=6 d_head=6]
	// true
}

// Whitening: directions along which activations have variance 1 and no covariance, from the
// eigenvectors of their covariance.
func ExampleMoments_Covariance() {
	_, store, remove := exampleStore()
	defer remove()

	rest := hooked.Must(store.Statistics(hooked.ResidPost.At(1))).Rest
	d := len(rest.Mean)
	var eigen mat.EigenSym
	eigen.Factorize(mat.NewSymDense(d, hooked.Must(rest.Covariance())), true)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	variances := eigen.Values(nil) // from the smallest

	// The first activation of the store, along the direction of the largest variance.
	for batch := range store.Batches(hooked.ResidPost.At(1), activations.Reading{Size: 1, SkipFirst: true}) {
		along := 0.0
		for i, v := range batch.Values {
			along += vectors.At(i, d-1) * (float64(v) - rest.Mean[i])
		}
		fmt.Println("within three standard deviations:", along*along < 9*variances[d-1])
		break
	}
	// Output:
	// within three standard deviations: true
}
