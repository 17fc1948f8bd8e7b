//go:build !linux

package xla

import (
	"fmt"

	"golang.org/x/sys/cpu"
)

// processor describes the processor: XLA compiles for what it finds.
func processor() string { return fmt.Sprintf("%+v %+v", cpu.X86, cpu.ARM64) }
