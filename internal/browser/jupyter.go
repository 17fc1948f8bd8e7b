package browser

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Settings writes JupyterLab's settings, by the file's name such as
// "notebook-extension/tracker", into a folder of the test's own, with those that keep it offline.
// It returns the environment in which a lab has them, and nothing of the user's.
func Settings(t *testing.T, settings map[string]string) (env []string) {
	t.Helper()
	home := t.TempDir()
	all := map[string]string{"apputils-extension/notification": `{"fetchNews": "false", "checkForUpdates": false}`}
	for name, content := range settings {
		all[name] = content
	}
	for name, content := range all {
		path := filepath.Join(home, "settings", "@jupyterlab", name+".jupyterlab-settings")
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return append(os.Environ(), "JUPYTER_CONFIG_DIR="+home, "JUPYTER_RUNTIME_DIR="+filepath.Join(home, "runtime"),
		"JUPYTERLAB_SETTINGS_DIR="+filepath.Join(home, "settings"), "JUPYTERLAB_WORKSPACES_DIR="+filepath.Join(home, "workspaces"))
}

// Serve runs the command of a lab that listens at a port of this machine, and returns its address
// when it answers. It ends with the test, and its kernels with it; its log is shown if the test
// failed.
func Serve(t *testing.T, cmd *exec.Cmd, port int) (url string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(t, cmd, log.Name()) })
	url = fmt.Sprintf("http://localhost:%d", port)
	for range 120 {
		if resp, err := http.Get(url + "/api"); err == nil {
			resp.Body.Close()
			return url
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Fatal("JupyterLab did not answer within a minute")
	return ""
}

// end asks a lab to end, so that it ends its kernels, and then ends what is left of its group.
func end(t *testing.T, cmd *exec.Cmd, log string) {
	cmd.Process.Signal(syscall.SIGTERM)
	group := func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	late := time.AfterFunc(20*time.Second, group)
	cmd.Wait()
	late.Stop()
	group()
	if text, err := os.ReadFile(log); err == nil && t.Failed() {
		t.Logf("the lab's log ends\n%s", text[max(0, len(text)-4000):])
	}
}

// FreePort is a port of this machine on which nobody listens.
func FreePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
