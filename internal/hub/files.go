package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// The modes of what is made in the cache, less the user's umask, as Hugging Face's
// libraries do it: a cache that a group shares stays shared.
const (
	fileMode   = 0o666
	folderMode = 0o777
)

// openOwn opens a file for reading and writing, or makes it. It does not follow a
// link: somebody else who may write to a shared cache could point it at any file of
// this user's.
func openOwn(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, fileMode)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link, which no download makes: remove it", path)
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(fmt.Errorf("%s is not a regular file: remove it", path), err)
	}
	return f, nil
}

// makeEmpty makes an empty file unless there is something of that name.
func makeEmpty(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}
