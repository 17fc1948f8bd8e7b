package weights

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"gopherlens/internal/brief"
	"gopherlens/internal/wholefile"
)

// WriteNpy writes one array as NumPy's numpy.save does. Like [WriteSafetensors] it replaces what
// was there when the file is complete.
func WriteNpy(path string, t Named) error {
	err := wholefile.Write(path, 0o644, t.writeNpy)
	if err != nil {
		return fmt.Errorf("weights: cannot write %s: %w", path, err)
	}
	return nil
}

// WriteNpz writes arrays as NumPy's numpy.savez does, uncompressed.
func WriteNpz(path string, arrays []Named) error {
	err := wholefile.Write(path, 0o644, func(w io.Writer) error {
		z := zip.NewWriter(w)
		seen := make(map[string]bool)
		for _, t := range arrays {
			if seen[t.Name] || t.Name == "" {
				return brief.Errorf("array %q: its name is taken or empty", t.Name)
			}
			seen[t.Name] = true
			entry, err := z.CreateHeader(&zip.FileHeader{Name: t.Name + npyEnding, Method: zip.Store})
			if err != nil {
				return err
			}
			if err := t.writeNpy(entry); err != nil {
				return brief.Errorf("array %q: %w", t.Name, err)
			}
		}
		return z.Close()
	})
	if err != nil {
		return fmt.Errorf("weights: cannot write %s: %w", path, err)
	}
	return nil
}

func (t Named) writeNpy(w io.Writer) error {
	header, err := t.npyHeader()
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	return t.writeTo(w)
}

// npyHeader is what stands before the values, padded to [alignment] bytes.
func (t Named) npyHeader() ([]byte, error) {
	descr := ""
	for name, dtype := range npyTypes {
		if dtype == t.DType {
			descr = "<" + name
		}
	}
	switch {
	case descr == "":
		return nil, fmt.Errorf("NumPy has no type %s: write it as F32, or to a .safetensors file", t.DType)
	case layouts[t.DType].bytes == 1:
		descr = "|" + descr[1:]
	}
	dims := make([]string, len(t.Shape))
	for i, d := range t.Shape {
		dims[i] = fmt.Sprint(d)
	}
	shape := strings.Join(dims, ", ")
	if len(dims) == 1 {
		shape += ","
	}
	const fixed = len(npyMagic) + 2 + 2 // magic, version, length
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape)
	for (fixed+len(text)+1)%alignment != 0 {
		text += " "
	}
	text += "\n"
	if len(text) > 1<<16-1 {
		return nil, brief.Errorf("shape %v has too many axes", t.Shape)
	}
	out := append([]byte(npyMagic), 1, 0)
	return append(binary.LittleEndian.AppendUint16(out, uint16(len(text))), text...), nil
}
