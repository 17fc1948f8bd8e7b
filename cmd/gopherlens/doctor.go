package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gopherlens/internal/backend"
	"gopherlens/internal/codecache"
	"gopherlens/internal/corpora"
	"gopherlens/internal/hub"
	"gopherlens/internal/setup"
	"gopherlens/internal/underway"
)

// A finding is one line of the doctor's report.
type finding struct {
	Name   string `json:"name"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"` // what to do, if something is missing
	Needed bool   `json:"needed"`         // whether notebooks fail without it
}

// checks are what the doctor looks at, in the order of its report.
var checks = []func(context.Context, *setup.Setup) []finding{
	checkGo,
	checkCompiler,
	checkPython,
	checkGopls,
	checkSetup,
	checkModel,
	checkCorpora,
	checkToken,
	checkBackend,
	checkPrograms,
	checkDisk,
	checkMemory,
}

// errUnwell is the doctor's error when something needed is missing; the report
// says what.
var errUnwell = errors.New("something needed is missing")

func newDoctor() *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is installed, which backend will compute and why, and how to mend what is missing",
		Long: `Try what notebooks need (the go command, the C compiler, Python, gopls, the backend), say which
backend will compute and why, what room there is, and how to mend what is missing. The status
is 1 if something is missing that notebooks cannot do without.`,
		Example: `  gopherlens doctor
  gopherlens doctor --json | jq '.[] | select(.mend)'`,
		Args: operands(),
	}
	asJSON := jsonFlag(c)
	probe := c.Flags().Bool("probe", false, "only open the backend and multiply two matrices")
	if err := c.Flags().MarkHidden("probe"); err != nil { // for setup, and the doctor itself
		panic(err)
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *probe {
			n, err := probeBackend()
			if err == nil {
				_, err = fmt.Fprintf(c.OutOrStdout(), "devices: %d\n", n)
			}
			return err
		}
		return runDoctor(c.Context(), c.OutOrStdout(), *asJSON)
	}
	return c
}

