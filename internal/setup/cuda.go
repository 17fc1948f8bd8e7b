package setup

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"gopherlens/internal/cachedir"
)

// cudaPackages lists the plugin and the libraries that it loads, with checksums.
//
//go:embed cuda.txt
var cudaPackages []byte

// cudaPlatform is the one platform that they are for.
const cudaPlatform = "linux/amd64"

// withoutCUDA says why the CUDA plugin is not installed.
func withoutCUDA(s *Setup) string {
	switch {
	case !s.CUDA:
		return "not asked for: gopherlens setup -cuda"
	case platform() != cudaPlatform:
		return "there is one for " + cudaPlatform + " only"
	}
	return withoutXLA(s)
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// cudaDir holds the CUDA plugin beside the libraries that it loads: it looks for them in
// ../nvidia.
func cudaDir() (string, error) { return cachedir.Join("pjrt", "nvidia") }

const cudaPluginFile = "pjrt_c_api_cuda_plugin.so"

func whereCUDA(*Setup) (string, error) {
	dir, err := cudaDir()
	return filepath.Join(dir, cudaPluginFile), err
}

// cudaStamp is the file that holds the checksum of the list that the folder was made from.
func cudaStamp(dir string) string { return filepath.Join(dir, "packages.sha256") }

func cudaSum() string {
	sum := sha256.Sum256(cudaPackages)
	return hex.EncodeToString(sum[:])
}

func cudaDone(_ context.Context, s *Setup) (bool, error) {
	path, err := whereCUDA(s)
	if err != nil {
		return false, err
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && hasStamp(cudaStamp(filepath.Dir(path)), cudaSum()), nil
}

// installCUDA has pip fetch and check the packages, and takes the files out of them. They
// are not tried: a container is often built without a card.
func installCUDA(ctx context.Context, s *Setup) error {
	target, err := cudaDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(target), ".download-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s.tell(func() string { return megabytesIn(dir) })
	list := filepath.Join(dir, "cuda.txt")
	if err := os.WriteFile(list, bytes.TrimSpace(cudaPackages), 0o644); err != nil {
		return err
	}
	site := filepath.Join(dir, "site")
	pip := command{dir: dir, env: []string{"TMPDIR=" + dir},
		args: s.pip("install", "--no-cache-dir", "--no-compile", "--target", site, "--requirement", list)}
	if _, err := pip.run(ctx); err != nil {
		return err
	}
	made, err := arrangeCUDA(site)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(made, target)
}

// arrangeCUDA turns what pip has made into the folder that the plugin and XLA expect:
// the libraries, the plugin among them, and bin/ptxas, which compiles for the card.
func arrangeCUDA(site string) (string, error) {
	plugins, _ := filepath.Glob(filepath.Join(site, "jax_plugins", "xla_cuda*", "xla_cuda_plugin.so")) // the pattern is good
	if len(plugins) != 1 {
		return "", fmt.Errorf("the packages hold %d plugins, expected one", len(plugins))
	}
	made := filepath.Join(site, "nvidia")
	if err := os.Rename(plugins[0], filepath.Join(made, cudaPluginFile)); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(made, "bin"), 0o755); err != nil {
		return "", err
	}
	assembler, _ := filepath.Glob(filepath.Join(made, "cu*", "bin", "ptxas")) // as above
	if len(assembler) != 1 {
		return "", fmt.Errorf("the packages hold %d programs ptxas, expected one", len(assembler))
	}
	relative, err := filepath.Rel(filepath.Join(made, "bin"), assembler[0])
	if err != nil {
		return "", err
	}
	if err := os.Symlink(relative, filepath.Join(made, "bin", "ptxas")); err != nil {
		return "", err
	}
	return made, writeStamp(cudaStamp(made), cudaSum())
}
