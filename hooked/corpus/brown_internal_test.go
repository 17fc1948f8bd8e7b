package corpus

import "testing"

// TestUntagged holds how tagged words become text. The sentences are the Brown corpus's, but for
// what stands between brackets.
func TestUntagged(t *testing.T) {
	for tagged, want := range map[string]string{
		"\n\n\tThe/at jury/nn said/vbd ``/`` no/at evidence/nn ''/'' ./.\n":                      `The jury said "no evidence".`,
		"Ivan/np Allen/np Jr./np ./.\nIt/pps wouldn't/md* matter/vb ,/, he/pps said/vbd ./.":     "Ivan Allen Jr. It wouldn't matter, he said.",
		"One/cd ./.\n\n\n\tTwo/cd (/( e.g./rb ,/, 1958/cd )/) :/: [/[ three/cd ]/]":              "One.\n\nTwo (e.g., 1958): [three]",
		"Why/wrb ?/. ?/.\nNo/rb !/. !/.\na/at ;/. ;/. b/nn":                                      "Why? No! a; b",
		"more/ap '/' pro/jj '/' letters/nns than/in '/' con/jj '/' ./.":                          "more 'pro' letters than 'con'.",
		"counts/nns //in minute/nn A/nn &/cc M/nn --/-- and/cc the/at boys'/nns$ 1/cd-hl ./.-hl": "counts / minute A & M -- and the boys' 1.",
		"\t\n \n":                    "",
		"untagged words/nns here/rb": "untagged words here",
	} {
		if got := untagged(tagged); got != want {
			t.Errorf("%q:\ngot  %q\nwant %q", tagged, got, want)
		}
	}
}
