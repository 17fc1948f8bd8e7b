package tokenize_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"gopherlens/tokenize"
)

// odd are texts that splitting, merging or decoding could trip over.
var odd = []string{
	"", " ", "\n", "a  b", "don't 'LL", " \n\n x", "1234 ½ ٣", "日本語\u3000テスト", "e\u0301\u0327", "\U00010043\u0327",
	"😀👨‍👩‍👧", "<|endoftext|>", "a<|endoftext|> b", "\x00\x01", "\xff\xfe", "\xe6\x97", "▁ ▁", "<0x41>", "\u017f's'ſ",
}

// A byte-level tokenizer loses nothing: any bytes come back, and the tokens' places
// cover the text without gaps.
func FuzzRoundTrip(f *testing.F) {
	for _, text := range odd {
		f.Add(text)
	}
	tok := load(f, unpack(f, "gpt2"))
	f.Fuzz(func(t *testing.T, text string) {
		e, err := tok.Offsets(text)
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := tok.DecodeBytes(e.IDs)
		if err != nil || string(bytes) != text {
			t.Errorf("DecodeBytes(Encode(%q)) = %q, %v", text, bytes, err)
		}
		decoded, err := tok.Decode(e.IDs)
		if err != nil || utf8.ValidString(text) && decoded != text {
			t.Errorf("Decode(Encode(%q)) = %q, %v", text, decoded, err)
		}
		end := 0
		for i, s := range e.Spans {
			if s.Start != end || s.End <= s.Start {
				t.Errorf("Offsets(%q): token %d at %v, want it to begin at %d", text, i, s, end)
			}
			end = s.End
		}
		if end != len(text) {
			t.Errorf("Offsets(%q) end at %d, want %d", text, end, len(text))
		}
	})
}

// The two ways to the ids, with and without places, agree for every algorithm;
// text that is not UTF-8 is refused, not changed.
func FuzzEncode(f *testing.F) {
	for _, text := range odd {
		f.Add(text)
	}
	var all []*tokenize.Tokenizer
	folders := trainedFolders(f)
	for _, folder := range folders {
		all = append(all, load(f, unpack(f, folder)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for i, tok := range all {
			ids, err := tok.Encode(text)
			e, err2 := tok.Offsets(text)
			if (err != nil) != (err2 != nil) || !slices.Equal(ids, e.IDs) {
				t.Errorf("%s: Encode(%q) = %v, %v; Offsets: %v, %v", folders[i], text, ids, err, e.IDs, err2)
			}
			if err != nil {
				if utf8.ValidString(text) {
					t.Errorf("%s: Encode(%q): %v", folders[i], text, err)
				}
				continue
			}
			if _, err := tok.Decode(ids); err != nil {
				t.Errorf("%s: Decode(%v): %v", folders[i], ids, err)
			}
			checkInside(t, text, e.Spans)
		}
	})
}

// checkInside checks that spans lie in the text.
func checkInside(t *testing.T, text string, spans []tokenize.Span) {
	for _, s := range spans {
		if s.Start < 0 || s.End < s.Start || s.End > len(text) {
			t.Errorf("Offsets(%q): span %v", text, s)
		}
	}
}

// Whatever tokenizer.json holds, Load returns a tokenizer that works or an error.
func FuzzLoad(f *testing.F) {
	for _, small := range brokenFiles {
		f.Add([]byte(small.text))
	}
	for _, hostile := range hostileFiles {
		if len(hostile.file) < 4000 && !strings.Contains(hostile.name, "slow") {
			f.Add([]byte(hostile.file))
		}
	}
	for _, name := range []string{"bert-cased", "llama2", "unigram-bytes", "llama3"} {
		data := readFixture(f, filepath.Join("trained", name), "tokenizer.json")
		f.Add(data[:min(len(data), 3000)])
	}
	path := filepath.Join(f.TempDir(), "tokenizer.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		checkLoads(t, path)
	})
}

// The same for sentencepiece's format.
func FuzzLoadSentencePiece(f *testing.F) {
	data := readFixture(f, "trained/sp-bpe", "tokenizer.model")
	f.Add(data)
	f.Add(data[:500])
	f.Add(data[len(data)-500:])
	path := filepath.Join(f.TempDir(), "tokenizer.model")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		checkLoads(t, path)
	})
}

