#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes a program of another Debian's Blender, with which tests/hosts can run, window and all:
#
#     sudo tests/hosts/debian_blender.sh SUITE FOLDER [PYTHON]
#     sudo XMEMPP_BLENDERS=FOLDER/blender-SUITE PYTHON -m pytest tests/hosts
#
# SUITE is trixie (Blender 4.3.2), sid (5.2.2 in November 2026) or what else Debian has; PYTHON is
# the one that runs the tests, .venv/bin/python by default. Needs root, debootstrap, the network
# and 1.5 GB a suite; Xvfb as ever.
#
# Blender runs in a chroot with the folders of this machine in it, other than those of its
# system. The engine that it starts is PYTHON again, outside of the chroot.
set -eu
suite=$1
mkdir -p "$2"
folder=$(realpath "$2")
python=$(realpath "${3:-.venv/bin/python}")
root=$folder/$suite

if [ ! -x "$root/usr/bin/blender" ]; then
    debootstrap --variant=minbase "$suite" "$root" http://deb.debian.org/debian
    # Debian's Blender 5.2 does not ask for what its extensions import: cattr and requests
    DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -y --no-install-recommends \
        blender python3-numpy python3-cattr python3-requests \
        libgl1 libopengl0 libegl1 libgl1-mesa-dri
    ln -sf /proc/self/mounts "$root/etc/mtab"
    mkdir -p "$root/outside"
fi

cat >"$root/usr/local/bin/go-outside" <<'END'
#!/bin/sh
exec chroot /outside env -C "$PWD" "$0" "$@"
END

cat >"$folder/blender-$suite" <<END
#!/bin/sh
exec unshare --mount "$root/usr/local/bin/blender-inside" "$root" "$python" "\$@"
END

cat >"$root/usr/local/bin/blender-inside" <<'END'
#!/bin/sh
# Binds what is needed, for this process alone, and becomes Blender: signals reach it.
set -eu
root=$1 python=$2
shift 2
mount --rbind / "$root/outside"
for each in /*; do
    case $each in
        /bin | /boot | /etc | /lib* | /sbin | /usr | /var) continue ;;
    esac
    [ -d "$each" ] || continue
    mkdir -p "$root$each"
    mount --rbind "$each" "$root$each"
done
if [ ! -e "$root$python" ]; then
    mkdir -p "$(dirname "$root$python")"
    touch "$root$python"
fi
mount --bind "$root/usr/local/bin/go-outside" "$root$python"
# another Mesa changes the length of a shader cache that this one has mapped: a bus error
exec chroot "$root" env -C "$PWD" MESA_SHADER_CACHE_DIR=/var/cache/mesa /usr/bin/blender "$@"
END

chmod +x "$root/usr/local/bin/go-outside" "$root/usr/local/bin/blender-inside" "$folder/blender-$suite"
"$folder/blender-$suite" --version | head -1
