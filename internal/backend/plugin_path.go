package backend

// PluginPath is the file of a plugin: of a path that of an existing file, of a name ("cpu") the
// first in PluginDirs, of "" the one that the rule of this package would use.
func PluginPath(plugin string) (string, error) { return pluginPath(plugin) }
