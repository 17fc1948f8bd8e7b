package wholefile

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
)

// buffered is how many bytes are written at once.
const buffered = 1 << 20

// Write has a file filled and puts it at path when it is complete and on the disk. Its mode is less
// the umask.
func Write(path string, mode fs.FileMode, fill func(io.Writer) error) error {
	return write(path, mode, func(f *os.File) error {
		w := bufio.NewWriterSize(f, buffered)
		if err := fill(w); err != nil {
			return err
		}
		return errors.Join(w.Flush(), f.Sync())
	})
}

// WriteBytes is [Write] of what is at hand.
func WriteBytes(path string, mode fs.FileMode, content []byte) error {
	return write(path, mode, func(f *os.File) error {
		_, err := f.Write(content)
		return errors.Join(err, f.Sync())
	})
}

// WriteSoon is [WriteBytes] without waiting for the disk. After a power cut the file may be there
// and damaged: it is for readers that check what they read.
func WriteSoon(path string, mode fs.FileMode, content []byte) error {
	return write(path, mode, func(f *os.File) error {
		_, err := f.Write(content)
		return err
	})
}

// write renames the file before it closes it, and so holds the lock as long as it has its hidden
// name.
func write(path string, mode fs.FileMode, fill func(*os.File) error) error {
	f, err := hidden(path, func(temp string) (*os.File, error) {
		return os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode)
	})
	if err != nil {
		return err
	}
	if err = fill(f); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f.Close()
}
