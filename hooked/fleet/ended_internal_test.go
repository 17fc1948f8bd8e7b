package fleet

import "testing"

// TestEndings holds what is wanted of results that come before and after the end of their job.
func TestEndings(t *testing.T) {
	var e endings
	before := published{job: "a", task: 7, number: 1}
	if !e.note(before) || !e.note(published{job: "b", task: 8, number: 2}) {
		t.Fatal("a result of a job under way is not wanted")
	}
	if unwanted := e.hear("a", ending{Last: 9, Done: true}); len(unwanted) != 1 || unwanted[0].number != before.number {
		t.Errorf("at the end of the job, %v are unwanted, and not the one before", unwanted)
	}
	if e.note(published{job: "a", task: 9, number: 3}) {
		t.Error("a result that comes after the end of its job is wanted")
	}
	if !e.note(published{job: "a", task: 10, number: 4}) || e.isOver("a", 10) || !e.isOver("a", 9) {
		t.Error("the next call of the same job is taken for the one that is over")
	}
	if unwanted := e.hear("b", ending{Last: 9}); len(unwanted) != 0 {
		t.Errorf("%v are unwanted of a job that was interrupted, which goes on from them", unwanted)
	}
	if !e.note(published{job: "b", task: 9, number: 5}) || !e.isOver("b", 9) {
		t.Error("a late result of a job that was interrupted is not kept, or its tasks are still done")
	}
}
