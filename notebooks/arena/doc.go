// Package arena checks a student's answers to the course's exercises (notebooks/README.md).
//
// A check tells a wrong shape from wrong values, and says what to look at: what it can see in the
// numbers (another sign, a factor, a bias, swapped axes), and what the exercise's author knows.
//
//	arena.Check("1.1 layer norm", func(t *arena.T) {
//		got := hooked.Must(hooked.Apply("batch pos d_model", layerNorm, x, w, b))
//		t.Same("the normalized stream", got, want, "is the variance that of the last axis?")
//	})
//
// It prints a line: done, or what is missing. The check of a stub that nobody has filled in says
// "not done yet", and the notebook goes on; a wrong answer ends the cell.
package arena
