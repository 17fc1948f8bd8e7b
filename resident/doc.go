// Package resident is a GoMLX backend whose arrays and compiled programs
// outlive the process that uses them.
//
// A notebook kernel for Go compiles each cell and runs it as a new process:
// declarations survive, values do not. Loading weights and compiling graphs
// again in every cell is what makes that slow. This backend keeps both in
// another process, the worker, which is started on first use and runs the real
// backend. A cell links only this package: no XLA, no cgo.
//
//	import (
//		"github.com/gomlx/compute"
//		_ "gopherlens/resident"
//	)
//
//	var backend, _ = compute.NewWithConfig("resident:xla:cpu") // or "resident:go:"
//
// Any GoMLX program runs on it unchanged; what it fronts stands after the
// colon. Nothing in it knows what the arrays mean. See the example for values
// that stay from one process to the next.
//
// # What happens to a program
//
// Calls on the builder are recorded as data, with the shapes that package
// shapeinference of GoMLX gives; where it has no rule, the worker is asked.
// Compiling sends the recording's hash, and the recording only if the worker
// has not compiled it before. Names of graphs and parameters are left out of
// the hash. Values and gradients are the fronted backend's own.
//
// # What happens to values
//
// An array stays in the worker, and a [compute.Buffer] is a handle on it. The
// worker frees a process's arrays when that process ends, except those stored
// with [Backend.Keep], which another process gets back with [Backend.Attach].
//
// The worker also remembers results: a program that is run again on the same
// inputs, be it by another process, is answered without being run. Inputs are
// the same if they were uploaded with the same content, or came from the same
// program and inputs. Calls that donate an input are not remembered. Programs
// with random numbers take their state as an input, and so are no exception.
// A result that was asked for once is remembered for a while, within a small part
// of the worker's memory; one that is asked for again, and whose computing took as
// long as its memory is worth, for long.
//
// # The worker's life
//
// There is one worker for each notebook kernel, or else for each terminal
// session. Its socket lies in a folder that only this user can open: resident
// under $GONB_TMP_DIR in a notebook, else under $XDG_RUNTIME_DIR or the user's
// cache folder. It ends with the kernel or session, when its folder is removed,
// or when nothing has been connected for long; "gopherlens resident status"
// looks at all of the user's workers, and "stop" ends the session's. A worker that
// was started from another build of the program is replaced; a build is known by
// the id that Go writes into it. If one is killed, calls to it return an error that
// says so, and the next process starts a new one. One that does not answer, because
// it is suspended or the machine is overloaded, is never ended: calls fail after
// half a minute with an error that says so, and work again when it goes on.
//
// # Environment
//
//	GOPHERLENS_BIN              the program gopherlens, if it is not on the PATH
//	GOPHERLENS_RESIDENT_DIR     the folder for the socket and the log
//	GOPHERLENS_RESIDENT_WATCH   the process whose end ends the worker
//	GOPHERLENS_RESIDENT_MEMORY  how much the worker may hold, such as 8GiB; 60 % of the machine's memory for all workers of a user together, and what it has left
//	GOPHERLENS_RESIDENT_IDLE    how long it stays with nothing connected, such as 2h
//
// # Limits
//
// Memory cannot be shared between the processes, so HasSharedBuffers is false:
// values are copied, 100 MB in some tens of milliseconds. An operation that the
// fronted backend refuses in spite of the rules is reported when the program is
// compiled; the error names the operation and where it was recorded.
package resident
