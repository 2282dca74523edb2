#!/bin/bash
# A JAX job on all machines of a TPU VM (Cloud TPU without Kubernetes), from your workstation:
#
#   ./tpu-vm.sh NAME ZONE
#
# podlog and the script must be installed on every machine (the same command with
# --command='pip install podlog', and gcloud compute tpus tpu-vm scp). Change what says CHANGE.

set -euo pipefail

NAME="${1:?name of the TPU VM}"
ZONE="${2:?its zone}"

# What runs on each machine. Which one it is, and of how many, the metadata server says.
read -r -d '' EACH <<'END' || true
set -euo pipefail
attribute() {
  curl -sSf -H 'Metadata-Flavor: Google' \
    "http://metadata.google.internal/computeMetadata/v1/instance/attributes/$1"
}
index="$(attribute agent-worker-number)"
count="$(attribute worker-network-endpoints | awk -F, '{print NF}')"

# CHANGE: a folder on a file system that all machines share (Filestore). On a local disk the run
# is on the first machine, and records of a machine that is gone are lost with it.
run_dir="$HOME/runs/train"

# Every launcher ends with the exit status of the whole job, so all of them start again or none:
# after a lost process (70), a preemption (75) or an abort (76), not after an exception (1),
# wrong usage (2) or NaN (65), which would come again.
for attempt in 1 2 3 4; do
  status=0
  # CHANGE: the command behind the --. --grace: shorter than the 30 s that a preempted VM has.
  podlog exec --process-index "$index" --process-count "$count" \
    --log-path "$run_dir" --grace 15 -- python train.py || status=$?
  case "$status" in
    70 | 75 | 76) echo "attempt $attempt ended with $status" >&2 ;;
    *) break ;;
  esac
done
exit "$status"
END

exec gcloud compute tpus tpu-vm ssh "$NAME" --zone "$ZONE" --worker=all --command "$EACH"
