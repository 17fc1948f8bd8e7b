package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"gopherlens/hooked"
)

func newModels() *cobra.Command {
	c := &cobra.Command{
		Use:   "models",
		Short: "List the models, processed weights and compiled programs on this machine; show, check or remove them",
		Example: `  gopherlens models
  gopherlens models names                 what FromPretrained takes
  gopherlens models families              what can be loaded
  gopherlens models show smollm2-135m     what its files say, weights unread
  gopherlens models verify smollm2-135m
  gopherlens models prune`,
		Args: subcommandOnly,
	}
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return listModels(c.OutOrStdout(), *asJSON) }
	c.AddCommand(newModelNames(), newModelFamilies(), newModelsShow(), newModelsVerify(), newModelsPrune())
	return c
}

// listModels tells what there is of models on this machine.
func listModels(w io.Writer, asJSON bool) error {
	have, err := takeStock()
	switch {
	case err != nil:
		return err
	case asJSON:
		return printJSON(w, have)
	}
	have.print(w)
	return nil
}

func newModelsVerify() *cobra.Command {
	return &cobra.Command{
		Use:               "verify MODEL",
		Short:             "Load a model and check that it computes what it should",
		Long:              "Load a model, by its name, repository or folder, and check that it computes what it should.",
		Example:           "  gopherlens models verify smollm2-135m",
		Args:              operands("MODEL"),
		ValidArgsFunction: offerOnce(modelNames),
		RunE:              func(c *cobra.Command, args []string) error { return verifyModel(c.Context(), c.OutOrStdout(), args[0]) },
	}
}

// verifyModel loads a model and tells what holds of it.
func verifyModel(ctx context.Context, w io.Writer, name string) error {
	stop := watching("loading " + name)
	model, err := hooked.FromPretrained(name, hooked.DefaultProcessing, hooked.LoadOptions{Context: ctx})
	stop()
	if err != nil {
		return err
	}
	fmt.Fprintln(w, model)
	stop = watching("checking " + name)
	checks, err := model.Verify()
	stop()
	if err != nil {
		return err
	}
	failed := 0
	for _, check := range checks {
		fmt.Fprintln(w, check)
		if check.Err != nil {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(checks))
	}
	return nil
}
