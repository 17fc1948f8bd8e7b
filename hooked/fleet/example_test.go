package fleet_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/hooked/fleet"
	"gopherlens/hooked/patching"
)

// A harvest and a sweep in a fleet. With fleet.NATS("nats://queue:4222") among the options the same
// code uses every machine on which `gopherlens worker --nats nats://queue:4222` runs.
func Example() {
	folder, err := os.MkdirTemp("", "fleet")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	machines := fleet.New(fleet.Folder(filepath.Join(folder, "queue")))
	defer machines.Close()

	model := hooked.Must(hooked.FromPretrained("../testdata/arch/llama", hooked.DefaultProcessing))
	base, source := hooked.Tokens{{1, 5, 9, 20}, {1, 6, 2, 30}}, hooked.Tokens{{1, 5, 8, 20}, {1, 6, 3, 30}}

	store := hooked.Must(activations.Harvest(context.Background(), model, hooked.Must(corpus.FromTokens(base)), activations.Config{
		Folder: filepath.Join(folder, "resid"), Sites: hooked.ResidPost.At(1), On: machines}))
	defer store.Close()
	fmt.Println(store.Tokens(), "tokens")

	grid := hooked.Must(patching.Sweep{Kind: patching.ResidPre, Base: base, Source: patching.FromTokens(source),
		Metric: hooked.LogitDiff(hooked.Tokens{{7, 8}, {7, 8}})}.Run(model, patching.On(machines)))
	fmt.Println(grid.AxisNames(), grid.Shape())
	// Output:
	// 8 tokens
	// [layer pos] [3 4]
}
