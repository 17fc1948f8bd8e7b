package setup

import (
	"context"
	"os"

	"gopherlens/internal/cachedir"
)

// withoutCUDA says why the CUDA plugin is not installed.
func withoutCUDA(s *Setup) string {
	if s.CUDA {
		return withoutXLA(s)
	}
	return "not asked for: gopherlens setup -cuda"
}

// cudaPlugin is where go-xla's installer puts the CUDA plugin: beside the
// libraries that it loads.
func cudaPlugin() (string, error) {
	return cachedir.Join("pjrt", "nvidia", "pjrt_c_api_cuda_plugin.so")
}

func whereCUDA(*Setup) (string, error) { return cudaPlugin() }

func cudaDone(context.Context, *Setup) (bool, error) {
	path, err := cudaPlugin()
	if err != nil {
		return false, err
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular(), nil
}

// installCUDA gets the CUDA plugin and Nvidia's libraries from go-xla's
// installer. They are not tried: a container is often built without a card.
func installCUDA(ctx context.Context, s *Setup) error {
	_, err := command{args: []string{s.Self, "setup", "-upstream-plugin", "cuda"}}.run(ctx)
	return err
}