// checkLoads loads a tokenizer and uses it, in bounded time and with bounded messages. What
// it encodes it decodes, unless its decoder goes beyond a bound.
func checkLoads(t *testing.T, path string) {
	began := time.Now()
	defer func() {
		if took := time.Since(began); took > patience {
			t.Errorf("it took %v", took)
		}
	}()
	tok, err := tokenize.Load(path)
	checkMessage(t, err)
	if err != nil {
		return
	}
	for _, text := range odd {
		ids, err := tok.Encode(text)
		checkMessage(t, err)
		if err != nil {
			continue
		}
		if _, err := tok.Decode(ids); err != nil && !strings.Contains(err.Error(), "takes more than") && !strings.Contains(err.Error(), "write more than") {
			t.Errorf("Decode(Encode(%q) = %v): %v", text, ids, err)
		}
		for _, id := range ids {
			if id < 0 || id >= tok.VocabSize() {
				t.Errorf("Encode(%q) has the id %d, VocabSize is %d", text, id, tok.VocabSize())
			}
		}
	}
}

// checkMessage checks that a message is short, whatever the file has in it.
func checkMessage(t *testing.T, err error) {
	if err != nil && len(err.Error()) > 4000 {
		t.Errorf("a message of %d bytes: %.300s", len(err.Error()), err)
	}
}

// Whatever the files beside a tokenizer hold, Load returns a tokenizer that works or an
// error. The fuzzer changes all three of them, and the tokenizer.
func FuzzLoadSideFiles(f *testing.F) {
	all := new(sideCases)
	unmarshal(f, "side", "cases.json", all)
	names := slices.Sorted(maps.Keys(all.Tokenizers))
	for i, c := range all.Cases {
		if i%20 == 0 {
			f.Add(uint8(slices.Index(names, c.Tokenizer)), []byte(c.Files["tokenizer_config.json"]),
				[]byte(c.Files["special_tokens_map.json"]), []byte(c.Files["added_tokens.json"]))
		}
	}
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, which uint8, config, special, added []byte) {
		file, err := json.Marshal(all.Tokenizers[names[int(which)%len(names)]])
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{
			"tokenizer.json": file, "tokenizer_config.json": config, "special_tokens_map.json": special, "added_tokens.json": added,
		} {
			path := filepath.Join(folder, name)
			if len(data) == 0 {
				os.Remove(path)
			} else if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		checkLoads(t, folder)
	})
}

// Any ids that are not negative are read, by every reader, and one by one they have as
// many texts. Ids that no token has change nothing.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{5, 0, 0, 0, 44, 1, 0, 0, 6, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 127, 0, 0, 0, 0})
	var all []*tokenize.Tokenizer
	for _, folder := range trainedFolders(f) {
		all = append(all, load(f, unpack(f, folder)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var ids, known []int
		for ; len(data) >= 4; data = data[4:] {
			ids = append(ids, int(binary.LittleEndian.Uint32(data)&math.MaxInt32>>(data[0]%20)))
		}
		for _, tok := range all {
			known = known[:0]
			for _, id := range ids {
				if _, ok := tok.IDToToken(id); ok {
					known = append(known, id)
				}
			}
			text, err := tok.Decode(ids)
			again, err2 := tok.Decode(known)
			texts, err3 := tok.StrTokens(ids)
			_, err4 := tok.DecodeSkipSpecial(ids)
			_, err5 := tok.DecodeBytes(ids)
			if err := errors.Join(err, err2, err3, err4, err5); err != nil || text != again || len(texts) != len(ids) {
				t.Errorf("of %v: %q, of the known %q, %d strings, %v", ids, text, again, len(texts), err)
			}
			if _, err := tok.Decode(append(known, -1)); err == nil {
				t.Error("a negative id is no error")
			}
		}
	})
}

