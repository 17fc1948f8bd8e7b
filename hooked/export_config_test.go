package hooked

import (
	"maps"
	"slices"

	"gopherlens/internal/weights"
)

// ReadConfig reads the configuration of a folder without its weights, for the fuzz test of
// configurations.
func ReadConfig(dir string) (Config, error) {
	_, cfg, _, err := readConfig(dir, new(weights.File))
	if err != nil {
		return cfg, err
	}
	cfg.weightSpecs() // which must be finite
	return cfg, nil
}

// ReadConfigFile reads a configuration of Hugging Face's, whatever the file's name.
func ReadConfigFile(path string) (Config, error) {
	_, cfg, _, err := readConfigFile(path)
	return cfg, err
}

// Defaults is the table of defaults of the family that a config.json calls so in its architectures.
func Defaults(class string) map[string]any {
	i := slices.IndexFunc(architectures, func(a *architecture) bool { return a.class == class })
	if i < 0 {
		return nil
	}
	return architectures[i].defaults
}

// ReadGGUF reads the configuration of a GGUF file with some of its metadata changed; nil takes a
// key away.
func ReadGGUF(path string, changes map[string]any) (Config, error) {
	file, err := weights.Open(path)
	if err != nil {
		return Config{}, err
	}
	defer file.Close()
	metadata := maps.Clone(file.Metadata())
	for key, value := range changes {
		if metadata[key] = value; value == nil {
			delete(metadata, key)
		}
	}
	arch, f, err := ggufFields(metadata)
	if err != nil {
		return Config{}, err
	}
	cfg, _, err := arch.read(f)
	return cfg, err
}
