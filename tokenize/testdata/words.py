"""What Hugging Face's tokenizers make of the files of TestFromWords: python words.py FOLDER TEXT..."""
import sys

import tokenizers

tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
for text in sys.argv[2:]:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    print(repr(text), ids, repr(tokenizer.decode(ids, skip_special_tokens=False)))
