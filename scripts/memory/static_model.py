"""static_model.py MODEL OUT: a static model (model2vec's layout) from the token vectors of a sentence-transformer."""

import json
import pathlib
import shutil
import struct
import sys

model, out = map(pathlib.Path, sys.argv[1:3])
weights = (model / "model.safetensors").read_bytes()
size = struct.unpack("<Q", weights[:8])[0]
header = json.loads(weights[8 : 8 + size])
name = next(name for name in header if name.endswith("embeddings.word_embeddings.weight"))
begin, end = header[name]["data_offsets"]
table = {"embeddings": {"dtype": "F32", "shape": header[name]["shape"], "data_offsets": [0, end - begin]}}
table = json.dumps(table).encode()
out.mkdir(parents=True)
(out / "model.safetensors").write_bytes(
    struct.pack("<Q", len(table)) + table + weights[8 + size + begin : 8 + size + end]
)
shutil.copy(model / "tokenizer.json", out)
(out / "config.json").write_text('{"model_type": "model2vec", "normalize": true}')
