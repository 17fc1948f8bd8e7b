package hub

// CacheDir is the folder of what was downloaded from the hub, shared with Hugging
// Face's own libraries. It need not exist.
func CacheDir() string { return Options{}.fromEnvironment().CacheDir }
