package wire

import (
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// memoryFile returns an anonymous file that holds b, sealed so that whoever
// receives it can map it and rely on its length: a mapping of a file that is
// cut short kills the process that touches it.
//
// Writing the file costs less than mapping and copying: whole pages are filled
// without being zeroed first.
func memoryFile(b []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("gopherlens", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("resident: no memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), "memfd:gopherlens")
	if _, err := f.Write(b); err != nil {
		f.Close()
		return nil, fmt.Errorf("resident: writing %d bytes of shared memory: %w", len(b), err)
	}
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, fmt.Errorf("resident: sealing shared memory: %w", err)
	}
	return f, nil
}

const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// checkMemory refuses a passed file that is shorter than promised or that the
// sender could still cut short or change.
func checkMemory(f *os.File, length int64) error {
	have, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || have&seals != seals {
		return fmt.Errorf("resident: %w: a descriptor that is no sealed memory file", ErrMalformed)
	}
	info, err := f.Stat()
	if err != nil || info.Size() < length {
		return fmt.Errorf("resident: %w: a memory file shorter than announced", ErrMalformed)
	}
	return nil
}

// View gives read-only access to the data while use runs, without copying it.
func (d Data) View(use func([]byte) error) error {
	if d.refused != nil {
		return d.refused
	}
	if d.File == nil || d.length == 0 {
		return use(d.Bytes)
	}
	b, err := unix.Mmap(int(d.File.Fd()), 0, int(d.length), unix.PROT_READ, unix.MAP_SHARED|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("resident: mapping %d bytes of shared memory: %w", d.length, err)
	}
	defer unix.Munmap(b)
	return use(b)
}

func sendWithFile(c *net.UnixConn, b []byte, f *os.File) error {
	n, _, err := c.WriteMsgUnix(b, syscall.UnixRights(int(f.Fd())), nil)
	if err != nil || n == len(b) {
		return err
	}
	_, err = c.Write(b[n:]) // the descriptor has gone with the first bytes
	return err
}

// receiveSome reads what is there, at least one byte, and the descriptor that
// came with it, if any.
func receiveSome(c *net.UnixConn, b []byte) (int, *os.File, error) {
	oob := make([]byte, syscall.CmsgSpace(int(unsafe.Sizeof(int32(0)))))
	n, oobn, flags, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		return 0, nil, err
	}
	file := passedFile(oob[:oobn])
	if flags&syscall.MSG_CTRUNC != 0 {
		if file != nil {
			file.Close()
		}
		return 0, nil, fmt.Errorf("resident: %w: more than one descriptor", ErrMalformed)
	}
	if n == 0 {
		return 0, nil, io.EOF
	}
	return n, file, nil
}

func passedFile(oob []byte) *os.File {
	if len(oob) == 0 {
		return nil
	}
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil || len(messages) == 0 {
		return nil
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return nil
	}
	syscall.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "memfd:received")
}

// PeerIsMe reports whether the process at the other end runs as this user, and
// its process id. The socket's mode says the same; this holds even if the
// folder's has been loosened.
func PeerIsMe(c *net.UnixConn) (pid int, ok bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || credErr != nil {
		return 0, false
	}
	return int(cred.Pid), int(cred.Uid) == os.Geteuid()
}
