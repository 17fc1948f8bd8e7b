package probe_test

import (
	"context"
	"fmt"
	"math"

	"gopherlens/hooked"
	"gopherlens/hooked/probe"
)

// prompts are ten texts of each of two kinds, and their labels.
func prompts() (texts []string, labels []int) {
	names := []string{"John", "Mary", "Anna", "Tom", "Kate", "Paul", "Rose", "Mark", "Jane", "Bill"}
	for _, name := range names {
		texts = append(texts, name+" went to the shops", "The shops went to "+name)
		labels = append(labels, 0, 1)
	}
	return texts, labels
}

// Which layer's residual stream tells two kinds of texts apart? The model here is a random one of
// three layers.
func Example() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	texts, labels := prompts()
	table := hooked.Must(probe.ByLayer(context.Background(), model, probe.Collection{Texts: texts, Sites: hooked.ResidPost, At: probe.Mean().From(1)},
		labels, probe.Logistic{C: 10}, probe.Split{Test: 0.3, Seed: 1}))

	accuracy := table.Accuracy() // plots.Line(accuracy).Show() draws it
	fmt.Println(accuracy.AxisNames(), accuracy.Shape())
	best, site, _, _ := table.Best()
	fmt.Printf("layer %d: accuracy %.2f on held-out texts, the majority class has %.2f\n", site, best.Test.Accuracy, best.Test.Majority)
	// Output:
	// [layer] [3]
	// layer 0: accuracy 1.00 on held-out texts, the majority class has 0.50
}

// A probe's direction goes into edits: it is projected out, or added with a strength that can
// change from run to run.
func ExampleProbe_Direction() {
	model := hooked.Must(hooked.FromPretrained("../testdata/arch/gpt2", hooked.NoProcessing))
	texts, labels := prompts()
	site := hooked.ResidPost.At(0)
	found := hooked.Must(probe.Collect(context.Background(), model, probe.Collection{Texts: texts, Sites: site}))
	fitted := hooked.Must(probe.Fit(hooked.Must(found.Rows(site)), labels, probe.Means{}, probe.Split{Seed: 1}))
	direction := hooked.Must(fitted.Unit(1))

	along := func(edits ...hooked.Option) float32 {
		cache := hooked.Must(model.Cache(texts[0], append(edits, hooked.Names(site))...))
		return cache.Get(site).At(0, -1).Mul(direction).Sum().Item()
	}
	before := along()
	fmt.Printf("projected out: %.3f\n", math.Abs(float64(along(hooked.Edit(site, probe.ProjectOut(direction))))))
	for _, strength := range []float64{2, 5} {
		fmt.Printf("added %g times: %.3f more\n", strength, along(hooked.Edit(site, hooked.AddTo(direction.Scale(strength), hooked.Pos(-1))))-before)
	}
	// Output:
	// projected out: 0.000
	// added 2 times: 2.000 more
	// added 5 times: 5.000 more
}

// LEACE erases what a linear probe could know. The rows here are made up: class 1 lies higher along
// the first number, and along the second for another reason.
func ExampleLEACE() {
	var rows [][]float32
	var labels []int
	for i := range 90 {
		label := map[bool]int{true: 1}[i%3 == 0]
		noise := float32((i*i)%7) / 7
		rows = append(rows, []float32{2*float32(label) + noise, float32(label) + float32(i%5), float32(i % 4)})
		labels = append(labels, label)
	}
	r := hooked.Must(probe.NewRows(rows))
	eraser := hooked.Must(probe.LEACE(r, labels))
	left := hooked.Must(eraser.Apply(r))
	for _, rows := range []*probe.Rows{r, left} {
		fitted := hooked.Must(probe.Fit(rows, labels, probe.Logistic{}, probe.Split{Seed: 1}))
		fmt.Printf("accuracy %.2f, majority %.2f\n", fitted.Test.Accuracy, fitted.Test.Majority)
	}
	// Output:
	// accuracy 1.00, majority 0.65
	// accuracy 0.65, majority 0.65
}
