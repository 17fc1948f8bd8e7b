package activations_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gopherlens/hooked"
	"gopherlens/hooked/activations"
	"gopherlens/hooked/corpus"
	"gopherlens/internal/cachedir"
)

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestZZ(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	path, _ := cachedir.Join("models", "SmolLM2-135M-Instruct.Q4_1.gguf")
	m := hooked.Must(hooked.FromPretrained(path, hooked.DefaultProcessing))
	rows := make([][]int, 96)
	for i := range rows {
		for p := range 128 {
			rows[i] = append(rows[i], (i*5000+p*37+11)%40000)
		}
	}
	tokens := hooked.Tokens(rows)
	for _, batch := range []int{4, 8, 16, 32} {
		run := func(n int) {
			for from := 0; from+batch <= n; from += batch {
				x := hooked.Must(m.Run(tokens[from:from+batch], hooked.StopAtLayer(13)))
				x.At(0, 0, 0).Item()
				x.GoMLX().FinalizeAll()
			}
		}
		run(batch)
		s, c := time.Now(), cpu()
		run(96)
		el, cp := time.Since(s), cpu()-c
		fmt.Printf("bare batch %d: %.0f tok/s wall, cpu %.0f us/tok\n", batch, 96*128/el.Seconds(), cp.Seconds()/(96*128)*1e6)
		for _, nocov := range []bool{false, true} {
			ctx, _ := corpus.FromTokens(rows)
			s, c = time.Now(), cpu()
			st, err := activations.Harvest(context.Background(), m, ctx, activations.Config{Folder: filepath.Join(t.TempDir(), fmt.Sprint(batch, nocov)), Sites: hooked.ResidPost.At(12), DType: hooked.BF16, Batch: batch, NoCovariance: nocov})
			if err != nil {
				t.Fatal(err)
			}
			el, cp = time.Since(s), cpu()-c
			fmt.Printf("harvest batch %d nocov %v: %.0f tok/s wall, cpu %.0f us/tok\n", batch, nocov, 96*128/el.Seconds(), cp.Seconds()/(96*128)*1e6)
			st.Close()
		}
	}
}