// brokenFiles are files that Load refuses, and what it says.
var brokenFiles = []struct{ text, want string }{
	{``, "found the end of the file"},
	{`{"model": `, "found the end of the file"},
	{`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a`, "a string has no end (is the file truncated?)"},
	{`{"version": "1.0"}`, `there is no "model"`},
	{`{"version": "2.0", "model": {"type":"WordLevel","vocab":{"a":0}}}`, `version "2.0" of tokenizer.json is not known`},
	{`{"model": {"type": "Neural", "vocab": {"a": 0}}}`, `model "Neural" is not supported; those that are: ["BPE" "Unigram"`},
	{`{"model": {"type": "BPE", "merges": []}}`, "model: it has no vocab"},
	{`{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}`, `token "a": offset`},
	{`{"model": {"type": "BPE", "vocab": {"a": 99999999999}, "merges": []}}`, "too large for a token id"},
	{`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}`, `merge 0: token "b" is not in the vocabulary`},
	{`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]}}`, "a merge of 1 tokens"},
	{`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}}`, "dropout makes the tokens random"},
	{`{"model": {"type": "Unigram", "vocab": [["a", -1]], "unk_id": 7}}`, "unk_id 7 is not in the vocabulary"},
	{`{"model": {"type": "Unigram", "vocab": [["a"]]}}`, "a vocabulary entry without a score"},
	{`{"normalizer": {"type": "Magic"}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, `normalizer "Magic" is not supported`},
	{`{"pre_tokenizer": {"type": "UnicodeScripts"}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, `pre_tokenizer "UnicodeScripts" is not supported`},
	{`{"decoder": {"type": "CTC"}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, `decoder "CTC" is not supported`},
	{`{"post_processor": {"type": "Frame"}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, `post_processor "Frame" is not supported`},
	{`{"pre_tokenizer": {"type": "Digits", "turbo": 1}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, `unknown field "turbo"`},
	{`{"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, `pattern "("`},
	{`{"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAAAA=="}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, "the table of characters"},
	{`{"turbo": 1, "model": {"type":"WordLevel","vocab":{"a":0}}}`, `"turbo" is no field of tokenizer.json`},
	{`{"added_tokens": [{"id": 1, "content": "x", "lstrip": "yes"}], "model": {"type":"WordLevel","vocab":{"a":0}}}`, "added_tokens: json: cannot unmarshal string into Go struct field .lstrip of type bool"},
	{`{"added_tokens": [{"id": "1", "content": "x"}], "model": {"type":"WordLevel","vocab":{"a":0}}}`, "added_tokens: json: cannot unmarshal string into Go struct field .id of type int"},
	{`{"added_tokens": [{"id": 1}], "model": {"type":"WordLevel","vocab":{"a":0}}}`, `a token without "content"`},
	{`{"padding": {"pad_token": 1}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, "padding: json: cannot unmarshal number"},
	{`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "fuse_unk": "yes"}}`, "model: fuse_unk: json: cannot unmarshal string"},
	{`{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "ignore_merges": 1}}`, "model: ignore_merges: json: cannot unmarshal number"},
	{`{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"], "continuing_subword_prefix": "##"}}`, `token "b" does not begin with the prefix "##"`},
	{`{"model": {"type": "WordPiece", "vocab": {"a": 0}, "max_input_chars_per_word": -1}}`, "max_input_chars_per_word is -1"},
	{`{"normalizer": {"type": "BertNormalizer", "lowercase": "yes"}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, "normalizer BertNormalizer: json: cannot unmarshal string into Go struct field bertNormalizer.lowercase"},
	{`{"pre_tokenizer": {"type": "ByteLevel", "use_regex": "no"}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, "pre_tokenizer ByteLevel: json: cannot unmarshal string into Go struct field byteLevel.use_regex"},
	{`{"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "split": "yes"}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, "pre_tokenizer Metaspace: json: cannot unmarshal string into Go struct field metaspace.split"},
	{`{"post_processor": {"type": "BertProcessing", "cls": ["a", 0]}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, `post_processor BertProcessing: it needs "cls" and "sep"`},
	{`{"post_processor": {"type": "BertProcessing", "cls": ["a", 0], "sep": ["a"]}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, "a special token of 1 parts"},
	{`{"post_processor": {"type": "BertProcessing", "cls": ["a", 0], "sep": ["a", -4]}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, "a special token has the id -4"},
	{`{"decoder": {"type": "WordPiece", "prefix": "##", "cleanup": "yes"}, "model": {"type":"WordLevel","vocab":{"a":0}}}`, "decoder WordPiece: json: cannot unmarshal string into Go struct field wordPieceDecoder.cleanup"},
	{"{\"model\": \"\xff\"}", "byte 0xff at offset 11 is not valid UTF-8"},
	{`{"model": {"type":"WordLevel","vocab":{"a":0}}} x`, `unexpected 'x' after the end`},
}

func TestBrokenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokenizer.json")
	for _, test := range brokenFiles {
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := tokenize.Load(path)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("Load(%s): error %v, want %q and the path", test.text, err, test.want)
		}
		checkKind(t, err, tokenize.ErrUnsupportedFile)
	}
}
