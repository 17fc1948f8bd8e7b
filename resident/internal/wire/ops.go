package wire

import "fmt"

// An Op is the number of an instruction in a recorded program.
type Op uint64

// The instructions that are no operations of GoMLX.
const (
	OpParameter    Op = iota // shape, sharding: the next parameter of the function
	OpConstant               // dtype, dimensions, and its bytes or their hash
	OpReturn                 // values, shardings: ends a function
	OpClosure                // a new function within this one
	OpNewFunction            // a new function at the top
	OpAssign                 // devices: the program's device assignment
	OpSPMD                   // number of devices that all run the program
	OpAutoSharding           // meshes of devices that share the program
	firstOp
)

var ownNames = [...]string{
	"Parameter", "Constant", "Return", "Closure", "NewFunction", "DeviceAssignment", "DistributedSPMD", "DistributedAutoSharding",
}

// String returns the name of the method of compute.Function, or of Builder,
// that the instruction stands for.
func (op Op) String() string {
	switch {
	case op < firstOp:
		return ownNames[op]
	case op.Known():
		return opNames[op-firstOp]
	}
	return fmt.Sprintf("operation %d", uint64(op))
}

// Known reports whether op is in the table.
func (op Op) Known() bool { return op < firstOp+Op(len(opNames)) }

// Operations returns all operations of GoMLX, in order.
func Operations() []Op {
	ops := make([]Op, len(opNames))
	for i := range ops {
		ops[i] = firstOp + Op(i)
	}
	return ops
}
