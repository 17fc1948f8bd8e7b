// Package worker is the other side of package resident: the process that owns
// the real backends, the arrays and the compiled programs, and outlives the
// programs that use them. It is run by the command "gopherlens resident serve",
// which also links the backends that it can open.
//
// What it holds, and for how long:
//
//   - an array belongs to the handles that clients have on it, to the keys under
//     which it is kept, and to the memo; it is freed when the last lets go;
//   - a client's handles go when its last connection closes, whatever ended it;
//   - compiled programs stay until there are too many of them, or until the memory that
//     their constants take is wanted;
//   - the worker ends when the process that it watches, or its folder, is gone,
//     or when nothing has been connected for long.
//
// Short of memory, by its budget or because the machine has none left, it lets go of
// remembered results first, then of programs with large constants, then of kept arrays
// that no client has attached. Only when that is not enough is a request refused. The budget
// is one of all the user's workers, unless the user has set it: those that compute nothing
// give back first.
package worker
