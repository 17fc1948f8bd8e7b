package weights

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopherlens/internal/brief"
)

// A .npy file is NumPy's "\x93NUMPY", a version (two bytes), the length of the header (2 bytes, or
// 4 since version 2), the header (a dict in Python's notation: descr, fortran_order, shape; padded
// with spaces), and the values. Source: numpy/lib/format.py.

const npyMagic = "\x93NUMPY"

// npyTypes are the types that this package reads and writes, as NumPy spells them after the sign of
// the byte order.
var npyTypes = map[string]DType{
	"f8": F64, "f4": F32, "f2": F16, "i8": I64, "i4": I32, "i2": I16, "i1": I8, "u8": U64, "u4": U32, "u2": U16, "u1": U8, "b1": Bool,
}

// npyHeader is what the header says.
type npyHeader struct {
	descr   string // such as "<f4"; empty if it is no single type
	fortran bool   // the first axis varies fastest
	shape   []int
}

// readNpy is the [reader] of a file that holds one array, which is called after the file.
func readNpy(m *mapping) ([]Tensor, map[string]any, error) {
	t, err := parseNpy(m.path, baseName(m.path), m.bytes)
	return []Tensor{t}, nil, err
}

// baseName is a file's name without folder and ending.
func baseName(path string) string {
	base := filepath.Base(path)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// parseNpy reads an array and checks its header against the bytes that follow.
func parseNpy(path, name string, file []byte) (Tensor, error) {
	text, data, err := splitNpy(file)
	if err != nil {
		return Tensor{}, damaged(path, name, "%v", err)
	}
	h, err := parseNpyHeader(text)
	if err != nil {
		return Tensor{}, damaged(path, name, "its header is not one of NumPy's (%v)", err)
	}
	dtype, big, ok := h.dtype()
	if !ok {
		return Tensor{}, unsupported(path, name, "%s; convert it in NumPy, as in x.astype(\"float32\"), and save it again", h.refused())
	}
	l := layouts[dtype]
	if size, ok := l.byteSize(h.shape); !ok || size != len(data) {
		return Tensor{}, damaged(path, name, "%s values of shape %v take other than the %d bytes that follow the header", dtype, h.shape, len(data))
	}
	if big {
		data = swapped(data, l.bytes)
	}
	t := Tensor{Name: name, DType: dtype, Shape: h.shape, data: data, path: path}
	if strides := fortranStrides(h.shape); h.fortran && !rowMajor(h.shape, strides) {
		t.strides = strides
	}
	return t, nil
}

// splitNpy cuts a file into header and values.
func splitNpy(file []byte) (header string, data []byte, err error) {
	if !strings.HasPrefix(string(file[:min(len(file), len(npyMagic))]), npyMagic) {
		return "", nil, errors.New("it does not begin as a .npy file does")
	}
	rest := file[len(npyMagic):]
	if len(rest) < 4 {
		return "", nil, errors.New("it ends within its header")
	}
	length, rest := uint64(binary.LittleEndian.Uint16(rest[2:])), rest[4:]
	switch version := file[len(npyMagic)]; version {
	case 1:
	case 2, 3:
		if rest = file[len(npyMagic)+2:]; len(rest) < 4 {
			return "", nil, errors.New("it ends within its header")
		}
		length, rest = uint64(binary.LittleEndian.Uint32(rest)), rest[4:]
	default:
		return "", nil, brief.Errorf("version %d of the format is unknown", version)
	}
	if length > uint64(len(rest)) || length > maxHeader {
		return "", nil, brief.Errorf("it says that its header takes %d bytes, and %d follow", length, len(rest))
	}
	return string(rest[:length]), rest[length:], nil
}

// dtype is the type of the values, and whether their bytes are in the other order.
func (h npyHeader) dtype() (d DType, big, ok bool) {
	if len(h.descr) < 2 {
		return "", false, false
	}
	d, ok = npyTypes[h.descr[1:]]
	single := layouts[d].bytes == 1
	return d, h.descr[0] == '>' && !single, ok && (h.descr[0] == '<' || h.descr[0] == '>' || h.descr[0] == '|' && single)
}

// npyRefused says what the kinds of values are that are no numbers of this package's.
var npyRefused = map[byte]string{
	'O': "Python objects, which only code could read", 'U': "texts", 'S': "texts", 'c': "complex numbers", 'M': "dates", 'm': "spans of time",
	'V': "values without a type of NumPy's own, as those of bfloat16 are saved", 'f': "floats of an unusual width",
}

func (h npyHeader) refused() string {
	if h.descr == "" {
		return "it holds records of several fields, which is not supported"
	}
	kind := strings.TrimLeft(h.descr, "<>|=")
	if what := npyRefused[(kind + " ")[0]]; what != "" {
		return brief.Sprintf("its type %q, %s, is not supported", h.descr, what)
	}
	return brief.Sprintf("its type %q is not supported", h.descr)
}

// fortranStrides are those of an array whose first axis varies fastest.
func fortranStrides(shape []int) []int {
	strides := make([]int, len(shape))
	stride := 1
	for i, d := range shape {
		strides[i] = stride
		stride *= d
	}
	return strides
}

// swapped copies values of so many bytes with each in the other order.
func swapped(data []byte, width int) []byte {
	out := slices.Clone(data)
	for value := range slices.Chunk(out, width) {
		slices.Reverse(value)
	}
	return out
}

// literal reads Python's notation of what a header holds.
type literal struct{ rest string }

// npyMaxDims is how many axes an array of NumPy's has at most.
const npyMaxDims = 64

func parseNpyHeader(text string) (h npyHeader, err error) {
	l := &literal{text}
	if !l.take("{") {
		return h, errors.New("no dict")
	}
	seen := make(map[string]bool)
	for !l.take("}") {
		key, err := l.text()
		if err != nil {
			return h, err
		}
		if seen[key] || !l.take(":") {
			return h, brief.Errorf("key %q", key)
		}
		seen[key] = true
		if err := l.value(&h, key); err != nil {
			return h, brief.Errorf("%s: %w", key, err)
		}
		if !l.take(",") && !strings.HasPrefix(l.blank(), "}") {
			return h, errors.New("no comma between entries")
		}
	}
	if l.blank() != "" || len(seen) != 3 {
		return h, errors.New("want the keys descr, fortran_order and shape, and nothing else")
	}
	return h, nil
}

// blank drops blanks, and returns what follows.
func (l *literal) blank() string {
	l.rest = strings.TrimLeft(l.rest, " \t\r\n")
	return l.rest
}

// take drops a word if it comes next.
func (l *literal) take(word string) bool {
	rest, ok := strings.CutPrefix(l.blank(), word)
	l.rest = rest
	return ok
}

func (l *literal) value(h *npyHeader, key string) (err error) {
	switch key {
	case "descr":
		if strings.HasPrefix(l.blank(), "[") { // a list of fields: no key follows that would matter
			return l.skipFields()
		}
		h.descr, err = l.text()
	case "fortran_order":
		if h.fortran = l.take("True"); !h.fortran && !l.take("False") {
			err = errors.New("neither True nor False")
		}
	case "shape":
		h.shape, err = l.tuple()
	default:
		err = errors.New("an unknown key")
	}
	return err
}

// text reads a text in quotes. Those of a header hold no quotes and no backslashes.
func (l *literal) text() (string, error) {
	rest := l.blank()
	if rest == "" || rest[0] != '\'' && rest[0] != '"' {
		return "", errors.New("no text in quotes")
	}
	end := strings.IndexByte(rest[1:], rest[0])
	if end < 0 || strings.Contains(rest[:end+1], "\\") {
		return "", errors.New("a text without end")
	}
	l.rest = rest[end+2:]
	return rest[1 : end+1], nil
}

// skipFields drops a list in brackets.
func (l *literal) skipFields() error {
	depth := 0
	for i, r := range l.rest {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		if depth == 0 {
			l.rest = l.rest[i+1:]
			return nil
		}
	}
	return errors.New("a list without end")
}

// tuple reads whole numbers in parentheses.
func (l *literal) tuple() ([]int, error) {
	if !l.take("(") {
		return nil, errors.New("no tuple")
	}
	dims := []int{}
	for !l.take(")") {
		digits := l.blank()
		if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = digits[:end]
		}
		n, err := strconv.Atoi(digits)
		if err != nil || len(dims) == npyMaxDims {
			return nil, brief.Errorf("no tuple of at most %d sizes", npyMaxDims)
		}
		dims = append(dims, n)
		l.rest = l.rest[len(digits):]
		l.take("L") // Python 2's
		if !l.take(",") && !strings.HasPrefix(l.blank(), ")") {
			return nil, errors.New("no comma between sizes")
		}
	}
	return dims, nil
}