// runDoctor prints the report, each line as soon as it is known.
func runDoctor(ctx context.Context, w io.Writer, asJSON bool) error {
	s, err := newSetup()
	if err != nil {
		return err
	}
	var all []finding
	for _, check := range checks {
		for _, f := range check(ctx, s) {
			all = append(all, f)
			if !asJSON {
				report(w, f)
			}
		}
	}
	if asJSON {
		if err := printJSON(w, all); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(all, func(f finding) bool { return f.Needed && f.Mend != "" }) {
		return errUnwell
	}
	return nil
}

// report prints one finding.
func report(w io.Writer, f finding) {
	mark, c := "ok", green
	switch {
	case f.Mend != "" && f.Needed:
		mark, c = "MISSING", red
	case f.Mend != "":
		mark, c = "without", yellow
	}
	fmt.Fprintf(w, "%s %-38s %s\n", paint(w, c, fmt.Sprintf("%-8s", mark)), f.Name, f.Detail)
	if f.Mend != "" {
		fmt.Fprintf(w, "%-8s %-38s %s\n", "", "", "-> "+f.Mend)
	}
}

// checkSetup tells how each step of set-up stands.
func checkSetup(ctx context.Context, s *setup.Setup) []finding {
	var findings []finding
	for _, state := range s.States(ctx) {
		f := finding{Name: state.Name, Detail: state.Where, Needed: state.Optional == ""}
		switch {
		case state.Err != nil:
			f.Detail, f.Mend = state.Err.Error(), "make setup"
		case state.Done:
		case state.Skipped != "":
			f.Detail = "not installed; " + state.Skipped
		case state.Optional != "":
			f.Detail, f.Mend = "not installed; without it "+state.Optional, "make setup"
		default:
			f.Detail, f.Mend = "not installed, or not as this checkout needs it: "+state.Where, "make setup"
		}
		if state.Untried {
			f.Detail += " (untried: nobody has run it for this repository)"
		}
		findings = append(findings, f)
	}
	return findings
}

// checkModel reads the default model's file to its end.
func checkModel(_ context.Context, _ *setup.Setup) []finding {
	present, err := setup.DefaultModel.Present()
	if err == nil && !present {
		return nil // checkSetup has told
	}
	if err == nil {
		err = setup.DefaultModel.Verify()
	}
	f := finding{Name: "its checksum", Detail: "as pinned", Needed: true}
	if err != nil {
		f.Detail, f.Mend = err.Error(), "remove the file, then: make setup"
	}
	return []finding{f}
}

// checkCorpora tells which corpora are here. None is needed: what reads one fetches it.
func checkCorpora(context.Context, *setup.Setup) []finding {
	f := finding{Name: "corpora", Detail: "none; gopherlens corpus lists what can be fetched"}
	var here []string
	for _, c := range corpora.Table {
		present, err := c.Lines.Present()
		if present && err == nil {
			err = c.Lines.Verify()
		}
		if err != nil {
			f.Detail, f.Mend = err.Error(), "remove the file, then: gopherlens corpus fetch "+c.Name
			return []finding{f}
		}
		if present {
			here = append(here, c.Name)
		}
	}
	if len(here) > 0 {
		f.Detail = strings.Join(here, ", ")
	}
	return []finding{f}
}

// checkToken tells where a Hugging Face token was found, never what it is.
func checkToken(context.Context, *setup.Setup) []finding {
	f := finding{Name: "Hugging Face token", Detail: "none; gated models on the hub need one, the default model does not"}
	if source := hub.TokenSource(); source != "" {
		f.Detail = "in " + source
	}
	return []finding{f}
}

// checkBackend says which backend models will run on, and tries it in a child:
// a plugin that does not fit this machine ends its process.
func checkBackend(ctx context.Context, s *setup.Setup) []finding {
	f := finding{Name: "backend", Needed: true}
	choice, err := backend.Choose()
	if err != nil {
		f.Detail, f.Mend = err.Error(), "correct or unset the variable"
		return []finding{f}
	}
	f.Detail = fmt.Sprintf("%s (%s)", choice.Config, choice.Why)
	var complaint strings.Builder
	probe := exec.CommandContext(ctx, s.Self, "doctor", "--probe")
	probe.Stderr = &complaint
	output, err := probe.Output()
	if err != nil {
		f.Detail += " does not compute: " + strings.TrimSpace(complaint.String()+" "+err.Error())
		f.Mend = "remove the plugin's file, then: make setup; GOMLX_BACKEND=go does without"
	} else {
		f.Detail += ", " + strings.TrimSpace(string(output))
	}
	return append([]finding{f, checkNotebooks()}, checkProgress()...)
}

// checkProgress tells of a variable that stops every model from being loaded.
func checkProgress() []finding {
	if err := underway.Check(); err != nil {
		return []finding{{Name: "progress in notebooks", Needed: true, Detail: err.Error(), Mend: "correct or unset the variable"}}
	}
	return nil
}

// checkNotebooks says what computes in a notebook's cell.
func checkNotebooks() finding {
	f := finding{Name: "backend in notebooks", Needed: true}
	choice, err := backend.ChooseInNotebook()
	f.Detail = fmt.Sprintf("%s (%s)", choice.Config, choice.Why)
	if err != nil {
		f.Detail, f.Mend = err.Error(), "correct or unset the variable"
	}
	return f
}

// checkPrograms tells where XLA's compiled programs are kept from process to process, and how many.
func checkPrograms(context.Context, *setup.Setup) []finding {
	f := finding{Name: "compiled programs"}
	st, err := codecache.Look()
	switch {
	case err != nil:
		f.Detail, f.Mend = "every process compiles its own: "+err.Error(), "mend that, or set "+codecache.OffEnv+"=off to do without"
	case st.Limit == 0:
		f.Detail = fmt.Sprintf("not kept, as %s or %s says", codecache.OffEnv, codecache.LimitEnv)
	default:
		f.Detail = fmt.Sprintf("%d, %s of at most %s, in %s", st.Entries, size(st.Bytes), size(st.Limit), st.Folder)
	}
	return []finding{f}
}
