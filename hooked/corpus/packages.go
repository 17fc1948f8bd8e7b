package corpus

import (
	"context"
	"iter"
	"slices"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/corpora"
	"gopherlens/internal/nearest"
)

// Package is a corpus that a package ships, by its name:
//
//	brown               the Brown corpus as plain text, labelled with NLTK's names of its 15 genres
//	brown-tagged        the same with a part-of-speech tag at each word, as it is shipped
//	spamassassin        mails, labelled "spam" and "ham"
//	spamassassin-bodies the same without their headers
//	female-names        first names, a document each
//	male-names
//
// What is not in the user's cache is downloaded by npm, which has to be there then, and compared
// with a checksum: once, by this or by `gopherlens corpus fetch`. Each time the file is compared
// with its checksum again.
func Package(ctx context.Context, name string) (Indexed, error) {
	i := slices.IndexFunc(packages, func(p packageForm) bool { return p.name == name })
	if i < 0 {
		return nil, brief.Errorf("corpus: there is no package %q%s; there are %s", name, nearest.Hint(name, PackageNames()), strings.Join(PackageNames(), ", "))
	}
	form := packages[i]
	c, err := corpora.Find(form.corpus)
	if err != nil {
		return nil, err
	}
	if err := c.Fetch(ctx); err != nil {
		return nil, err
	}
	if err := c.Lines.Verify(); err != nil {
		return nil, brief.Errorf("%w: or remove the file, and it is fetched again", err)
	}
	path, err := c.Lines.Path()
	if err != nil {
		return nil, err
	}
	lines, err := JSONLines(Fields{Label: "label", Meta: []string{"name"}}, path)
	if err != nil {
		return nil, err
	}
	return &packaged{lines.(*indexedLines), form}, nil
}

// PackageNames are the names that [Package] takes.
func PackageNames() []string {
	var names []string
	for _, p := range packages {
		names = append(names, p.name)
	}
	return names
}

// A packageForm is a way to read a corpus.
type packageForm struct {
	name, corpus string
	text         func(string) string // nil: as it is
}

var packages = []packageForm{
	{"brown", "brown", untagged},
	{"brown-tagged", "brown", nil},
	{"spamassassin", "spamassassin", nil},
	{"spamassassin-bodies", "spamassassin", body},
	{"female-names", "female-names", nil},
	{"male-names", "male-names", nil},
}

// packaged are a package's documents in one of their forms.
type packaged struct {
	lines *indexedLines
	form  packageForm
}

// Len implements [Indexed].
func (p *packaged) Len() int { return p.lines.Len() }

// At implements [Indexed].
func (p *packaged) At(i int) (Document, error) {
	d, err := p.lines.At(i)
	return p.of(d), err
}

// From implements [Texts].
func (p *packaged) From(document int) iter.Seq2[Document, error] {
	return func(yield func(Document, error) bool) {
		for d, err := range p.lines.From(document) {
			if !yield(p.of(d), err) {
				return
			}
		}
	}
}

// Key implements [Texts].
func (p *packaged) Key() string { return p.form.name + ": " + p.lines.Key() }

// of is a document in this form.
func (p *packaged) of(d Document) Document {
	if p.form.text != nil {
		d.Text = p.form.text(d.Text)
	}
	if name, ok := d.Meta["name"]; ok {
		d.Name, d.Meta = p.form.corpus+" "+name, nil
	}
	return d
}

// body is a mail without its headers, which end at the first blank line.
func body(mail string) string {
	_, rest, _ := strings.Cut(mail, "\n\n")
	return rest
}
