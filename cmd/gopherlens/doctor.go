package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"gopherlens/internal/backend"
	"gopherlens/internal/codecache"
	"gopherlens/internal/corpora"
	"gopherlens/internal/hub"
	"gopherlens/internal/setup"
)

// A finding is one line of the doctor's report.
type finding struct {
	name   string
	detail string
	mend   string // what to do, if something is missing
	needed bool   // whether notebooks fail without it
}

// checks are what the doctor looks at, in the order of its report.
var checks = []func(context.Context, *setup.Setup) []finding{
	checkGo,
	checkSetup,
	checkModel,
	checkCorpora,
	checkToken,
	checkBackend,
	checkPrograms,
}

// errUnwell is the doctor's error when something needed is missing; the report
// says what.
var errUnwell = errors.New("something needed is missing")

// runDoctor prints the report.
func runDoctor(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	probe := flags.Bool("probe", false, "only open the backend and multiply two matrices (used by setup and doctor)")
	if err := parse(flags, args, "", 0); err != nil {
		return err
	}
	if *probe {
		return probeBackend()
	}
	s, err := newSetup()
	if err != nil {
		return err
	}
	unwell := false
	for _, check := range checks {
		for _, f := range check(ctx, s) {
			report(f)
			unwell = unwell || f.needed && f.mend != ""
		}
	}
	if unwell {
		return errUnwell
	}
	return nil
}

// report prints one finding.
func report(f finding) {
	mark := "ok"
	switch {
	case f.mend != "" && f.needed:
		mark = "MISSING"
	case f.mend != "":
		mark = "without"
	}
	fmt.Printf("%-8s %-29s %s\n", mark, f.name, f.detail)
	if f.mend != "" {
		fmt.Printf("%-8s %-29s %s\n", "", "", "-> "+f.mend)
	}
}

// checkGo looks for the go command, which compiles every cell.
func checkGo(context.Context, *setup.Setup) []finding {
	f := finding{name: "Go", needed: true, detail: runtime.Version()}
	path, err := exec.LookPath("go")
	if err != nil {
		f.detail, f.mend = "no go command in PATH", "install Go 1.26.5 or newer and put its bin folder into PATH"
		return []finding{f}
	}
	f.detail += ", " + path
	if !strings.Contains(runtime.Version(), "simd") {
		f.mend = "build with GOEXPERIMENT=simd, as make does: the pure Go backend is ten times slower without"
		f.needed = false
	}
	return []finding{f}
}

// checkSetup tells how each step of set-up stands.
func checkSetup(ctx context.Context, s *setup.Setup) []finding {
	var findings []finding
	for _, state := range s.States(ctx) {
		f := finding{name: state.Name, detail: state.Where, needed: state.Optional == ""}
		switch {
		case state.Err != nil:
			f.detail, f.mend = state.Err.Error(), "make setup"
		case state.Done:
		case state.Skipped != "":
			f.detail = "not installed; " + state.Skipped
		case state.Optional != "":
			f.detail, f.mend = "not installed; without it "+state.Optional, "make setup"
		default:
			f.detail, f.mend = "not installed, or not as this checkout needs it: "+state.Where, "make setup"
		}
		if state.Untried {
			f.detail += " (untried: nobody has run it for this repository)"
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
	f := finding{name: "its checksum", detail: "as pinned", needed: true}
	if err != nil {
		f.detail, f.mend = err.Error(), "remove the file, then: make setup"
	}
	return []finding{f}
}

// checkCorpora tells which corpora are here. None is needed: what reads one fetches it.
func checkCorpora(context.Context, *setup.Setup) []finding {
	f := finding{name: "corpora", detail: "none; gopherlens corpus lists what can be fetched"}
	var here []string
	for _, c := range corpora.Table {
		present, err := c.Lines.Present()
		if present && err == nil {
			err = c.Lines.Verify()
		}
		if err != nil {
			f.detail, f.mend = err.Error(), "remove the file, then: gopherlens corpus fetch "+c.Name
			return []finding{f}
		}
		if present {
			here = append(here, c.Name)
		}
	}
	if len(here) > 0 {
		f.detail = strings.Join(here, ", ")
	}
	return []finding{f}
}

// checkToken tells where a Hugging Face token was found, never what it is.
func checkToken(context.Context, *setup.Setup) []finding {
	f := finding{name: "Hugging Face token", detail: "none; gated models on the hub need one, the default model does not"}
	if source := hub.TokenSource(); source != "" {
		f.detail = "in " + source
	}
	return []finding{f}
}

// checkBackend says which backend models will run on, and tries it in a child:
// a plugin that does not fit this machine ends its process.
func checkBackend(ctx context.Context, s *setup.Setup) []finding {
	f := finding{name: "backend", needed: true}
	choice, err := backend.Choose()
	if err != nil {
		f.detail, f.mend = err.Error(), "correct or unset GOMLX_BACKEND"
		return []finding{f}
	}
	f.detail = fmt.Sprintf("%s (%s)", choice.Config, choice.Why)
	output, err := exec.CommandContext(ctx, s.Self, "doctor", "-probe").CombinedOutput()
	if err != nil {
		f.detail += " does not compute: " + strings.TrimSpace(string(output)+" "+err.Error())
		f.mend = "remove the plugin's file, then: make setup; GOMLX_BACKEND=go does without"
	}
	return []finding{f, checkNotebooks()}
}

// checkNotebooks says what computes in a notebook's cell.
func checkNotebooks() finding {
	f := finding{name: "backend in notebooks", needed: true}
	choice, err := backend.ChooseInNotebook()
	f.detail = fmt.Sprintf("%s (%s)", choice.Config, choice.Why)
	if err != nil {
		f.detail, f.mend = err.Error(), "correct or unset GOMLX_BACKEND"
	}
	return f
}

// checkPrograms tells where XLA's compiled programs are kept from process to process, and how many.
func checkPrograms(context.Context, *setup.Setup) []finding {
	f := finding{name: "compiled programs"}
	st, err := codecache.Look()
	switch {
	case err != nil:
		f.detail, f.mend = "every process compiles its own: "+err.Error(), "mend that, or set "+codecache.OffEnv+"=off to do without"
	case st.Limit == 0:
		f.detail = fmt.Sprintf("not kept, as %s or %s says", codecache.OffEnv, codecache.LimitEnv)
	default:
		f.detail = fmt.Sprintf("%d, %s of at most %s, in %s", st.Entries, size(st.Bytes), size(st.Limit), st.Folder)
	}
	return []finding{f}
}
