// Command make trains models of the course, all unless some are named, and leaves alone those that
// are there already: `make course-models`.
//
//	make [-into DIR] [NAME...]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"gopherlens/internal/cachedir"
	"gopherlens/notebooks/models"

	_ "gopherlens/xla"
)

func main() {
	into := flag.String("into", "", "folder for the models; the user's cache unless given")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := make(ctx, *into, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1)
	}
}

func make(ctx context.Context, into string, names []string) error {
	if len(names) == 0 {
		names = models.Names()
	}
	for _, name := range names {
		about, err := models.Of(name)
		if err != nil {
			return err
		}
		folder, err := target(name, into)
		if err != nil {
			return err
		}
		if folder == "" {
			fmt.Println(name, "is there")
			continue
		}
		fmt.Printf("%s: %s\n", name, about.About)
		if err := models.Train(ctx, name, folder, os.Stdout); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// target is the folder that a model is to be trained into, "" if it is there.
func target(name, into string) (string, error) {
	if into != "" {
		folder := filepath.Join(into, name)
		if _, err := os.Stat(folder); err == nil {
			return "", nil
		}
		return folder, nil
	}
	if _, err := models.Folder(name); err == nil {
		return "", nil
	}
	return cachedir.Join("course", name)
}
