package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"gopherlens/internal/setup"
)

// labFlags are what `gopherlens lab` is told.
type labFlags struct {
	host, token, folder string
	port                int
	noBrowser, print    bool
}

func newLab() *cobra.Command {
	var f labFlags
	c := &cobra.Command{
		Use:   "lab [-- JUPYTER'S FLAGS]",
		Short: "Open JupyterLab with the Go kernel",
		Long: `Open JupyterLab with the Go kernel, in the folder of the checkout's notebooks. What stands behind
-- is handed to jupyter lab. Its server asks for a token: the one given here or in
JUPYTER_TOKEN, or else one that it makes and prints.`,
		Example: `  gopherlens lab
  gopherlens lab --folder ~/study --port 9000
  gopherlens lab --host 0.0.0.0 --no-browser        for other machines too
  gopherlens lab -- --ServerApp.max_body_size=1000000000`,
		Args: behindDashes,
		RunE: func(c *cobra.Command, args []string) error { return f.open(c, args) },
	}
	flags := c.Flags()
	flags.IntVar(&f.port, "port", 8888, "the `PORT` of the server; the next free one if it is taken, unless it is given here")
	flags.StringVar(&f.host, "host", "localhost", "the `ADDRESS` on which it listens; 0.0.0.0 is all of the machine's")
	flags.StringVar(&f.token, "token", "", "the `TOKEN` that it asks for, better given in JUPYTER_TOKEN")
	flags.StringVar(&f.folder, "folder", "", "the `FOLDER` that it opens (default the checkout's notebooks/)")
	flags.BoolVar(&f.noBrowser, "no-browser", false, "leave the browser closed and print the address")
	flags.BoolVar(&f.print, "print-command", false, "print what would be run, and run nothing")
	if err := c.MarkFlagDirname("folder"); err != nil {
		panic(err)
	}
	return c
}

// behindDashes takes arguments for Jupyter behind -- only.
func behindDashes(c *cobra.Command, args []string) error {
	if n := c.ArgsLenAtDash(); len(args) > 0 && n != 0 {
		return misused("%q is no flag of lab; flags for jupyter lab stand behind --", args[0])
	}
	return nil
}

// open turns this process into the lab's server, so that signals reach it.
func (f labFlags) open(c *cobra.Command, jupyters []string) error {
	if err := f.check(c); err != nil {
		return err
	}
	repo, err := setup.FindRepo()
	if err != nil {
		return err
	}
	args, err := f.command(c, repo, jupyters)
	if err != nil {
		return err
	}
	if f.print {
		for _, arg := range args {
			fmt.Fprintln(c.OutOrStdout(), arg)
		}
		return nil
	}
	if _, err := os.Stat(repo.Jupyter()); err != nil {
		return fmt.Errorf("JupyterLab is not installed here (%s); run: make setup", repo.Jupyter())
	}
	warn(c.ErrOrStderr(), repo)
	if err := f.setEnvironment(repo); err != nil {
		return err
	}
	err = syscall.Exec(args[0], args, os.Environ())
	return fmt.Errorf("%s: %w", args[0], err)
}

// check refuses what cannot work, or would let in anybody.
func (f labFlags) check(c *cobra.Command) error {
	switch {
	case f.port < 1 || f.port > 65535:
		return misused("--port %d: want a number from 1 to 65535", f.port)
	case c.Flags().Changed("token") && f.token == "":
		return misused("--token is empty: whoever reaches the port could run programs here")
	case f.host != "localhost" && net.ParseIP(f.host) == nil:
		return misused("--host %q: want localhost or an IP address of this machine, such as 0.0.0.0 for all", f.host)
	}
	return nil
}

// command is jupyter lab with its flags. The token is not among them: everybody on a machine sees
// programs' arguments.
func (f labFlags) command(c *cobra.Command, repo setup.Repo, more []string) ([]string, error) {
	folder := f.folder
	if folder == "" {
		folder = repo.Notebooks()
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("--folder %s is no folder", folder)
	}
	args := []string{repo.Jupyter(), "lab",
		"--ServerApp.root_dir=" + folder, // a flag, since a bare path may begin with a dash
		"--ServerApp.ip=" + f.host,
		"--ServerApp.port=" + strconv.Itoa(f.port),
		"--MultiKernelManager.default_kernel_name=" + setup.KernelName,
		"--KernelSpecManager.ensure_native_kernel=False", // there is no Python kernel here, and no need to say so each minute
	}
	if c.Flags().Changed("port") {
		args = append(args, "--ServerApp.port_retries=0")
	}
	if f.noBrowser {
		args = append(args, "--no-browser")
	}
	return append(args, more...), nil
}

// setEnvironment puts the lab's own programs in front, and the token.
func (f labFlags) setEnvironment(repo setup.Repo) error {
	err := os.Setenv("PATH", repo.LabBin()+string(os.PathListSeparator)+os.Getenv("PATH"))
	if err == nil && f.token != "" {
		err = os.Setenv("JUPYTER_TOKEN", f.token)
	}
	return err
}

// warn tells what the lab will be without.
func warn(w io.Writer, repo setup.Repo) {
	if _, err := os.Stat(repo.Gopls()); err != nil {
		fmt.Fprintln(w, "without gopls nothing completes or explains code in notebooks; make lab builds it")
	}
}
