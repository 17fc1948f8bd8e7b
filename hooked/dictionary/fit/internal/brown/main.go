package main

import (
	"context"
	"fmt"
	"os"

	"gopherlens/hooked"

	_ "gopherlens/xla"
)

func main() {
	ctx := context.Background()
	m, err := hooked.FromPretrained("SmolLM2-135M", hooked.DefaultProcessing)
	if err != nil {
		panic(err)
	}
	fitted, held, err := rows(ctx, m)
	if err != nil {
		panic(err)
	}
	fmt.Println(fitted.Count())
	fmt.Println(held.Count())
	_, err = harvest(ctx, m, fitted, os.Args[1], 1_000_000, hooked.ResidPost.At(12))
	fmt.Println(err)
}
