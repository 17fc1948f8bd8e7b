package hooked

// A Family is a kind of model that [FromPretrained], [EncoderFromPretrained] or
// [EncoderDecoderFromPretrained] loads.
type Family struct {
	Name    string `json:"name"`              // of its models, such as "Gemma 2"
	Class   string `json:"class"`             // in config.json, such as "Gemma2ForCausalLM"
	GGUF    string `json:"gguf,omitempty"`    // general.architecture in GGUF files; empty if none are read
	Encoder bool   `json:"encoder,omitempty"` // loaded by EncoderFromPretrained
	// loaded by EncoderDecoderFromPretrained
	EncoderDecoder bool `json:"encoder_decoder,omitempty"`
}

// Families lists what can be loaded, one entry a class. What else may stand in the files of a
// family is in its configuration's class: fields that are not known are refused by name.
func Families() []Family {
	var all []Family
	for _, a := range architectures {
		all = append(all, Family{Name: a.name, Class: a.class, GGUF: a.gguf, Encoder: a.encoder, EncoderDecoder: a.encoderDecoder})
	}
	return all
}
