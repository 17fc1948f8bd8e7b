package hooked

// Must returns value, and panics if err is not nil. It is for notebook cells and examples, where a
// failed step should stop the cell with its message; programs handle the error.
//
// GoNB runs the initialisers of all variables again in every cell. One that failed,
//
//	var model = hooked.Must(hooked.FromPretrained("gpt2-smal"))
//
// stops its own cell, and of the later ones those that use the variable. In any other Must says on
// standard error that the variable is left out, and returns a zero value that nothing reads.
func Must[T any](value T, err error) T {
	if err != nil {
		failed(err)
		var none T
		return none
	}
	return value
}

// Must2 is Must for functions with two results, such as [Model.RunWithCache].
func Must2[T, U any](first T, second U, err error) (T, U) {
	if err != nil {
		failed(err)
		var noT T
		var noU U
		return noT, noU
	}
	return first, second
}
