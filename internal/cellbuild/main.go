// Command cellbuild is go build for a notebook's cells, which differ from one to the next in
// main.go alone: where an earlier build tells how, it calls Go's compiler and linker itself, which
// takes a third less time than the go command, which looks at all packages each time.
//
//	cellbuild GO build -o PROGRAM [main.go]
//
// The first build is the go command's, and keeps how that called the two (record.go), beside what
// it depends on: the files of all packages that can change, go.mod and the like, Go itself
// (watch.go). If any of it is another, if the cell imports something else, and whenever something
// fails, it is the go command that builds, and whose words are heard.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	if dir := os.Getenv(recordVariable); dir != "" {
		fail(recordTool(dir, os.Args[1:]))
	}
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: cellbuild GO build -o PROGRAM [main.go]")
		os.Exit(2)
	}
	goCommand, args := os.Args[1], os.Args[2:]
	c, err := newCell(goCommand, args)
	if err != nil {
		fail(become(goCommand, args)) // nothing for us
	}
	if c.buildDirectly() == nil {
		return
	}
	os.Exit(c.buildAndRecord())
}

// become calls a program in the place of this one.
func become(program string, args []string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	return syscall.Exec(path, append([]string{program}, args...), os.Environ())
}

// fail ends this program, which was to become another.
func fail(err error) {
	fmt.Fprintln(os.Stderr, "cellbuild:", err)
	os.Exit(1)
}
