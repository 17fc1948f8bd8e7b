package backend

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"gopherlens/internal/cachedir"
)

// PluginFile is the name under which gopherlens setup keeps the CPU plugin.
const PluginFile = "pjrt_c_api_cpu_plugin.so"

// pluginPathsEnv is go-xla's list of folders that hold plugins.
const pluginPathsEnv = "PJRT_PLUGIN_LIBRARY_PATH"

// A Plugin is a PJRT plugin's file: XLA for one kind of device.
type Plugin struct {
	Device string // "cpu", "cuda", "rocm" or "metal"
	Path   string // absolute
}

// devices lists the kinds of plugin in order of preference. A card's plugin
// counts only where there is a card: without one it fails when it is opened.
var devices = []struct {
	name   string
	usable func() bool
}{
	{"cuda", func() bool { return matches("/dev/nvidia[0-9]*") }}, // the driver's device files
	{"rocm", func() bool { return matches("/dev/kfd") }},
	{"metal", func() bool { return runtime.GOOS == "darwin" }},
	{"cpu", func() bool { return true }},
}

// FindPlugin returns the plugin that the rule of this package would use.
func FindPlugin() (Plugin, bool) {
	for _, device := range devices {
		if !device.usable() {
			continue
		}
		if path, found := find(device.name); found {
			return Plugin{Device: device.name, Path: path}, true
		}
	}
	return Plugin{}, false
}

// systemDir is where go-xla installs plugins for all users. A variable for tests.
var systemDir = "/usr/local/lib/go-xla"

// PluginDirs lists the folders that are searched for plugins, nearest first:
// what gopherlens setup installs, the user's own list, where go-xla installs.
func PluginDirs() []string {
	var dirs []string
	if own, err := cachedir.Join("pjrt"); err == nil {
		dirs = append(dirs, own)
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv(pluginPathsEnv))...)
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".local", "lib", "go-xla"))
	}
	return append(dirs, systemDir)
}

// find returns the first plugin for device in PluginDirs. go-xla keeps the CUDA
// plugin one level down, in nvidia/, beside the libraries that it loads.
func find(device string) (string, bool) {
	for _, dir := range PluginDirs() {
		for _, pattern := range []string{"pjrt_c_api_%s_plugin.so", "pjrt_c_api_%s_plugin.dylib", "pjrt_c_api_%s_v*_plugin.so"} {
			file := fmt.Sprintf(pattern, device)
			for _, place := range []string{file, filepath.Join("nvidia", file)} {
				if path, found := firstFile(filepath.Join(dir, place)); found {
					return path, true
				}
			}
		}
	}
	return "", false
}

// firstFile returns the first regular file that matches pattern, as an absolute
// path: go-xla takes any other for a plugin's name and searches, or downloads.
func firstFile(pattern string) (string, bool) {
	// its one error is a bad pattern: a folder named with a bracket
	matches, _ := filepath.Glob(pattern)
	for _, match := range matches {
		if info, err := os.Stat(match); err == nil && info.Mode().IsRegular() {
			path, err := filepath.Abs(match)
			return path, err == nil
		}
	}
	return "", false
}

// deviceName is how a plugin is named in short, "cpu" in "xla:cpu".
var deviceName = regexp.MustCompile(`^[a-z0-9_.]*$`)

// pluginPath turns what stands behind "xla:" into the path of a file that exists.
func pluginPath(plugin string) (string, error) {
	if plugin == "" {
		found, ok := FindPlugin()
		if !ok {
			return "", missing("no PJRT plugin", "")
		}
		return found.Path, nil
	}
	if !filepath.IsAbs(plugin) {
		if !deviceName.MatchString(plugin) {
			return "", fmt.Errorf("%q is no plugin's name; give an absolute path, cpu, cuda, rocm or metal", plugin)
		}
		path, ok := find(plugin)
		if !ok {
			return "", missing(fmt.Sprintf("no PJRT plugin for %q", plugin), plugin)
		}
		return path, nil
	}
	if info, err := os.Stat(plugin); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("there is no plugin file %s; `gopherlens setup` installs one, "+
			"and without GOMLX_BACKEND the best one present is used", plugin)
	}
	return plugin, nil
}

// installs are the plugins that set-up has for cards, by the name of the device.
var installs = map[string]string{"cuda": "cuda13", "rocm": "rocm", "metal": "metal"}

// missing says where a plugin was looked for and what to do.
func missing(what, device string) error {
	how := "`gopherlens setup` installs the one for the CPU"
	if name := installs[device]; name != "" {
		how = "`gopherlens setup --plugin " + name + "` installs it"
	}
	return fmt.Errorf("%s in %s; %s, GOMLX_BACKEND=go does without", what, strings.Join(PluginDirs(), ", "), how)
}

// matches tells whether there is a file of this pattern.
func matches(pattern string) bool {
	files, _ := filepath.Glob(pattern) // the patterns are good
	return len(files) > 0
}
