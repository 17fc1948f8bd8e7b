package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gopherlens/hooked/activations"
	"gopherlens/internal/brief"
)

func newHarvestShow() *cobra.Command {
	c := &cobra.Command{
		Use:   "show FOLDER",
		Short: "Tell what a folder of activations holds",
		Example: `  gopherlens harvest show acts
  gopherlens harvest show acts --verify --json`,
		Args: operands("FOLDER"),
	}
	asJSON := jsonFlag(c)
	sums := c.Flags().Bool("verify", false, "compare every file with its checksum first")
	c.RunE = func(c *cobra.Command, args []string) error {
		return showHarvest(c.Context(), c.OutOrStdout(), args[0], *sums, *asJSON)
	}
	return c
}

// showHarvest tells what a folder holds.
func showHarvest(ctx context.Context, w io.Writer, folder string, sums, asJSON bool) error {
	store, err := activations.Open(folder)
	if err != nil {
		return err
	}
	defer store.Close()
	if sums {
		stop := watching("reading " + folder)
		err := store.Verify(ctx)
		stop()
		if err != nil {
			return err
		}
	}
	if err := showStore(w, store, folder, asJSON); err != nil || !sums || asJSON {
		return err
	}
	fmt.Fprintln(w, "every file has its checksum")
	return nil
}

// A shownStore is a folder of activations for a program to read.
type shownStore struct {
	Folder    string      `json:"folder"`
	Tokens    int         `json:"tokens"`
	Rows      int         `json:"rows"`
	Context   int         `json:"context"`
	DType     string      `json:"dtype"`
	Bytes     int64       `json:"bytes"`
	Model     string      `json:"model"`
	Processed string      `json:"processing"`
	Backend   string      `json:"backend"`
	Corpus    string      `json:"corpus"`
	Sites     []shownSite `json:"sites"`
}

// A shownSite is one of its sites; norms are over tokens, at first positions and at others.
type shownSite struct {
	Name      string   `json:"name"`
	Axes      []string `json:"axes"`
	Shape     []int    `json:"shape"`
	FirstMean float64  `json:"first_mean_norm"`
	Mean      *float64 `json:"mean_norm"` // null where there are no others, as are those below
	Median    *float64 `json:"median_norm"`
	Max       *float64 `json:"max_norm"`
}

// describe collects what is shown of a store.
func describe(store *activations.Store, folder string) (shownStore, error) {
	about, err := store.About()
	if err != nil {
		return shownStore{}, err
	}
	bytes, err := sizeOf(folder)
	if err != nil {
		return shownStore{}, err
	}
	shown := shownStore{Folder: folder, Tokens: store.Tokens(), Rows: store.Rows(), Context: about.Context, DType: fmt.Sprint(about.DType), Bytes: bytes,
		Model: about.Model.ModelName, Processed: fmt.Sprint(about.Processing), Backend: about.Backend, Corpus: about.Corpus}
	for _, site := range about.Sites {
		st, err := store.Statistics(site.Name)
		if err != nil {
			return shown, err
		}
		one := shownSite{Name: site.Name, Axes: site.Axes, Shape: site.Shape, FirstMean: st.First.Norms.Mean}
		if st.Rest.Count > 0 {
			median, err := st.Rest.Norms.Quantile(0.5)
			if err != nil {
				return shown, err
			}
			one.Mean, one.Median, one.Max = &st.Rest.Norms.Mean, &median, &st.Rest.Norms.Max
		}
		shown.Sites = append(shown.Sites, one)
	}
	return shown, nil
}

// showStore prints what a store holds.
func showStore(w io.Writer, store *activations.Store, folder string, asJSON bool) error {
	s, err := describe(store, folder)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(w, s)
	}
	fmt.Fprintf(w, "%s: %d tokens in %d rows of %d, %s in %s\n", folder, s.Tokens, s.Rows, s.Context, s.DType, size(s.Bytes))
	fmt.Fprintf(w, "  model %s (%s), computed with %s\n  texts %s\n", s.Model, s.Processed, s.Backend, brief.Text(s.Corpus))
	fmt.Fprintf(w, "  %-36s %-18s %21s %33s\n", "", "", "first position", "others")
	fmt.Fprintf(w, "  %-36s %-18s %21s %11s %10s %10s\n", "site", "shape", "mean norm", "mean norm", "median", "largest")
	for _, site := range s.Sites {
		fmt.Fprintf(w, "  %-36s %-18s %21.4g", site.Name, fmt.Sprint(site.Axes, site.Shape), site.FirstMean)
		if site.Mean != nil {
			fmt.Fprintf(w, " %11.4g %10.4g %10.4g", *site.Mean, *site.Median, *site.Max)
		}
		fmt.Fprintln(w)
	}
	return nil
}
