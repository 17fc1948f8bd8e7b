package worker_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"

	_ "gopherlens/internal/purego"
	"gopherlens/resident/worker"
)

// A worker serves the programs that find its folder, until its context ends. The command
// "gopherlens resident serve" is little more.
func Example() {
	dir, _ := os.MkdirTemp("", "worker")
	defer os.RemoveAll(dir)
	ready, told := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- worker.Serve(ctx, worker.Config{Dir: dir, Ready: told}) }()

	line, _ := bufio.NewReader(ready).ReadString('\n')
	fmt.Print(line)
	stop()
	fmt.Println(<-ended)
	// Output:
	// ready
	// <nil>
}
