package weights

import (
	"errors"
	"fmt"

	"gopherlens/internal/brief"
)

// The names that a state dict's pickle may use. This is the whole list: what is not
// here is refused by name.

// storageTypes are torch's typed storages.
var storageTypes = map[string]DType{
	"torch.DoubleStorage":   F64,
	"torch.FloatStorage":    F32,
	"torch.HalfStorage":     F16,
	"torch.BFloat16Storage": BF16,
	"torch.LongStorage":     I64,
	"torch.IntStorage":      I32,
	"torch.ShortStorage":    I16,
	"torch.CharStorage":     I8,
	"torch.ByteStorage":     U8,
	"torch.BoolStorage":     Bool,
}

// callables are the functions and classes that may be called. Each only arranges
// its arguments; none does anything else.
var callables = map[string]func(args tuple) (any, error){
	"collections.OrderedDict":         newDict,
	"torch._utils._rebuild_tensor_v2": rebuildTensor,
	"torch._utils._rebuild_parameter": rebuildParameter,
	"torch.Size":                      newSize,
}

// constants are names that stand for themselves: data types beside the tensors.
var constants = map[string]bool{
	"torch.float64": true, "torch.float32": true, "torch.float16": true, "torch.bfloat16": true,
	"torch.int64": true, "torch.int32": true, "torch.int16": true, "torch.int8": true,
	"torch.uint8": true, "torch.bool": true,
}

// refusal is the error for a name that is not on the list.
type refusal string

func (r refusal) Error() string { return "it asks for " + brief.Text(string(r)) }

// allowedGlobal admits a name of the list.
func allowedGlobal(module, name string) (any, error) {
	full := module + "." + name
	_, isStorage := storageTypes[full]
	_, isCallable := callables[full]
	if isStorage || isCallable || constants[full] {
		return global(full), nil
	}
	return nil, refusal(full)
}

// callGlobal calls a name of the list.
func callGlobal(callee any, args tuple) (any, error) {
	name, _ := callee.(global)
	call, ok := callables[string(name)]
	if !ok {
		return nil, brief.Errorf("it calls %s", describe(callee))
	}
	v, err := call(args)
	if err != nil {
		return nil, brief.Errorf("%s: %w", string(name), err)
	}
	return v, nil
}

// newDict is OrderedDict(): torch fills it afterwards, item by item.
func newDict(args tuple) (any, error) {
	if len(args) != 0 {
		return nil, errors.New("made with arguments")
	}
	return &dict{}, nil
}

// newSize is torch.Size(values): a shape is its tuple.
func newSize(args tuple) (any, error) {
	if len(args) != 1 {
		return nil, errors.New("not one argument")
	}
	return args[0], nil
}

// rebuildTensor takes (storage, offset, shape, strides, requires_grad, hooks) and,
// in newer files, metadata.
func rebuildTensor(args tuple) (any, error) {
	if len(args) < 6 || len(args) > 7 {
		return nil, brief.Errorf("%d arguments", len(args))
	}
	s, isStorage := args[0].(storage)
	offset, isOffset := args[1].(int64)
	shape, isShape := toInts(args[2])
	strides, isStrides := toInts(args[3])
	if !isStorage || !isOffset || !isShape || !isStrides {
		return nil, errors.New("arguments of the wrong kind, or of more than 64 dimensions")
	}
	return torchTensor{s, offset, shape, strides}, nil
}

// rebuildParameter takes (tensor, requires_grad, hooks): a parameter is its tensor.
func rebuildParameter(args tuple) (any, error) {
	if len(args) != 3 {
		return nil, brief.Errorf("%d arguments", len(args))
	}
	t, ok := args[0].(torchTensor)
	if !ok {
		return nil, brief.Errorf("a parameter made of %s", describe(args[0]))
	}
	return t, nil
}

// torchMaxDims is how many dimensions a tensor of PyTorch's has at most.
const torchMaxDims = 64

// toInts takes a tuple of whole numbers: a shape, or strides. One tuple may be used
// by any number of tensors, and is copied for each: it must be short.
func toInts(v any) ([]int, bool) {
	values, ok := v.(tuple)
	if len(values) > torchMaxDims {
		return nil, false
	}
	ints := make([]int, len(values))
	for i, x := range values {
		n, isInt := x.(int64)
		ints[i], ok = int(n), ok && isInt
	}
	return ints, ok
}

// describe names the kind of a value for messages, or tells a number. It never prints
// what a container holds: values that are shared, or hold themselves, have no end.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case tuple:
		return "a tuple"
	case *list:
		return "a list"
	case *dict:
		return "a dict"
	case torchTensor:
		return "a tensor"
	case storage:
		return "a storage"
	case global:
		return string(v) // one of the lists above
	case string:
		return "text"
	case []byte:
		return "bytes"
	case bool, int64, float64:
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("a %T", v)
}
