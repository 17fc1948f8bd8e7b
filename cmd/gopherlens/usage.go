package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// errUsage is wrapped by the error of a call with wrong arguments.
var errUsage = errors.New("wrong arguments")

// A usageError says what is wrong with the arguments, and no more.
type usageError struct{ text string }

func (e usageError) Error() string        { return e.text }
func (e usageError) Is(target error) bool { return target == errUsage }

// misused returns an error after which the usage is shown.
func misused(format string, args ...any) error { return usageError{brief.Sprintf(format, args...)} }

// operands refuses any number of them but as many as there are names.
func operands(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return misused("%s is missing", names[len(args)])
		case len(args) > len(names):
			return misused("%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

// subcommandOnly refuses a first word that is none of a command's subcommands.
func subcommandOnly(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return misused("unknown subcommand %q of %s%s", args[0], c.CommandPath(), nearest.Hint(args[0], subcommandsOf(c)))
}

func subcommandsOf(c *cobra.Command) (names []string) {
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() {
			names = append(names, below.Name())
		}
	}
	return names
}

// needsSubcommand is what a command does that can do nothing by itself.
func needsSubcommand(c *cobra.Command, _ []string) error {
	return misused("say what: %s", strings.Join(subcommandsOf(c), ", "))
}

// oneDash matches what pflag says of a long flag with a single dash.
var oneDash = regexp.MustCompile(`^unknown shorthand flag: '.' in -(.*)$`)

// flagError makes of pflag's error one that leads to the right flag.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if match := oneDash.FindStringSubmatch(err.Error()); match != nil {
		name, _, _ := strings.Cut(match[1], "=")
		if c.Flags().Lookup(name) != nil {
			return misused("-%s: a flag of several letters takes two dashes, --%s", name, name)
		}
		return misused("unknown flag -%s%s", name, nearest.Hint("--"+name, flagsOf(c)))
	}
	if errors.As(err, &unknown) {
		return misused("unknown flag --%s%s", unknown.GetSpecifiedName(), nearest.Hint("--"+unknown.GetSpecifiedName(), flagsOf(c)))
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		if want := wanted[invalid.GetFlag().Value.Type()]; want != "" {
			return misused("--%s %s: want %s", invalid.GetFlag().Name, invalid.GetValue(), want)
		}
	}
	return misused("%s", err.Error())
}

// wanted is what the values of a flag are, by pflag's name of their type.
var wanted = map[string]string{
	"bool": "true or false", "int": "a whole number", "float64": "a number", "duration": "a time, such as 90s or 15m",
}

func flagsOf(c *cobra.Command) (names []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	return names
}

// exclude refuses two flags together that say different things.
func exclude(c *cobra.Command, a, b string) error {
	if c.Flags().Changed(a) && c.Flags().Changed(b) {
		return misused("--%s and --%s exclude each other", a, b)
	}
	return nil
}

// jsonFlag adds a command's flag for the programs that read it.
func jsonFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("json", false, fmt.Sprintf("print JSON, for programs (see %s --help)", c.Name()))
}
