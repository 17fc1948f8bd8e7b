package hooked

import "gopherlens/internal/weights"

// ReadConfig reads the configuration of a folder without its weights, for the fuzz test of configurations.
func ReadConfig(dir string) (Config, error) {
	_, cfg, err := readConfig(dir, new(weights.File))
	if err != nil {
		return cfg, err
	}
	cfg.weightSpecs() // which must be finite
	return cfg, nil
}
