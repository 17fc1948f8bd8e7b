package xla_test

import (
	"fmt"

	"gopherlens/xla"
)

// Importing the package is what it is for: import _ "gopherlens/xla". It tells, too, which version
// of XLA's interface a plugin has.
func Example() {
	fmt.Println(xla.Version{Major: 0, Minor: 114})
	_, err := xla.PluginVersion("no-such-plugin.so")
	fmt.Println("found:", err == nil)
	// Output:
	// 0.114
	// found: false
}
