package weights

import (
	"archive/zip"
	"bytes"
	"hash/crc32"
	"io"
	"strings"
)

// An .npz file is a zip archive of .npy files, stored as they are (numpy.savez) or compressed
// (numpy.savez_compressed).

const npyEnding = ".npy"

// readNpz is the [reader] of an archive of arrays.
func readNpz(m *mapping) ([]Tensor, map[string]any, error) {
	z, err := zip.NewReader(bytes.NewReader(m.bytes), int64(len(m.bytes)))
	if err != nil {
		return nil, nil, damaged(m.path, "", "its zip directory cannot be read (%v)", err)
	}
	var tensors []Tensor
	for _, f := range z.File {
		name, isArray := strings.CutSuffix(f.Name, npyEnding)
		if !isArray {
			return nil, nil, unsupported(m.path, "", "its entry %q is no %s file: it is not an archive of NumPy's", f.Name, npyEnding)
		}
		content, err := unpacked(m, f)
		if err != nil {
			return nil, nil, err
		}
		t, err := parseNpy(m.path, name, content)
		if err != nil {
			return nil, nil, err
		}
		tensors = append(tensors, t)
	}
	return tensors, nil, nil
}

// unpacked is the content of an entry: the mapped bytes where it is stored as it is.
func unpacked(m *mapping, f *zip.File) ([]byte, error) {
	switch f.Method {
	case zip.Store:
		return storedEntry(m, f)
	case zip.Deflate:
		return inflated(m, f)
	}
	return nil, unsupported(m.path, f.Name, "its compression, method %d, is not supported; save it with numpy.savez or savez_compressed", f.Method)
}

func storedEntry(m *mapping, f *zip.File) ([]byte, error) {
	from, err := f.DataOffset()
	if err != nil || from < 0 || from > int64(len(m.bytes)) {
		return nil, damaged(m.path, f.Name, "its entry cannot be found (%v)", err)
	}
	size, rest := f.UncompressedSize64, m.bytes[from:]
	if size > uint64(len(rest)) {
		return nil, damaged(m.path, f.Name, "its entry reaches past the end")
	}
	content := rest[:size:size]
	if crc32.ChecksumIEEE(content) != f.CRC32 {
		return nil, damaged(m.path, f.Name, "its checksum is another")
	}
	return content, nil
}

// mostInflated is how many bytes one byte of a deflated stream can become.
const mostInflated = 1032

// inflated unpacks an entry. Memory is taken as bytes come, not as the directory promises.
func inflated(m *mapping, f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > mostInflated*(f.CompressedSize64+1) {
		return nil, damaged(m.path, f.Name, "%d bytes cannot become %d", f.CompressedSize64, f.UncompressedSize64)
	}
	r, err := f.Open()
	if err != nil {
		return nil, damaged(m.path, f.Name, "its entry cannot be unpacked (%v)", err)
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, int64(f.UncompressedSize64)+1))
	if err != nil || uint64(len(content)) != f.UncompressedSize64 {
		return nil, damaged(m.path, f.Name, "its entry cannot be unpacked (%v)", err)
	}
	return content, nil
}
