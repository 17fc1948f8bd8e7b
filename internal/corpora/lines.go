package corpora

import (
	"archive/tar"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// A writer writes JSON lines. It makes its own strings, since a checksum is pinned, and package
// json has changed what it escapes.
type writer struct{ *bufio.Writer }

func newWriter(w io.Writer) *writer { return &writer{bufio.NewWriterSize(w, 1<<16)} }

// document writes a line of names and values by turns.
func (w *writer) document(pairs ...string) {
	for i, s := range pairs {
		w.WriteByte("{:,:"[min(i, 2+i%2)])
		w.quote(s)
	}
	w.WriteString("}\n")
}

// quote writes a JSON string.
func (w *writer) quote(s string) {
	w.WriteByte('"')
	for _, b := range []byte(s) {
		switch {
		case b == '"' || b == '\\':
			w.WriteByte('\\')
			w.WriteByte(b)
		case b < ' ':
			fmt.Fprintf(w, `\u%04x`, b)
		default:
			w.WriteByte(b)
		}
	}
	w.WriteByte('"')
}

// mostBytes is more than any file of these packages has.
const mostBytes = 64 << 20

// eachFile calls f with every file of a package.
func eachFile(files *tar.Reader, f func(name string, content []byte) error) error {
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(io.LimitReader(files, mostBytes))
		if err != nil {
			return err
		}
		if err := f(strings.TrimPrefix(header.Name, "package/"), content); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

// brown writes the files of the Brown corpus with their tags. A file is called after its genre's
// letter: ca01.
func brown(files *tar.Reader, w *writer) error {
	return eachFile(files, func(name string, content []byte) error {
		if ok, _ := path.Match("c[a-r][0-9][0-9]", name); ok {
			w.document("name", name, "label", brownGenres[name[1]], "text", string(content))
		}
		return nil
	})
}

// brownGenres are NLTK's names of the genres.
var brownGenres = map[byte]string{
	'a': "news", 'b': "editorial", 'c': "reviews", 'd': "religion", 'e': "hobbies", 'f': "lore", 'g': "belles_lettres",
	'h': "government", 'j': "learned", 'k': "fiction", 'l': "mystery", 'm': "science_fiction", 'n': "adventure",
	'p': "romance", 'r': "humor",
}

// mails writes the mails of the SpamAssassin corpus. Each lies in a folder such as easy-ham-1,
// whose name tells what it is.
func mails(files *tar.Reader, w *writer) error {
	return eachFile(files, func(name string, content []byte) error {
		if ok, _ := path.Match("data/*-*/*.json", name); !ok {
			return nil
		}
		var mail struct{ ID, Group, Text string }
		if err := json.Unmarshal(content, &mail); err != nil {
			return err
		}
		label := "ham"
		if strings.HasPrefix(mail.Group, "spam") {
			label = "spam"
		}
		w.document("name", mail.Group+"/"+mail.ID, "label", label, "text", mail.Text)
		return nil
	})
}

// names writes a list of names, which are all of one kind.
func names(label string) func(*tar.Reader, *writer) error {
	return func(files *tar.Reader, w *writer) error {
		return eachFile(files, func(name string, content []byte) error {
			if name != "data/names.json" {
				return nil
			}
			var all []string
			if err := json.Unmarshal(content, &all); err != nil {
				return err
			}
			for _, one := range all {
				w.document("name", one, "label", label, "text", one)
			}
			return nil
		})
	}
}
