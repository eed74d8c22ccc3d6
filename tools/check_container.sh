#!/bin/sh
# Run goutbench in ordinary containers, on Debian as root: an ordinary user, no capabilities, no new privileges. Once with
# Podman's profile of system calls, and once without what Docker's refuses. Needs podman, runc, debootstrap and a network.
#
#     tools/check_container.sh FOLDER      (FOLDER gets a root file system, and keeps it for the next time)
set -eu
folder=$(realpath "$1")
sources=$(realpath "$(dirname "$0")/..")
root=$folder/root
suite=bookworm
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

for profile in /usr/share/containers/seccomp.json "$folder/docker.json"; do
  run() {
    podman --runtime runc run --rm --network host --user 1000:1000 --cap-drop all --security-opt no-new-privileges \
      --security-opt "seccomp=$profile" --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --workdir /src \
      --env HOME=/home/user --env GOUTBENCH_CACHE=/home/user/cache --env PYTHONPATH=/src/src \
      --env PATH=/opt/venv/bin:/usr/local/go/bin:/usr/bin:/bin --rootfs "$root" "$@"
  }
  echo "== $profile"
  run goutbench doctor
  run python tools/hostile_suite.py landlock
done
