package setup

import "gopherlens/internal/backend"

// A Plugin is a build of XLA for one kind of device and one platform, that go-xla v0.4.5 can load.
// go-xla's own installer is not used: of what it downloads and loads, it checks no checksum for
// the CPU and for ROCm.
type Plugin struct {
	Name     string // as setup --plugin takes it
	For      string // the device, for a reader
	Platform string // as Go names it
	Library  WheelFile

	// Packages are those of the libraries that the plugin loads, a file's name in folder
	// packages; empty where one wheel holds all.
	Packages string

	// Needs says what else must be there, which no package brings.
	Needs string

	// Everywhere is set where any machine of the platform has the device: set-up then installs
	// the plugin without being asked, and tries it.
	Everywhere bool

	// Tried is set where somebody has computed with it for this repository.
	Tried bool
}

// plugins lists what set-up can install. Those of one name are for different platforms. All but
// Metal's are of XLA as jaxlib 0.11.2 has it. Package fastatomstruct-xla-cpu has another CPU
// plugin, which passes the same tests and takes a tenth to a third more of the processor's time: as
// large to download (63 MB), larger on disk (274 MB), of an older XLA (API 0.106, here 0.115), and
// a single version by one small group, as this one is.
var plugins = []Plugin{
	{
		Name: "cpu", For: "the CPU", Platform: "linux/amd64", Everywhere: true, Tried: true,
		Library: WheelFile{
			Package: "lammps-jax-pjrt-cpu", Version: "0.11.2",
			WheelSHA256: "1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1",
			Member:      "lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so",
			SHA256:      "ad1309ac822b1b24d51b7f9947c7c9fa9ef5d67f390584cbc3d1fa2428fed9c2", Size: 201600336,
			Target: []string{"pjrt", backend.PluginFile},
		},
	},
	{
		Name: "cuda13", For: "Nvidia cards, CUDA 13", Platform: "linux/amd64", Packages: "cuda13.txt",
		Needs: "Nvidia's driver 580 or newer",
		Library: WheelFile{
			Package: "jax-cuda13-pjrt", Version: "0.11.2",
			WheelSHA256: "e5ff589d43064913bb74027682d89639c7ea48f9f81c2bae6fc75117e913f93e",
			Member:      "jax_plugins/xla_cuda13/xla_cuda_plugin.so",
			SHA256:      "43d3efd6fd43d8a5d9aa67176e830d81e4ad5fc19fda4ad09cdcc4aebd9f3920", Size: 411465856,
			Target: cudaPlugin,
		},
	},
	{
		Name: "cuda13", For: "Nvidia cards, CUDA 13", Platform: "linux/arm64", Packages: "cuda13.txt",
		Needs: "Nvidia's driver 580 or newer",
		Library: WheelFile{
			Package: "jax-cuda13-pjrt", Version: "0.11.2",
			WheelSHA256: "63b55e50e5c2583a25e196ba06b034b63d2b2d8ad4c2f17935652c8d3ad2dd2d",
			Member:      "jax_plugins/xla_cuda13/xla_cuda_plugin.so",
			SHA256:      "13c2f3f1db33410335ac61853832946f4184140f5d82e17d49b112f51cc00fa3", Size: 397287696,
			Target: cudaPlugin,
		},
	},
	{
		Name: "cuda12", For: "Nvidia cards, CUDA 12", Platform: "linux/amd64", Packages: "cuda12.txt",
		Needs: "Nvidia's driver 525 or newer",
		Library: WheelFile{
			Package: "jax-cuda12-pjrt", Version: "0.11.2",
			WheelSHA256: "2133b3afc63307c016ae4980f166b2b3de199759363ead74f7d550eaae953463",
			Member:      "jax_plugins/xla_cuda12/xla_cuda_plugin.so",
			SHA256:      "ed4d60d77427548709ca0b5a8e04c1b24cc0091452bb564e4aea01e03ae7eac1", Size: 497519016,
			Target: cudaPlugin,
		},
	},
	{
		Name: "cuda12", For: "Nvidia cards, CUDA 12", Platform: "linux/arm64", Packages: "cuda12.txt",
		Needs: "Nvidia's driver 525 or newer",
		Library: WheelFile{
			Package: "jax-cuda12-pjrt", Version: "0.11.2",
			WheelSHA256: "f36247d40973b20acf3c69dac7c9c720daaa4096a809b3e8fd70292be617cdeb",
			Member:      "jax_plugins/xla_cuda12/xla_cuda_plugin.so",
			SHA256:      "3f74f6b36f69c23e97de3e25b47ece87d62ace42bd89355aa9e197c3c5038b64", Size: 483042032,
			Target: cudaPlugin,
		},
	},
	{
		Name: "rocm", For: "AMD cards, ROCm 7", Platform: "linux/amd64",
		Needs: "ROCm 7 in /opt/rocm",
		Library: WheelFile{
			Package: "jax-rocm7-pjrt", Version: "0.11.2",
			WheelSHA256: "f673c6b3ffec3001e259c766ab85415926cfe12f548429f0a41c410b62b0937b",
			Member:      "jax_plugins/xla_rocm7/xla_rocm_plugin.so",
			SHA256:      "eebfab09428af337d3a8847becd115f664ff40da31442b41d6e4293d0b3ca455", Size: 482734064,
			Target: []string{"pjrt", "pjrt_c_api_rocm_plugin.so"},
		},
	},
	{
		Name: "metal", For: "Apple's GPUs", Platform: "darwin/arm64",
		Needs: "macOS 26 or newer, and Python 3.12 or newer in .venv",
		Library: WheelFile{
			Package: "metal-pjrt-core", Version: "0.0.5",
			WheelSHA256: "6f6cde411b7b2ef08bd3afc48b68bf09df52ef20007ff3321bf13ab885e7bbfe",
			Member:      "metal_pjrt_core/pjrt_c_api_mtl_plugin.dylib",
			SHA256:      "c268830cbd7b326c9fe43da95ae41359557234717b7dddd95103f3aff426bdcc", Size: 236829256,
			Target: []string{"pjrt", "pjrt_c_api_metal_plugin.dylib"},
		},
	},
}

// cudaPlugin lies beside the libraries that it loads: it looks for them in ../nvidia.
var cudaPlugin = []string{"pjrt", "nvidia", "pjrt_c_api_cuda_plugin.so"}
