package hub

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultEndpoint is the hub where HF_ENDPOINT does not name another.
const DefaultEndpoint = "https://huggingface.co"

// Options says where and how to look. The zero value takes everything from the
// environment, as Hugging Face's own libraries do.
type Options struct {
	// Revision is a branch, tag or commit. Training checkpoints are branches: step1000
	// for Pythia, checkpoint-1000 for Stanford's GPT-2. Empty means main.
	Revision string
	// Offline forbids the network; HF_HUB_OFFLINE=1 does too.
	Offline bool
	// TokenizerOnly leaves the weights out: for a model that uses another's tokenizer.
	TokenizerOnly bool
	// Progress, if set, is called as a file arrives: bytes so far and in all (-1 if the
	// hub does not say). Calls come one at a time.
	Progress func(file string, done, total int64)

	CacheDir string // default: HF_HUB_CACHE, else hub in HF_HOME, else ~/.cache/huggingface/hub
	Endpoint string // default: HF_ENDPOINT, else [DefaultEndpoint]
	Token    string // default: HF_TOKEN, else the token file; sent to the endpoint only

	backoff backoff // how long to wait between attempts; set in tests only
}

// fromEnvironment fills in what the caller left open.
func (o Options) fromEnvironment() Options {
	home := huggingFaceHome()
	o.Revision = cmp.Or(o.Revision, "main")
	o.Offline = o.Offline || isTrue(os.Getenv("HF_HUB_OFFLINE")) || isTrue(os.Getenv("TRANSFORMERS_OFFLINE"))
	o.CacheDir = cmp.Or(o.CacheDir, expandHome(os.Getenv("HF_HUB_CACHE")),
		expandHome(os.Getenv("HUGGINGFACE_HUB_CACHE")), filepath.Join(home, "hub"))
	o.Endpoint = strings.TrimRight(cmp.Or(o.Endpoint, os.Getenv("HF_ENDPOINT"), DefaultEndpoint), "/")
	o.Token = strings.TrimSpace(cmp.Or(o.Token, os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN"), tokenFromFile(home)))
	if o.backoff == (backoff{}) {
		o.backoff = defaultBackoff
	}
	return o
}

// SwitchedOff tells whether the environment forbids the network.
func SwitchedOff() bool { return Options{}.fromEnvironment().Offline }

// Token is the token in use, or empty. It is sent to the hub, and shown to nobody.
func Token() string { return Options{}.fromEnvironment().Token }

// huggingFaceHome is where Hugging Face's libraries keep everything.
func huggingFaceHome() string {
	if home := os.Getenv("HF_HOME"); home != "" {
		return expandHome(home)
	}
	cache := cmp.Or(os.Getenv("XDG_CACHE_HOME"), expandHome("~/.cache"))
	return filepath.Join(cache, "huggingface")
}

// tokenFromFile reads the token that `huggingface-cli login` stored, of today or of
// long ago. None is not an error: public models need none.
func tokenFromFile(home string) string {
	text, _ := readToken(home)
	return text
}

func readToken(home string) (token, path string) {
	for _, path := range []string{os.Getenv("HF_TOKEN_PATH"), filepath.Join(home, "token"), expandHome("~/.huggingface/token")} {
		if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
			return string(text), path
		}
	}
	return "", ""
}

// TokenSource is where the token for the hub comes from, the name of a variable or of a
// file, or nothing if there is none. It never returns the token.
func TokenSource() string {
	for _, name := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	_, path := readToken(huggingFaceHome())
	return path
}

// expandHome replaces a leading ~, which a shell leaves alone inside quotes.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if home, err := os.UserHomeDir(); ok && err == nil {
		return filepath.Join(home, rest)
	}
	return path
}

// isTrue reads a switch as Hugging Face's libraries do.
func isTrue(value string) bool {
	return slices.Contains([]string{"1", "ON", "YES", "TRUE"}, strings.ToUpper(value))
}
