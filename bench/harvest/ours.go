//go:build linux

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"gopherlens/bench/sides"
	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	_ "gopherlens/xla"
)

// pieces is how often bare forward and harvest take turns: what else the machine does meets both.
const pieces = 2

// ours measures this project's side with the batch that a harvest chooses, and others.
func ours(model string, numbers []string) error {
	var n [3]int
	for i, text := range numbers {
		var err error
		if n[i], err = strconv.Atoi(text); err != nil {
			return err
		}
	}
	m, err := hooked.FromPretrained(model, hooked.DefaultProcessing)
	if err != nil {
		return err
	}
	if _, err := m.WeightsHash(); err != nil { // once a process, whatever it harvests
		return err
	}
	rows := made(n[2]/n[1], n[1])
	for _, batch := range []int{4, 8, 16} {
		found, err := ofBatch(m, rows, n[0], batch)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
			return err
		}
	}
	return nil
}

// ofBatch measures with batches of so many rows. Shards are small, so that most are written and
// summed up while the model goes on, as in a long harvest.
func ofBatch(m *hooked.Model, rows [][]int, layer, batch int) (measurement, error) {
	found := measurement{Batch: batch}
	folder, err := os.MkdirTemp("", "harvest")
	if err != nil {
		return found, err
	}
	defer os.RemoveAll(folder)
	if err := bare(m, rows[:batch], layer, batch); err != nil { // compiles
		return found, err
	}
	var bareTime, harvestTime, bareCPU, harvestCPU time.Duration
	for piece := range pieces {
		part := rows[piece*len(rows)/pieces : (piece+1)*len(rows)/pieces]
		start, used := time.Now(), sides.ProcessorTime()
		if err := bare(m, part, layer, batch); err != nil {
			return found, err
		}
		bareTime, bareCPU = bareTime+time.Since(start), bareCPU+sides.ProcessorTime()-used
		contexts, err := corpus.FromTokens(part)
		if err != nil {
			return found, err
		}
		start, used = time.Now(), sides.ProcessorTime()
		store, err := activations.Harvest(context.Background(), m, contexts, activations.Config{Folder: filepath.Join(folder, strconv.Itoa(piece)),
			Sites: hooked.ResidPost.At(layer), DType: hooked.BF16, Batch: batch, Shard: 64})
		if err != nil {
			return found, err
		}
		harvestTime, harvestCPU = harvestTime+time.Since(start), harvestCPU+sides.ProcessorTime()-used
		if piece == 0 {
			found.Norm, err = meanNorm(store, hooked.ResidPost.At(layer), len(rows[0]))
		}
		if err := store.Close(); err != nil {
			return found, err
		}
		if err != nil {
			return found, err
		}
	}
	tokens := float64(len(rows) * len(rows[0]))
	found.Bare, found.Harvest = tokens/bareTime.Seconds(), tokens/harvestTime.Seconds()
	found.BareCPU, found.HarvestCPU = bareCPU.Seconds()/tokens*1e6, harvestCPU.Seconds()/tokens*1e6
	return found, nil
}

// bare runs the model up to a layer, and reads a number, without which a backend may still compute.
func bare(m *hooked.Model, rows [][]int, layer, batch int) error {
	for from := 0; from < len(rows); from += batch {
		x, err := m.Run(hooked.Tokens(rows[from:min(from+batch, len(rows))]), hooked.StopAtLayer(layer+1))
		if err != nil {
			return err
		}
		if err := hooked.Try(func() { x.At(0, 0, 0).Item() }); err != nil {
			return err
		}
		if err := x.GoMLX().FinalizeAll(); err != nil {
			return err
		}
	}
	return nil
}

// meanNorm is that of the first row's activations but the first.
func meanNorm(store *activations.Store, site hooked.Site, length int) (norm float64, err error) {
	for b, err := range store.Batches(site, activations.Reading{Size: length}) {
		if err != nil {
			return 0, err
		}
		x, err := b.Tensor()
		if err != nil {
			return 0, err
		}
		err = hooked.Try(func() {
			x = x.At(hooked.Range{From: 1})
			norm = float64(x.Mul(x).Sum("d_model").Sqrt().Mean().Item())
		})
		return norm, err
	}
	return 0, nil
}

// made are rows that share nothing, by a linear congruential generator.
func made(n, length int) [][]int {
	rows := make([][]int, n)
	state := uint32(1)
	for i := range rows {
		for range length {
			state = state*1664525 + 1013904223
			rows[i] = append(rows[i], int(state>>16)%40000)
		}
	}
	return rows
}
