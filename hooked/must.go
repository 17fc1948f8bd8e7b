package hooked

// Must returns value, and panics if err is not nil. It is for notebook cells and examples, where a
// failed step should stop the cell with its message; programs handle the error.
func Must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// Must2 is Must for functions with two results, such as [Model.RunWithCache].
func Must2[T, U any](first T, second U, err error) (T, U) {
	if err != nil {
		panic(err)
	}
	return first, second
}
