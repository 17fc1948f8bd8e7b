package nearest_test

import (
	"slices"
	"testing"

	"gopherlens/internal/nearest"
)

func TestNames(t *testing.T) {
	hooks := []string{"blocks.0.attn.hook_z", "blocks.0.attn.hook_pattern", "blocks.0.hook_resid_pre"}
	got := nearest.Names("blocks.0.attn.hook_patern", hooks, 2)
	if want := []string{"blocks.0.attn.hook_pattern", "blocks.0.attn.hook_z"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := nearest.Names("x", hooks, 9); len(got) != len(hooks) {
		t.Errorf("asked for more than there are: got %d names, want %d", len(got), len(hooks))
	}
}

func TestHint(t *testing.T) {
	// kitten and sitting are the textbook pair at distance 3; mitten is at 1.
	if got, want := nearest.Hint("kitten", []string{"sitting", "mitten"}), `; nearest: "mitten", "sitting"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := nearest.Hint("kitten", nil); got != "" {
		t.Errorf("no candidates: got %q, want nothing", got)
	}
}
