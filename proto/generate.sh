#!/usr/bin/env bash
# Generates the messages (*_pb2.py and .pyi) anew from the .proto files: `make
# proto`, or `bash proto/generate.sh [PYTHON]` with a Python from 3.11 to 3.13.
#
# The generator is old on purpose: what it writes runs on its own protobuf
# (5.27.2) and every later one, and it lives in an environment of its own
# because it pins them. The hash in the first line is what a test compares.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${1:-python3}
tools=.cache/grpcio-tools-1.66.2
if [ ! -e "$tools/.ready" ]; then
  "$python" -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet grpcio-tools==1.66.2 "setuptools<81"
  touch "$tools/.ready"
fi

made=.cache/generated
rm -rf "$made" proto/*_pb2.py proto/*_pb2.pyi
mkdir -p "$made"
for source in proto/*.proto; do
  "$tools/bin/python" -m grpc_tools.protoc -Ipodlog/proto=proto \
    --python_out="$made" --pyi_out="$made" "podlog/$source"
  hash=$("$python" -c 'import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$source")
  name=$(basename "$source" .proto)
  for file in "${name}_pb2.py" "${name}_pb2.pyi"; do
    { echo "# $name.proto sha256: $hash"; cat "$made/podlog/proto/$file"; } > "proto/$file"
  done
  echo "proto/${name}_pb2.py is that of $name.proto $hash"
done
rm -rf "$made"
