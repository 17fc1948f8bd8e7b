package circuits

import (
	"errors"
	"io"
	"maps"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"

	"gopherlens/internal/brief"
	"gopherlens/internal/nearest"
)

// The kinds of transcoders, as circuit-tracer's config.yaml has them.
const (
	kindPerLayer   = "transcoder_set"
	kindCrossLayer = "cross_layer_transcoder"
)

const configFile = "config.yaml"

// config is circuit-tracer's config.yaml.
type config struct {
	Model string   `yaml:"model_name"`
	Kind  string   `yaml:"model_kind"`
	In    string   `yaml:"feature_input_hook"`
	Out   string   `yaml:"feature_output_hook"`
	Scan  string   `yaml:"scan,omitempty"`
	Paths []string `yaml:"transcoders,omitempty"` // files of per-layer ones, layer by layer
}

// configFields are the names of its fields.
var configFields = []string{"model_name", "model_kind", "feature_input_hook", "feature_output_hook", "scan", "transcoders"}

// largestConfig bounds what is read of a config.yaml, in bytes.
const largestConfig = 1 << 20

// readConfig reads a config.yaml. A field that nobody knows is an error, since it may change what
// is computed.
func readConfig(path string) (config, error) {
	file, err := os.Open(path)
	if err != nil {
		return config{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, largestConfig+1))
	switch {
	case err != nil:
		return config{}, err
	case len(data) > largestConfig:
		return config{}, brief.Errorf("%s: larger than %d bytes, which no configuration is", configFile, largestConfig)
	}
	var c config
	var all map[string]any
	for _, into := range []any{&all, &c} {
		if err := yaml.Unmarshal(data, into); err != nil {
			return c, brief.Errorf("%s: %w", configFile, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !slices.Contains(configFields, name) {
			return c, brief.Errorf("%s: field %q is not known%s; known: %s", configFile, name, nearest.Hint(name, configFields), brief.Names(configFields))
		}
	}
	return c, c.check()
}

func (c config) check() error {
	var errs []error
	for _, field := range []struct{ name, value string }{
		{"model_kind", c.Kind}, {"feature_input_hook", c.In}, {"feature_output_hook", c.Out}} {
		if field.value == "" {
			errs = append(errs, brief.Errorf("%s: field %q is missing", configFile, field.name))
		}
	}
	switch {
	case c.Kind != "" && c.Kind != kindPerLayer && c.Kind != kindCrossLayer:
		errs = append(errs, brief.Errorf("%s: field %q = %q is not supported; known: %s, %s", configFile, "model_kind", c.Kind, kindPerLayer, kindCrossLayer))
	case c.In == c.Out && c.In != "":
		errs = append(errs, brief.Errorf("%s: feature_input_hook and feature_output_hook are both %q", configFile, c.In))
	case c.Kind == kindCrossLayer && len(c.Paths) > 0:
		errs = append(errs, brief.Errorf("%s: field %q is for per-layer transcoders; Gemma Scope 2's cross-layer ones are not supported", configFile, "transcoders"))
	}
	return errors.Join(errs...)
}
