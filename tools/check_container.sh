#!/bin/sh
# Run goutbench in ordinary containers, on Debian as root: an ordinary user, no capabilities, no new privileges. Once with
# Podman's profile of system calls, and once without what Docker's refuses: the hostile suite, and candidates that must get
# the statuses that they get outside. Then build the Containerfile on the same root file system, and run its image.
# Needs podman, runc, debootstrap and a network.
#
#     tools/check_container.sh FOLDER      (FOLDER gets a root file system, and keeps it for the next time)
#     PYTHON=...                           (the Python that runs goutbench outside; .venv/bin/python)
set -eu
folder=$(realpath "$1")
sources=$(realpath "$(dirname "$0")/..")
root=$folder/root
suite=bookworm
python=${PYTHON:-$sources/.venv/bin/python}
limits="--ulimit nofile=1024:1024 --ulimit nproc=4096:4096"
outside() { PYTHONPATH=$sources/src "$python" -m goutbench "$@"; }
for program in podman runc debootstrap; do
  command -v $program >/dev/null || { echo "missing: $program (apt-get install podman runc debootstrap)"; exit 1; }
done
if [ ! -x "$root/opt/venv/bin/goutbench" ]; then
  mkdir -p "$folder"
  [ -d "$root/usr" ] || debootstrap --variant=minbase --include=git,ca-certificates,python3-venv $suite "$root"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  mkdir -p "$root/src" && git -C "$sources" archive HEAD | tar x -C "$root/src"
  chroot "$root" sh -c 'python3 -m venv /opt/venv && /opt/venv/bin/pip install -q -c /src/constraints.txt "/src[go]"'
fi
rm -rf "$root/src" && mkdir "$root/src" && git -C "$sources" archive HEAD | tar x -C "$root/src"
install -d -o 1000 -g 1000 "$root/home/user"

# Docker's profile has no namespaces, mounts, keys and descriptors of other processes for containers without capabilities
python3 - /usr/share/containers/seccomp.json "$folder/docker.json" <<'PYTHON'
import json, sys
refused = {
    "unshare", "setns", "mount", "umount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount",
    "fspick", "mount_setattr", "chroot", "keyctl", "add_key", "request_key", "pidfd_getfd", "clone3", "clone", "kcmp",
}
profile = json.load(open(sys.argv[1]))
for rule in profile["syscalls"]:
    rule["names"] = [name for name in rule["names"] if name not in refused]
profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]] + [
    {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
     "args": [{"index": 0, "value": 0x7E020000, "op": "SCMP_CMP_MASKED_EQ"}]},
    {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
]
json.dump(profile, open(sys.argv[2], "w"))
PYTHON

# a small dataset and its candidates, in the container's /home/user/small
small=$root/home/user/small
rm -rf "$small" && mkdir -p "$small/repos/example"
cp -r "$sources/tests/data/execute/calc" "$small/repos/example/calc"
printf 'repositories:\n  - name: example/calc\n    source: %s\n    version: v1.0.0\n' "$small/repos/example/calc" > "$small/repos.yaml"
outside curate "$small/repos.yaml" --out "$small/dataset"
PYTHONPATH=$sources/src "$python" - "$small" <<'PYTHON'
import json, sys
from pathlib import Path
from goutbench.dataset.store import read_pairs
small = Path(sys.argv[1])
(pair,) = [pair for pair in read_pairs(small / "dataset") if pair.code_path == "calc.go"]
head = 'package calc\n\nimport "testing"\n\nfunc TestAdd(t *testing.T) {\n'
tests = {
    "reference": pair.test,
    "passes": head + "\tif Add(1, 2) != 3 {\n\t\tt.Fatal()\n\t}\n}\n",
    "fails": head + "\tif Add(1, 2) != 4 {\n\t\tt.Fatal()\n\t}\n}\n",
    "panics": head + "\tpanic(Add(1, 2))\n}\n",
    "broken": head,
    "skips": head + "\tt.Skip()\n}\n",
}
rows = ({"pair_id": pair.id, "model": model, "code": code} for model, code in tests.items())
(small / "candidates.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
PYTHON
execute="execute candidates.jsonl --dataset dataset --repos repos --mutants 10"
(cd "$small" && outside $execute --out outside)
chown -R 1000:1000 "$small"

for profile in /usr/share/containers/seccomp.json "$folder/docker.json"; do
  run() {
    podman --runtime runc run --rm --network host --user 1000:1000 --cap-drop all --security-opt no-new-privileges \
      --security-opt "seccomp=$profile" $limits --workdir "${folder_inside:-/src}" \
      --env HOME=/home/user --env GOUTBENCH_CACHE=/home/user/cache --env PYTHONPATH=/src/src \
      --env PATH=/opt/venv/bin:/usr/local/go/bin:/usr/bin:/bin --rootfs "$root" "$@"
  }
  echo "== $profile"
  run goutbench doctor
  folder_inside=/home/user/small run goutbench $execute --out "inside-$(basename "$profile")"
  "$python" - "$small/outside" "$small/inside-$(basename "$profile")" <<'PYTHON'
import sys
import pyarrow.parquet as pq
outside, inside = (
    {row["model"]: (row["status"], row["reason"], row["covered"], row["mutation_score"]) for row in rows}
    for rows in (pq.read_table(f"{folder}/executions.parquet").to_pylist() for folder in sys.argv[1:])
)
for model in outside:
    print(f"{model}: {inside[model]}" + ("" if inside[model] == outside[model] else f" and {outside[model]} outside"))
sys.exit(inside != outside)
PYTHON
  run python tools/hostile_suite.py landlock
done

echo "== Containerfile"
base=$(tar -C "$root" -c --exclude ./src --exclude ./opt/venv --exclude ./home/user . | podman import --quiet -)
podman --runtime runc build --network host $limits --build-arg "BASE=$base" --tag goutbench-check --file "$sources/Containerfile" "$root/src"
podman --runtime runc run --rm $limits goutbench-check doctor
